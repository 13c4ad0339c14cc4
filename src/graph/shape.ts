import type { $ZodIssue } from "zod/v4/core";
import type { Json, JsonObject } from "../errors/index.ts";
import type { Draft, DraftEdge, DraftNode } from "./draft.ts";
import type { FindingList } from "./findings.ts";
import { keysAt, misspelt } from "./known-keys.ts";
import { say } from "./messages.ts";
import { isObject, type PlainCopy } from "./plain-data.ts";
import { type Path, pointer, valueAt } from "./pointer.ts";
import { cut, shown } from "./quoted.ts";
import { illShapedNode, possibleNames, wellShapedNode } from "./read-node.ts";
import { graphShape, nodeShape } from "./schema.ts";
import { codeAt, runtimeKeys, unsupportedKeys } from "./shape-codes.ts";
import { dotted, expectation, nearValue } from "./zod-issues.ts";

/**
 * Reports what is not of the shape, and hands on what is.
 *
 * @returns `undefined` when there are no nodes to look at
 */
export function readShape({ value, spoilt }: PlainCopy, findings: FindingList): Draft | undefined {
  const issues = issuesOf(value);
  const touched = new Set(issues.map(({ path }) => nodeIndex(path as Path)));
  const nodes = isObject(value) && Array.isArray(value.nodes) ? readNodes(value.nodes, touched) : [];
  for (const issue of issues) if (!spoilt.has(pointer(issue.path as Path))) report(issue, value, nodes, findings);
  if (!isObject(value) || nodes.length === 0) return undefined;
  const rawNodes = value.nodes as readonly Json[];
  const edges = readEdges(value.edges);
  return {
    nodes,
    byName: byName(nodes, rawNodes),
    edges,
    edgesUnclear:
      edges === undefined
        ? misspelt(value, keysAt([])).has("edges")
        : edges.length < (value.edges as readonly Json[]).length,
    paramsSchema: isObject(value.params_schema) ? value.params_schema : undefined,
    schemas: isObject(value.schemas) ? value.schemas : undefined,
  };
}

/**
 * Node by node first: zod makes a copy of what it parses, and those of single nodes are gone before the next collection,
 * where that of a large graph is carried along through several.
 */
function issuesOf(value: Json): readonly $ZodIssue[] {
  if (isObject(value) && Array.isArray(value.nodes)) {
    const { nodes } = value;
    const rest = { ...value, nodes: nodes.slice(0, 1) };
    if (nodes.every((node) => nodeShape.safeParse(node).success) && graphShape.safeParse(rest).success) return [];
  }
  const parsed = graphShape.safeParse(value);
  return parsed.success ? [] : parsed.error.issues;
}

const nodeIndex = (path: Path): unknown => (path[0] === "nodes" ? path[1] : undefined);

function readNodes(raw: readonly Json[], touched: ReadonlySet<unknown>): DraftNode[] {
  return raw.map((node, index) =>
    touched.has(index) ? illShapedNode(node, index) : wellShapedNode(node as JsonObject, index),
  );
}

function byName(nodes: readonly DraftNode[], raw: readonly Json[]): ReadonlyMap<string, DraftNode> {
  const found = new Map<string, DraftNode>();
  const claim = (name: string, node: DraftNode) => {
    if (!found.has(name)) found.set(name, node);
  };
  for (const node of nodes) if (node.facets.node_id !== undefined) claim(node.facets.node_id, node);
  for (const node of nodes) {
    if (node.facets.node_id === undefined) for (const name of possibleNames(raw[node.index] ?? null)) claim(name, node);
  }
  return found;
}

function readEdges(raw: Json | undefined): readonly DraftEdge[] | undefined {
  if (!Array.isArray(raw)) return undefined;
  const edges: DraftEdge[] = [];
  for (const [index, edge] of (raw as readonly Json[]).entries()) {
    if (!Array.isArray(edge) || edge.length !== 2) continue;
    const [from, to]: readonly Json[] = edge;
    if (typeof from === "string" && typeof to === "string") edges.push({ index, from, to });
  }
  return edges;
}

function report(issue: $ZodIssue, value: Json, nodes: readonly DraftNode[], findings: FindingList): void {
  const path = issue.path as Path;
  const { where, key } = placeOf(path, nodes);
  const runtimeKey = path[0] === "nodes" ? runtimeKeys.find((name) => name === path[2]) : undefined;
  if (runtimeKey !== undefined) {
    const at = path.slice(0, 3);
    const message = say("runtimeState", { where, key: runtimeKey });
    findings.add({ code: "GRAPH_UNSUPPORTED", path: at, message });
    return;
  }
  if (issue.code === "unrecognized_keys") {
    for (const unknown of issue.keys) reportUnknownKey({ path: [...path, unknown], where, within: key }, findings);
    return;
  }
  const actual = valueAt(value, path);
  if (path.length === 1 && path[0] === "nodes" && issue.code === "too_small") {
    findings.add({ code: "GRAPH_EMPTY", path, message: say("graphEmpty", {}) });
  } else if (actual === undefined) {
    const holder = valueAt(value, path.slice(0, -1));
    if (isObject(holder) && misspelt(holder, keysAt(path.slice(0, -1))).has(String(path.at(-1)))) return;
    findings.add({ code: codeAt(path), path, message: say("missingKey", { where, key }) });
  } else {
    const values = { where, key: key === "" ? "" : `${key} `, expected: expectation(issue), actual: shown(actual) };
    const near = nearValue(issue, actual);
    findings.add({ code: codeAt(path), path, message: say("illShaped", values), ...near });
  }
}

function reportUnknownKey(at: { path: Path; where: string; within: string }, findings: FindingList): void {
  const { path, where } = at;
  const unknown = String(path.at(-1));
  const key = cut(at.within === "" ? unknown : `${at.within}.${unknown}`);
  const advice = unsupportedKeys.get(unknown);
  if (advice === undefined) {
    const near = { word: unknown, among: keysAt(path.slice(0, -1)) };
    findings.add({ code: "GRAPH_SHAPE", path, message: say("unknownKey", { where, key }), near });
  } else {
    findings.add({ code: "GRAPH_UNSUPPORTED", path, message: say("unsupportedKey", { where, key, advice }) });
  }
}

/** The words for a place: whose it is, and the keys from there. */
function placeOf(path: Path, nodes: readonly DraftNode[]): { readonly where: string; readonly key: string } {
  if (path[0] === "nodes" && path.length > 1) {
    const index = Number(path[1]);
    return { where: nodes[index]?.label ?? `nodes[${index}]`, key: dotted(path.slice(2)) };
  }
  if (path[0] === "edges" && path.length > 1) return { where: `edges[${path[1]}]`, key: dotted(path.slice(2)) };
  return { where: "the graph", key: dotted(path) };
}
