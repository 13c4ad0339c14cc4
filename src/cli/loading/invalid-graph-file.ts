import type { Finding, FindingCode } from "../../graph/index.ts";
import type { Terminal } from "../terminal/terminal.ts";
import type { JsonSource } from "./json-source.ts";

/** A mistake in a graph; `GRAPH_HANDLER`: a node does not match its handler. */
export type FileFinding = Omit<Finding, "code"> & { readonly code: FindingCode | "GRAPH_HANDLER" };

/** A finding with its position in the file; line and column are one-based. */
export type PlacedFinding = FileFinding & { readonly line: number; readonly column: number };

/** A graph JSON is invalid. */
export class InvalidGraphFile extends Error {
  override readonly name = "InvalidGraphFile";
  readonly file: string;
  readonly findings: readonly PlacedFinding[];

  constructor(file: string, source: JsonSource, findings: readonly FileFinding[]) {
    super(`${findings.length} ${findings.length === 1 ? "mistake" : "mistakes"} in ${file}`);
    this.file = file;
    this.findings = findings
      .map((finding) => ({ ...finding, ...source.positionOf(finding.path) }))
      .sort((a, b) => a.line - b.line || a.column - b.column);
  }
}

/** One line per finding, in the `file:line:column` form that editors link to. */
export function findingLines(terminal: Terminal, { file, findings }: InvalidGraphFile): readonly string[] {
  return findings.map(({ code, path, message, hint, line, column }) => {
    const suggestion = hint === undefined ? "" : ` (did you mean '${hint}'?)`;
    const place = terminal.styled("cyan", `${file}:${line}:${column}`);
    return `${place} ${code} at ${path === "" ? "the graph" : path}: ${message}${suggestion}`;
  });
}
