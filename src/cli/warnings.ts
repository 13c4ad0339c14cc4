import type { Terminal } from "./terminal.ts";

/** Of Node, about what this command does on purpose: it runs TypeScript, and SQLite, wherever Node has them. */
const expected: ReadonlySet<string> = new Set(["ExperimentalWarning", "MODULE_TYPELESS_PACKAGE_JSON"]);

/** Warnings are said beside the result, as all else is, without those that are no news. */
export function takeWarnings(terminal: Terminal): void {
  process.removeAllListeners("warning");
  process.on("warning", (warning: Error & { readonly code?: string }) => {
    if (expected.has(warning.name) || expected.has(warning.code ?? "")) return;
    terminal.note(terminal.styled("yellow", `${warning.name}: ${warning.message}`));
  });
}
