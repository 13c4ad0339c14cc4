import { createHash } from "node:crypto";
import { adapterName, isBuiltInAdapter } from "../builtins/input-adapters/index.ts";
import type { Json, JsonObject } from "../errors/index.ts";
import { withoutDefaults } from "./format/known-keys.ts";
import {
  batchFields,
  type Condition,
  type GraphNode,
  type InputInline,
  ioFields,
  type NodeIo,
  nodeFields,
  retryFields,
} from "./format/node-fields.ts";
import { canonicalPattern } from "./format/pattern.ts";
import { deepFreeze, orderKeys, sortKeys } from "./format/plain-data.ts";
import type { Graph } from "./format/types.ts";

/**
 * The canonical form of a graph, for files that people read and compare: without constant defaults, with `from_nodes`
 * of the built-in adapters (its default depends on `depends_on`), keys in a fixed order, parents before children and
 * otherwise in declaration order, and `edges` derived from `depends_on`.
 *
 * @example
 * canonicalGraph(parseGraph({ nodes: [{ node_id: "a", type: "x", fan_in: "all", retry_policy: { max: 2, jitter: 0 } }] }))
 * // { schema_version: "1.0", nodes: [{ node_id: "a", type: "x", depends_on: [], retry_policy: { jitter: 0 } }], edges: [] }
 *
 * @param graph - from `parseGraph`: an unchecked graph may have no canonical form
 * @returns a frozen, equivalent graph; equal to `graph` if that is canonical
 */
export function canonicalGraph(graph: Graph): Graph {
  const nodes = topologicalOrder(graph.nodes).map(canonicalNode);
  return deepFreeze({
    schema_version: graph.schema_version,
    ...optional("name", graph.name),
    nodes,
    edges: nodes.flatMap((node) => node.depends_on.map((parent) => [parent, node.node_id] as const)),
    ...optional("params_schema", sorted(graph.params_schema)),
    ...optional("schemas", graph.schemas === undefined ? undefined : canonicalSchemas(graph.schemas)),
    ...optional("flows", graph.flows === undefined ? undefined : canonicalFlows(graph.flows)),
  });
}

function canonicalNode(node: GraphNode): GraphNode {
  const { depends_on: dependsOn, when, io, retry_policy: retry, batches, limits } = node;
  const inside = {
    depends_on: [...dependsOn],
    ...optional("io", io && canonicalIo(io, dependsOn)),
    ...optional("when", when && canonicalWhen(when)),
    ...optional("retry_policy", retry && withoutDefaults(retry, retryFields)),
    ...optional("batches", batches && withoutDefaults(batches, batchFields)),
    ...optional("limits", limits && canonicalLimits(limits)),
  };
  return withoutDefaults({ ...node, ...inside }, nodeFields);
}

/** Limits that this version does not know stay as they are. */
function canonicalLimits({ burst = 1, ...limits }: JsonObject): JsonObject {
  return sortKeys(burst === 1 ? limits : { ...limits, burst }) as JsonObject;
}

/** Sorts a list, whose order has no meaning. */
function canonicalWhen(when: NonNullable<GraphNode["when"]>): Condition | readonly Condition[] {
  if (!Array.isArray(when)) return canonicalPattern(when as Condition) as Condition;
  const texts = new Set(when.map((one: Condition) => JSON.stringify(canonicalPattern(one))));
  const all = [...texts].sort().map((text): Condition => JSON.parse(text));
  return all.length === 1 ? (all[0] as Condition) : all;
}

function canonicalIo(io: NodeIo, dependsOn: readonly string[]): NodeIo {
  const { input_inline: inline, fn_args: args } = io;
  const inside = {
    ...optional("input_inline", inline && canonicalInline(inline, dependsOn)),
    ...optional("fn_args", args && orderKeys(sortKeys(args) as JsonObject, ["from_nodes"])),
  };
  return withoutDefaults({ ...io, ...inside }, ioFields);
}

function canonicalInline(inline: InputInline, dependsOn: readonly string[]): InputInline {
  const { input_adapter: written, input_args: given, ...own } = inline;
  const adapter = written === undefined ? undefined : adapterName(written);
  const sources =
    adapter !== undefined && isBuiltInAdapter(adapter) && given?.from === undefined
      ? { from_nodes: [...dependsOn] }
      : {};
  const args = Object.entries<Json>({ ...sources, ...given }).filter(
    ([key, value]) => key !== "eof_on_task_done" || value !== true,
  );
  const chosen =
    given?.where === undefined || !isBuiltInAdapter(adapter ?? "") ? {} : { where: canonicalPattern(given.where) };
  const input = { ...(sortKeys(Object.fromEntries(args)) as JsonObject), ...chosen };
  return {
    ...optional("input_adapter", adapter),
    ...optional("input_args", filled(orderKeys(input, ["from_nodes", "from", "where", "size", "meta_list_key"]))),
    ...(sortKeys(own as JsonObject) as JsonObject),
  };
}

function canonicalSchemas(schemas: NonNullable<Graph["schemas"]>): NonNullable<Graph["schemas"]> {
  const types = Object.keys(schemas).sort();
  return Object.fromEntries(
    types.map((type) => {
      const { args, input, output } = schemas[type] ?? {};
      const parts = { ...optional("args", args), ...optional("input", input), ...optional("output", output) };
      return [type, Object.fromEntries(Object.entries(parts).map(([key, schema]) => [key, sortKeys(schema)]))];
    }),
  );
}

function canonicalFlows(flows: NonNullable<Graph["flows"]>): Graph["flows"] {
  const names = Object.keys(flows).sort();
  return Object.fromEntries(names.map((name) => [name, canonicalGraph(flows[name] as Graph)]));
}

function sorted(value: JsonObject | undefined): JsonObject | undefined {
  return value === undefined ? undefined : (sortKeys(value) as JsonObject);
}

/** The key with its value; no key if the value is `undefined`. */
function optional<TKey extends string, TValue extends Json | object>(key: TKey, value: TValue | undefined) {
  return (value === undefined ? {} : { [key]: value }) as { readonly [K in TKey]?: TValue };
}

/** `undefined` for an empty object. */
function filled<TValue extends object>(value: TValue): TValue | undefined {
  return Object.keys(value).length === 0 ? undefined : value;
}

/** The same graph without the schemas of its data: equal for two versions of a flow whose nodes do the same. */
export function withoutSchemas({ schemas: _, flows, ...graph }: Graph): Graph {
  if (flows === undefined) return graph;
  const bare = Object.entries(flows).map(([name, flow]) => [name, withoutSchemas(flow)]);
  return { ...graph, flows: Object.fromEntries(bare) };
}

/**
 * SHA-256 of a graph's meaning, in hexadecimal: it does not depend on the order of nodes, edges and keys, or on written
 * defaults. The order within `depends_on` and other lists does count: it determines the order of input.
 *
 * @example
 * graphHash(parseGraph(json)) === graphHash(canonicalGraph(parseGraph(json))) // true
 *
 * @param graph - from `parseGraph`
 */
export function graphHash(graph: Graph): string {
  const { nodes, edges: _, ...rest } = canonicalGraph(graph);
  const byId = [...nodes].sort((a, b) => (a.node_id < b.node_id ? -1 : 1));
  return createHash("sha256")
    .update(JSON.stringify({ ...rest, nodes: byId }))
    .digest("hex");
}

/**
 * Parents before children; among the nodes that may come next, the one declared first. Nodes already in such an order
 * keep it.
 */
function topologicalOrder(nodes: readonly GraphNode[]): readonly GraphNode[] {
  const indexOf = new Map(nodes.map((node, index) => [node.node_id, index]));
  const children: number[][] = nodes.map(() => []);
  const open = nodes.map(({ depends_on: parents }) => parents.length);
  for (const [index, node] of nodes.entries()) {
    for (const parent of node.depends_on) children[indexOf.get(parent) ?? -1]?.push(index);
  }
  const ready = new SmallestFirst();
  for (const [index, count] of open.entries()) if (count === 0) ready.add(index);
  const ordered: GraphNode[] = [];
  for (let index = ready.take(); index !== undefined; index = ready.take()) {
    ordered.push(nodes[index] as GraphNode);
    for (const child of children[index] ?? []) {
      open[child] = (open[child] ?? 0) - 1;
      if (open[child] === 0) ready.add(child);
    }
  }
  return ordered;
}

/** A binary heap of numbers. */
class SmallestFirst {
  readonly #heap: number[] = [];

  add(value: number): void {
    const heap = this.#heap;
    let at = heap.push(value) - 1;
    while (at > 0) {
      const above = (at - 1) >> 1;
      if ((heap[above] as number) <= value) break;
      heap[at] = heap[above] as number;
      at = above;
    }
    heap[at] = value;
  }

  take(): number | undefined {
    const heap = this.#heap;
    const smallest = heap[0];
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return smallest;
    let at = 0;
    for (;;) {
      let below = 2 * at + 1;
      if (below >= heap.length) break;
      if (below + 1 < heap.length && (heap[below + 1] as number) < (heap[below] as number)) below++;
      if ((heap[below] as number) >= last) break;
      heap[at] = heap[below] as number;
      at = below;
    }
    heap[at] = last;
    return smallest;
  }
}
