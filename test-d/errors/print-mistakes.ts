import type { CompiledMistakes, Said } from "./compiled-mistakes.ts";
import type { Mistake } from "./mistakes/mistake.ts";

/** What every compiler says about every mistake, for people to read: said once where they agree. */
export function printMistakes(mistakes: readonly Mistake[], compiled: CompiledMistakes): string {
  return mistakes.map(({ rule }) => `# ${rule}\n\n${said(compiled, compiled.byRule.get(rule) ?? [])}\n`).join("\n");
}

function said(compiled: CompiledMistakes, all: readonly Said[]): string {
  const blocks = Map.groupBy(all, (one) => block(compiled, one));
  return [...blocks]
    .map(([text, group]) => `${group.map(({ compiler }) => compiler).join(", ")} at ${text}`)
    .join("\n\n");
}

function block(compiled: CompiledMistakes, one: Said): string {
  const { row, column, line } = compiled.place(one);
  const message = one.text.split("\n").map((text) => `  ${text}`);
  return [`${row}:${column}`, `  ${line}`, `  ${" ".repeat(column - 1)}^ ${one.code}`, ...message].join("\n");
}
