import { nearName } from "./near-name.ts";
import { comparePaths, type Path, pointer } from "./pointer.ts";

/** Every code that a {@link Finding} can carry. A code never changes its meaning. */
export const findingCodes = [
  "GRAPH_SHAPE",
  "GRAPH_EMPTY",
  "GRAPH_TOO_LARGE",
  "GRAPH_DUPLICATE_NODE",
  "GRAPH_UNKNOWN_DEPENDENCY",
  "GRAPH_DUPLICATE_DEPENDENCY",
  "GRAPH_SELF_DEPENDENCY",
  "GRAPH_CYCLE",
  "GRAPH_EDGES_DISAGREE",
  "GRAPH_EDGE_DATA",
  "GRAPH_FAN_IN",
  "GRAPH_START_WHEN",
  "GRAPH_WHEN",
  "GRAPH_UNKNOWN_ADAPTER",
  "GRAPH_ADAPTER_ARGS",
  "GRAPH_FROM_NODES",
  "GRAPH_FN",
  "GRAPH_FN_ARGS",
  "GRAPH_FLOW",
  "GRAPH_RETRY_POLICY",
  "GRAPH_LIMITS",
  "GRAPH_PARAM_REF",
  "GRAPH_UNKNOWN_TYPE",
  "GRAPH_UNSUPPORTED",
  "GRAPH_PARAMS_SCHEMA",
] as const;

/** The stable code of a {@link Finding}, for programs. */
export type FindingCode = (typeof findingCodes)[number];

/** One mistake in a graph. A type alias, because an interface is not assignable to the JSON of an error's details. */
export type Finding = {
  readonly code: FindingCode;
  /** JSON pointer to the mistake; `""` for the graph itself. */
  readonly path: string;
  /** A sentence that names the node. */
  readonly message: string;
  /** The name that was probably intended. */
  readonly hint?: string;
};

export interface FindingInput {
  readonly code: FindingCode;
  readonly path: Path;
  readonly message: string;
  /** Adds the name of `among` nearest to `word` as the hint. */
  readonly near?: { readonly word: string; readonly among: Iterable<string> & { readonly size: number } };
}

/** Limits the name comparisons of one validation, so that a large graph with a mistake in each node stays fast. */
const hintBudget = 200_000;

/** Collects findings, independent of the order of checks. */
export class FindingList {
  readonly #found = new Map<string, { readonly path: Path; readonly finding: Finding }>();
  #budget = hintBudget;

  /** Ignores a second finding with the same code and path. */
  add({ code, path, message, near }: FindingInput): void {
    const at = pointer(path);
    const key = `${code} ${at}`;
    if (this.#found.has(key)) return;
    const hint = near === undefined ? undefined : this.#hint(near);
    this.#found.set(key, { path, finding: { code, path: at, message, ...(hint === undefined ? {} : { hint }) } });
  }

  get size(): number {
    return this.#found.size;
  }

  /** The indexes of nodes with findings. */
  nodes(): ReadonlySet<unknown> {
    return new Set([...this.#found.values()].flatMap(({ path }) => (path[0] === "nodes" ? [path[1]] : [])));
  }

  /** In document order. */
  toArray(): Finding[] {
    return [...this.#found.values()].sort((a, b) => comparePaths(a.path, b.path)).map(({ finding }) => finding);
  }

  #hint({ word, among }: NonNullable<FindingInput["near"]>): string | undefined {
    if (among.size > this.#budget) return undefined;
    this.#budget -= among.size;
    return nearName(word, among);
  }
}

const mostListed = 20;

/**
 * Formats findings as text, one per line.
 *
 * @example
 * formatFindings([{ code: "GRAPH_UNKNOWN_TYPE", path: "/nodes/0/type", message: "node 'a': ...", hint: "loader" }])
 * // "GRAPH_UNKNOWN_TYPE at /nodes/0/type: node 'a': ... (did you mean 'loader'?)"
 */
export function formatFindings(findings: readonly Finding[]): string {
  const lines = findings.slice(0, mostListed).map(({ code, path, message, hint }) => {
    const place = path === "" ? "" : ` at ${path}`;
    return `${code}${place}: ${message}${hint === undefined ? "" : ` (did you mean '${hint}'?)`}`;
  });
  if (findings.length > mostListed) lines.push(`... and ${findings.length - mostListed} more`);
  return lines.join("\n");
}
