import type { CompiledMistakes, Said } from "./compiled-mistakes.ts";
import type { Mistake } from "./mistakes/mistake.ts";

/** The messages of all compilers for all mistakes, as a readable text; equal ones are listed once. */
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
