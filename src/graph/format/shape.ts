import type { $ZodIssue } from "zod/v4/core";
import type { Json, JsonObject } from "../../errors/index.ts";
import type { FindingList } from "./findings.ts";
import { codeAt, ioKeys, keysAt, misspelt, nodeKeys, runtimeKeys, unsupportedKeys } from "./known-keys.ts";
import { cut, formatMessage, shown } from "./messages.ts";
import {
  type BatchPolicy,
  type DelaySec,
  type FanIn,
  type FieldTable,
  type GraphNode,
  type InputInline,
  ioFields,
  nodeFields,
  type RetryPolicy,
  type StartWhen,
} from "./node-fields.ts";
import { isObject, type PlainCopy } from "./plain-data.ts";
import { type Path, pointer, valueAt } from "./pointer.ts";
import { graphShape, nodeShape } from "./schema.ts";
import { dotted, expectation, nearValue } from "./zod-issues.ts";

/**
 * Reports values that do not match the shape, and returns the rest for further checks.
 *
 * @returns `undefined` if there are no nodes to check
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
    isNamed: value.name !== undefined,
    paramsSchema: isObject(value.params_schema) ? value.params_schema : undefined,
    schemas: isObject(value.schemas) ? value.schemas : undefined,
    flows: isObject(value.flows) ? value.flows : undefined,
  };
}

/**
 * Parses node by node first: zod copies what it parses, and the copies of single nodes are freed by the next garbage
 * collection, while the copy of a large graph survives several.
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
  if (issue.code === "invalid_union") {
    // The form that was meant: the one that expects this kind of value.
    const meant = issue.errors.find((form) => form.every((inner) => inner.path.length > 0 || !isOfOtherKind(inner)));
    for (const inner of meant ?? []) report({ ...inner, path: [...path, ...inner.path] }, value, nodes, findings);
    if (meant !== undefined) return;
  }
  const { where, key } = placeOf(path, nodes);
  const runtimeKey = path[0] === "nodes" ? runtimeKeys.find((name) => name === path[2]) : undefined;
  if (runtimeKey !== undefined) {
    const at = path.slice(0, 3);
    const message = formatMessage("runtimeState", { where, key: runtimeKey });
    findings.add({ code: "GRAPH_UNSUPPORTED", path: at, message });
    return;
  }
  if (issue.code === "unrecognized_keys") {
    for (const unknown of issue.keys) reportUnknownKey({ path: [...path, unknown], where, within: key }, findings);
    return;
  }
  const actual = valueAt(value, path);
  if (path.length === 1 && path[0] === "nodes" && issue.code === "too_small") {
    findings.add({ code: "GRAPH_EMPTY", path, message: formatMessage("graphEmpty", {}) });
  } else if (actual === undefined) {
    const holder = valueAt(value, path.slice(0, -1));
    if (isObject(holder) && misspelt(holder, keysAt(path.slice(0, -1))).has(String(path.at(-1)))) return;
    findings.add({ code: codeAt(path), path, message: formatMessage("missingKey", { where, key }) });
  } else {
    const values = { where, key: key === "" ? "" : `${key} `, expected: expectation(issue), actual: shown(actual) };
    const near = nearValue(issue, actual);
    findings.add({ code: codeAt(path), path, message: formatMessage("illShaped", values), ...near });
  }
}

const isOfOtherKind = ({ code }: $ZodIssue): boolean => code === "invalid_type" || code === "invalid_union";

function reportUnknownKey(at: { path: Path; where: string; within: string }, findings: FindingList): void {
  const { path, where } = at;
  const unknown = String(path.at(-1));
  const key = cut(at.within === "" ? unknown : `${at.within}.${unknown}`);
  const advice = unsupportedKeys.get(unknown);
  if (advice === undefined) {
    const near = { word: unknown, among: keysAt(path.slice(0, -1)) };
    findings.add({ code: "GRAPH_SHAPE", path, message: formatMessage("unknownKey", { where, key }), near });
  } else {
    findings.add({ code: "GRAPH_UNSUPPORTED", path, message: formatMessage("unsupportedKey", { where, key, advice }) });
  }
}

/** A place as messages name it: the node, edge or graph, and the keys from there. */
function placeOf(path: Path, nodes: readonly DraftNode[]): { readonly where: string; readonly key: string } {
  if (path[0] === "nodes" && path.length > 1) {
    const index = Number(path[1]);
    return { where: nodes[index]?.label ?? `nodes[${index}]`, key: dotted(path.slice(2)) };
  }
  if (path[0] === "edges" && path.length > 1) return { where: `edges[${path[1]}]`, key: dotted(path.slice(2)) };
  return { where: "the graph", key: dotted(path) };
}

const inNode = [
  "node_id",
  "type",
  "depends_on",
  "fan_in",
  "when",
  "optional",
  "delay_sec",
  "timeout_sec",
  "retry_policy",
  "batches",
  "partitions",
  "limits",
] as const;
const inIo = ["start_when", "input_inline", "fn", "fn_args", "flow", "item", "settled"] as const;
const isInIo = (facet: Facet): boolean => (inIo as readonly Facet[]).includes(facet);

/** A node without mistakes in its shape. */
function wellShapedNode(raw: JsonObject, index: number): DraftNode {
  const { node_id, type, depends_on, fan_in, when, optional, delay_sec, timeout_sec, ...others } = raw;
  const { retry_policy, batches, partitions, limits } = others;
  const { start_when, input_inline, fn, fn_args, flow, item, settled } = (raw.io ?? {}) as JsonObject;
  const inside = { start_when, input_inline, fn, fn_args, flow, item, settled };
  const control = { fan_in, when, optional, delay_sec, timeout_sec };
  const facets = { node_id, type, depends_on, ...control, retry_policy, batches, partitions, limits, ...inside };
  return draftNode({ index, name: node_id as string, facets });
}

/** A node with mistakes in its shape, as far as it can be read; a misspelt key is read as the intended one. */
function illShapedNode(raw: Json, index: number): DraftNode {
  const unclear = new Set<Facet>();
  const facets: { [facet: string]: unknown } = {};
  const keyOf = new Map<Facet, string>();
  const read = (from: JsonObject, keys: readonly Facet[], fields: FieldTable) => {
    const meant = misspelt(from, fields === ioFields ? ioKeys : nodeKeys);
    for (const facet of keys) {
      const key = Object.hasOwn(from, facet) ? facet : meant.get(facet);
      if (key === undefined) continue;
      keyOf.set(facet, key);
      if (fields[facet]?.schema.safeParse(from[key]).success) facets[facet] = from[key];
      else unclear.add(facet);
    }
  };
  if (isObject(raw)) {
    read(raw, inNode, nodeFields);
    const io = raw.io ?? raw[misspelt(raw, nodeKeys).get("io") ?? "io"];
    if (isObject(io)) read(io, inIo, ioFields);
    else if (io !== undefined) for (const facet of inIo) unclear.add(facet);
  } else {
    for (const facet of [...inNode, ...inIo]) unclear.add(facet);
  }
  const id = isObject(raw) ? raw[keyOf.get("node_id") ?? "node_id"] : undefined;
  return draftNode({ index, name: typeof id === "string" ? cut(id) : undefined, facets, unclear, keyOf });
}

/**
 * Names by which other nodes may refer to a node without a valid id: any text under an unknown key, such as
 * `{ "id": "extract" }`. A reference to such a name is not a second mistake.
 */
function possibleNames(raw: Json): string[] {
  if (!isObject(raw)) return [];
  const id = raw.node_id;
  if (typeof id === "string" || typeof id === "number") return [String(id)];
  return Object.entries(raw).flatMap(([key, value]) =>
    typeof value === "string" && !nodeKeys.has(key) ? [value] : [],
  );
}

interface DraftParts {
  readonly index: number;
  readonly name: string | undefined;
  readonly facets: object;
  readonly unclear?: ReadonlySet<Facet>;
  readonly keyOf?: ReadonlyMap<Facet, string>;
}

const none: ReadonlySet<Facet> = new Set();

function draftNode({ index, name, facets, unclear = none, keyOf }: DraftParts): DraftNode {
  return {
    index,
    name: name ?? `#${index}`,
    label: name === undefined ? `nodes[${index}]` : `node '${name}'`,
    facets: facets as Facets,
    unclear,
    pathOf: (facet): Path => {
      const key = keyOf?.get(facet) ?? facet;
      return isInIo(facet) ? ["nodes", index, "io", key] : ["nodes", index, key];
    },
  };
}

/** The fields of a node that the checks use, including those inside `io`. */
export interface Facets {
  readonly node_id?: string;
  readonly type?: string;
  readonly depends_on?: readonly string[];
  readonly fan_in?: FanIn;
  readonly when?: NonNullable<GraphNode["when"]>;
  readonly optional?: boolean;
  readonly delay_sec?: DelaySec;
  readonly timeout_sec?: number;
  readonly start_when?: StartWhen;
  readonly input_inline?: InputInline;
  readonly fn?: string;
  readonly fn_args?: JsonObject;
  readonly flow?: string;
  readonly item?: string;
  readonly settled?: boolean;
  readonly retry_policy?: RetryPolicy;
  readonly batches?: BatchPolicy;
  readonly partitions?: number;
  readonly limits?: JsonObject;
}

export type Facet = keyof Facets;

/**
 * A node as far as it is well-shaped. One mistake must neither hide others nor be reported again by later checks: a
 * check uses the readable fields (`facets`), and reports nothing about fields that are present but unreadable
 * (`unclear`).
 */
export interface DraftNode {
  readonly index: number;
  /** Its name in messages: `node 'extract'`, or `nodes[3]` if it has no id. */
  readonly label: string;
  /** The same for messages that contain the word "node". */
  readonly name: string;
  readonly facets: Facets;
  readonly unclear: ReadonlySet<Facet>;
  /** The actual path of `facets[facet]`, under a misspelt key too. */
  pathOf(facet: Facet): Path;
}

export interface DraftEdge {
  readonly index: number;
  readonly from: string;
  readonly to: string;
}

export interface Draft {
  readonly nodes: readonly DraftNode[];
  /** By all names of a node, including those under misspelt keys; the first of several nodes with one id. */
  readonly byName: ReadonlyMap<string, DraftNode>;
  /** `undefined` if the graph has no `edges`. */
  readonly edges: readonly DraftEdge[] | undefined;
  /** Whether some edges are unreadable. */
  readonly edgesUnclear: boolean;
  readonly isNamed: boolean;
  readonly paramsSchema: JsonObject | undefined;
  readonly schemas: JsonObject | undefined;
  /** The graphs of flows, which are checked on their own. */
  readonly flows: JsonObject | undefined;
}
