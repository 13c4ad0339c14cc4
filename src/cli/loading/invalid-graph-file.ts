import type { Finding, FindingCode } from "../../graph/index.ts";
import type { JsonSource } from "./json-source.ts";

/** A mistake in a graph; `GRAPH_HANDLER`: a node isn't what its handler takes. */
export type FileFinding = Omit<Finding, "code"> & { readonly code: FindingCode | "GRAPH_HANDLER" };

/** The same, and where in its file it stands. Lines and columns from 1. */
export type PlacedFinding = FileFinding & { readonly line: number; readonly column: number };

/** A graph JSON with mistakes in it. */
export class InvalidGraphFile extends Error {
  override readonly name = "InvalidGraphFile";
  readonly file: string;
  readonly findings: readonly PlacedFinding[];

  constructor(file: string, source: JsonSource, findings: readonly FileFinding[]) {
    super(`${findings.length === 1 ? "a mistake" : `${findings.length} mistakes`} in ${file}`);
    this.file = file;
    this.findings = findings
      .map((finding) => ({ ...finding, ...source.positionOf(finding.path) }))
      .sort((a, b) => a.line - b.line || a.column - b.column);
  }
}
