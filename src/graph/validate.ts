import { FlowError } from "../errors/index.ts";
import { runChecks, type ValidateOptions } from "./checks/index.ts";
import { checkSize } from "./checks/size.ts";
import { type Finding, FindingList, formatFindings } from "./findings.ts";
import { defaultGraphLimits } from "./limits.ts";
import { normalise } from "./normalise.ts";
import { copyPlain } from "./plain-data.ts";
import { readShape } from "./shape.ts";
import type { Graph } from "./types.ts";

/** A graph that is right, made uniform; or everything that is wrong with it. */
export type Validation =
  | { readonly ok: true; readonly graph: Graph }
  | { readonly ok: false; readonly findings: readonly Finding[] };

/**
 * Checks a graph, whoever wrote it, and reports every mistake in it. Never throws for what is in the graph, and never
 * changes the object that it is given.
 *
 * @example
 * validateGraph({ nodes: [{ node_id: "load", type: "loader", depends_on: ["extrct"] }, { node_id: "extract", type: "extractor" }] })
 * // {
 * //   ok: false,
 * //   findings: [{
 * //     code: "GRAPH_UNKNOWN_DEPENDENCY",
 * //     path: "/nodes/0/depends_on/0",
 * //     message: "node 'load' depends on 'extrct', which is not a node of this graph",
 * //     hint: "extract",
 * //   }],
 * // }
 *
 * @param input - the graph as an object: what `JSON.parse` gives, or what a program put together
 * @returns the graph in its long form (aliases written out, `depends_on` and `edges` both there, frozen), or the
 * findings in document order
 */
export function validateGraph(input: unknown, options: ValidateOptions = {}): Validation {
  const findings = new FindingList();
  const limits = { ...defaultGraphLimits, ...options.limits };
  const copy = copyPlain(input, limits, findings);
  if (copy === undefined || !checkSize(copy.value, limits, findings))
    return { ok: false, findings: findings.toArray() };
  const draft = readShape(copy, findings);
  if (draft !== undefined) runChecks({ draft, options, findings, names: new Set(draft.byName.keys()) });
  if (draft === undefined || findings.size > 0) return { ok: false, findings: findings.toArray() };
  return { ok: true, graph: normalise(copy.value) };
}

/**
 * The same for those who want a graph or an error.
 *
 * @example
 * parseGraph({ nodes: [{ node_id: "extract", type: "extractor" }] })
 * // { schema_version: "1.0", nodes: [{ node_id: "extract", type: "extractor", depends_on: [] }], edges: [] }
 *
 * @throws FlowError `GRAPH_INVALID`; its message lists the findings, `details.findings` has them as data
 */
export function parseGraph(input: unknown, options: ValidateOptions = {}): Graph {
  const validation = validateGraph(input, options);
  if (validation.ok) return validation.graph;
  const { findings } = validation;
  const title = findings.length === 1 ? "a mistake in the graph" : `${findings.length} mistakes in the graph`;
  throw new FlowError("GRAPH_INVALID", `${title}\n${formatFindings(findings)}`, { details: { findings } });
}
