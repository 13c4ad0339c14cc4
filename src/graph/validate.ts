import { builtInFunction } from "../builtins/coordinator-functions/index.ts";
import { adapterName, builtInAdapter, spellOutArgs } from "../builtins/input-adapters/index.ts";
import { FlowError, type Json, type JsonObject } from "../errors/index.ts";
import { checkParamRefs, checkParamsSchema } from "./checks/args.ts";
import type { CheckContext, ValidateOptions } from "./checks/context.ts";
import { checkControl } from "./checks/control.ts";
import { checkFlows, maxFlowDepth } from "./checks/flows.ts";
import { checkFunctions } from "./checks/functions.ts";
import { checkData, checkFailures, checkInput, checkSources } from "./checks/input.ts";
import {
  checkCycles,
  checkEdges,
  checkIds,
  checkLimits,
  checkStart,
  checkTypes,
  linkNodes,
} from "./checks/structure.ts";
import { type Finding, FindingList, formatFindings } from "./format/findings.ts";
import { runtimeKeys } from "./format/known-keys.ts";
import { defaultGraphLimits, type GraphLimits } from "./format/limits.ts";
import { formatMessage } from "./format/messages.ts";
import type { GraphNode } from "./format/node-fields.ts";
import { hasOwnWhere } from "./format/pattern.ts";
import { copyPlain, deepFreeze, isObject } from "./format/plain-data.ts";
import { type Draft, type Facets, readShape } from "./format/shape.ts";
import { components } from "./format/topology.ts";
import { flowType, type Graph } from "./format/types.ts";

/** A valid graph in its long form, or all findings. */
export type Validation =
  | { readonly ok: true; readonly graph: Graph }
  | { readonly ok: false; readonly findings: readonly Finding[] };

/**
 * Checks an untrusted graph and reports every mistake. Never throws because of the graph's content and never modifies
 * `input`.
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
 * @param input - the graph as an object, from `JSON.parse` or built by a program
 * @returns the graph in its long form (frozen, aliases expanded, with both `depends_on` and `edges`), or the findings
 * in document order
 */
export function validateGraph(input: unknown, options: ValidateOptions = {}): Validation {
  return validateAt(input, options, 0);
}

/** `depth`: the number of enclosing flows. */
function validateAt(input: unknown, options: ValidateOptions, depth: number): Validation {
  const findings = new FindingList();
  const limits = { ...defaultGraphLimits, ...options.limits };
  const copy = copyPlain(input, limits, findings);
  if (copy === undefined || !checkSize(copy.value, limits, findings))
    return { ok: false, findings: findings.toArray() };
  const draft = readShape(copy, findings);
  if (draft !== undefined) runChecks({ draft, options, findings, names: new Set(draft.byName.keys()) }, depth);
  if (draft === undefined || findings.size > 0) return { ok: false, findings: findings.toArray() };
  return { ok: true, graph: normalise(copy.value, options) };
}

/**
 * Like `validateGraph`, but returns the graph or throws.
 *
 * @example
 * parseGraph({ nodes: [{ node_id: "extract", type: "extractor" }] })
 * // { schema_version: "1.0", nodes: [{ node_id: "extract", type: "extractor", depends_on: [] }], edges: [] }
 *
 * @throws FlowError `GRAPH_INVALID`; its message lists the findings, `details.findings` contains them as data
 */
export function parseGraph(input: unknown, options: ValidateOptions = {}): Graph {
  const validation = validateGraph(input, options);
  if (validation.ok) return validation.graph;
  const { findings } = validation;
  const title = findings.length === 1 ? "an error in the graph" : `${findings.length} errors in the graph`;
  throw new FlowError("GRAPH_INVALID", `${title}\n${formatFindings(findings)}`, { details: { findings } });
}

/** The checks that involve several values; each covers whatever could be read of the graph. */
function runChecks(context: CheckContext, depth: number): void {
  const doubled = checkIds(context);
  checkTypes(context);
  const links = linkNodes(context);
  const groups = components(links.parents);
  checkEdges(context, { links, doubled });
  checkCycles(context, { links, groups });
  checkStart(context, links);
  const sources = [...checkInput(context, links), ...checkFunctions(context)];
  checkSources(context, { sources, links, groups });
  checkFailures(context, links);
  checkLimits(context);
  if (context.draft.nodes.some(({ facets }) => isControlled(facets))) checkControl(context, links);
  if (hasFlows(context.draft)) checkFlows(context, links, (flow) => findingsOfFlow(flow, context.options, depth + 1));
  checkParamsSchema(context);
  checkParamRefs(context);
  checkData(context, links);
}

const hasFlows = ({ flows, nodes }: Draft): boolean =>
  flows !== undefined || nodes.some(({ facets }) => facets.type === flowType || facets.flow !== undefined);

function findingsOfFlow(flow: JsonObject, options: ValidateOptions, depth: number): readonly Finding[] {
  if (depth > maxFlowDepth) {
    return [{ code: "GRAPH_TOO_LARGE", path: "", message: formatMessage("flowsTooDeep", { limit: maxFlowDepth }) }];
  }
  const validation = validateAt(flow, options, depth);
  return validation.ok ? [] : validation.findings;
}

/** Whether a node has what `checkControl` checks. */
function isControlled({ when, start_when: startWhen, fn, input_inline: inline }: Facets): boolean {
  if (when !== undefined || startWhen === "ended") return true;
  if (fn !== undefined && builtInFunction(fn)?.awaitsSignal === true) return true;
  const { input_adapter: adapter } = inline ?? {};
  return adapter !== undefined && builtInAdapter(adapterName(adapter))?.readsOutcomes === true;
}

/** @returns whether the graph is small enough for the other checks */
function checkSize(graph: Json, limits: GraphLimits, findings: FindingList): boolean {
  if (!isObject(graph)) return true;
  const { nodes, edges } = graph;
  const before = findings.size;
  const refuse = (key: "nodes" | "edges", message: string) =>
    findings.add({ code: "GRAPH_TOO_LARGE", path: [key], message });
  if (Array.isArray(nodes) && nodes.length > limits.maxNodes) {
    refuse("nodes", formatMessage("graphTooManyNodes", { count: nodes.length, limit: limits.maxNodes }));
  }
  const drawn = Array.isArray(edges) ? edges.length : 0;
  const named = Array.isArray(nodes) ? nodes.reduce<number>((sum, node: Json) => sum + parentCount(node), 0) : 0;
  if (Math.max(drawn, named) > limits.maxEdges) {
    const message = formatMessage("graphTooManyEdges", { count: Math.max(drawn, named), limit: limits.maxEdges });
    refuse(drawn >= named ? "edges" : "nodes", message);
  }
  return findings.size === before;
}

function parentCount(node: Json): number {
  return isObject(node) && Array.isArray(node.depends_on) ? node.depends_on.length : 0;
}

/**
 * The long form of a valid graph: one spelling for everything; defaults stay as written.
 *
 * @param valid - a copy that nothing else refers to
 */
function normalise(valid: Json, options: ValidateOptions): Graph {
  const {
    $schema: _,
    schema_version: __,
    name,
    nodes,
    edges,
    flows,
    ...rest
  } = valid as JsonObject & { nodes: JsonObject[] };
  const unsaid = nodes.some((node) => node.depends_on === undefined);
  const parents = parentsByEdges(unsaid ? (edges as readonly (readonly [string, string])[] | undefined) : []);
  const long = nodes.map((node) => normaliseNode(node, parents));
  const drawn: Json[] = [];
  for (const node of long) for (const parent of node.depends_on) drawn.push([parent, node.node_id as string]);
  const graph = {
    schema_version: long.some((node) => isNew(node as unknown as GraphNode, options)) ? "1.1" : "1.0",
    ...(name === undefined ? {} : { name }),
    nodes: long,
    edges: drawn,
    ...rest,
    ...(isObject(flows) ? { flows: mapValues(flows, (flow) => normalise(flow, options)) } : {}),
  };
  return deepFreeze(graph) as unknown as Graph;
}

const mapValues = <T>(object: JsonObject, map: (value: Json) => T): Record<string, T> =>
  Object.fromEntries(Object.entries(object).map(([key, value]) => [key, map(value)]));

function normaliseNode(node: JsonObject, parents: ReadonlyMap<string, readonly string[]>) {
  const { node_id: id, type, depends_on: dependsOn, io } = node;
  const long: { [key: string]: Json | readonly string[] | undefined; depends_on: readonly string[] } = {
    node_id: id,
    type,
    depends_on: (dependsOn as readonly string[] | undefined) ?? parents.get(id as string) ?? [],
  };
  for (const key in node) if (!writtenApart.has(key)) long[key] = node[key];
  if (isObject(io)) long.io = normaliseIo(io);
  return long;
}

/** Whether an engine that supports only version 1.0 would refuse the node. */
function isNew(node: GraphNode, { adapters = [] }: ValidateOptions): boolean {
  if (node.type === flowType) return true;
  const { io = {}, when, optional = false, delay_sec: delay = 0, limits = {} } = node;
  if (limits.per_sec !== undefined || limits.key !== undefined) return true;
  if (when !== undefined || optional || delay !== 0 || io.start_when === "ended") return true;
  if (io.fn !== undefined && builtInFunction(io.fn)?.awaitsSignal === true) return true;
  const { input_adapter: adapter = "", input_args: args } = io.input_inline ?? {};
  if (builtInAdapter(adapter)?.isNew) return true;
  if (args?.where === undefined) return false;
  return !hasOwnWhere(adapters.find(({ name }) => name === adapter)?.args);
}

const writtenApart: ReadonlySet<string> = new Set(["node_id", "type", "depends_on", "io", ...runtimeKeys]);

function normaliseIo(io: JsonObject): JsonObject {
  const inline = io.input_inline;
  if (!isObject(inline) || typeof inline.input_adapter !== "string") return io;
  const { input_adapter: adapter, input_args: args, ...own } = inline;
  return {
    ...io,
    input_inline: {
      input_adapter: adapterName(adapter as string),
      ...(isObject(args) ? { input_args: spellOutArgs(args) } : {}),
      ...own,
    },
  };
}

function parentsByEdges(edges: readonly (readonly [string, string])[] = []): ReadonlyMap<string, readonly string[]> {
  const parents = new Map<string, string[]>();
  for (const [from, to] of edges) {
    const known = parents.get(to);
    if (known === undefined) parents.set(to, [from]);
    else known.push(from);
  }
  return parents;
}
