import { readFileSync, writeFileSync } from "node:fs";
import { mutationGroups } from "./all-mutations.ts";
import type { Hunt } from "./hunt.ts";
import type { Mutation } from "./mutation.ts";

/* docs/mutations.md has one row per mistake. A run of some mistakes keeps the rows of the others. */

export const page = "docs/mutations.md";
const begin = "<!-- mutations:begin: written by `npm run sim:mutations -- --markdown` -->";
const end = "<!-- mutations:end -->";

/** The existing rows of the page, by the name of the mistake. */
export function rowsOf(text: string): Map<string, string> {
  const rows = [...text.matchAll(/^\| (.+?) \| .+ \|$/gm)].map(([row, name = ""]) => [name, row] as const);
  return new Map(rows.filter(([name]) => name !== "mistake"));
}

export function writePage(hunts: ReadonlyMap<Mutation, Hunt>): void {
  const text = readFileSync(page, "utf8");
  const [before, rest] = text.split(begin);
  const after = rest?.split(end)[1];
  if (before === undefined || after === undefined)
    throw new Error(`${page} lacks the begin and end markers of the tables`);
  const known = rowsOf(text);
  const tables = mutationGroups.map(({ title, mutations }) => {
    const rows = mutations.map((mutation) => {
      const hunt = hunts.get(mutation);
      if (hunt !== undefined) return rowOf(mutation, seedsOf(hunt), finderOf(mutation, hunt));
      return known.get(mutation.name) ?? rowOf(mutation, "not run yet", "");
    });
    return `## ${title}\n\n| mistake | planted in | seeds that failed | found by |\n|---|---|---|---|\n${rows.join("\n")}\n`;
  });
  writeFileSync(page, `${before}${begin}\n${tables.join("\n")}${end}${after}`);
}

function rowOf(mutation: Mutation, seeds: string, finder: string): string {
  const files = [...new Set(mutation.edits.map(({ file }) => file.replace("src/", "")))];
  const cells = [mutation.name, files.map((file) => `\`${file}\``).join(", "), seeds, finder];
  return `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
}

function seedsOf({ chaos, calm }: Hunt): string {
  const failing = Object.entries({ chaos, calm }).filter(([, { failed }]) => failed > 0);
  const shown = failing.length > 0 ? failing : Object.entries({ chaos, calm });
  return shown.map(([mode, { seeds, failed }]) => `${failed} of ${seeds} ${mode}`).join(", ");
}

export function finderOf({ harmless, elsewhere }: Mutation, { check, foundByTest }: Hunt): string {
  const test = foundByTest ? [`\`${elsewhere?.file}\`, "${elsewhere?.title}": ${elsewhere?.why}`] : [];
  const found = [...(check === undefined ? [] : [check]), ...test];
  if (found.length > 0) return found.join("; ");
  return harmless === undefined ? "**not found**" : `costs time only: ${harmless}`;
}
