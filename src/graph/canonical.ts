import type { Json, JsonObject } from "../errors/index.ts";
import { adapterName, isBuiltInAdapter } from "./adapters.ts";
import { deepFreeze } from "./deep-freeze.ts";
import { retryDefaults } from "./retry.ts";
import { orderKeys, sortKeys } from "./stable-json.ts";
import { topologicalOrder } from "./topological-order.ts";
import type { Graph, GraphNode, InputInline, NodeIo, RetryPolicy } from "./types.ts";

/**
 * The one way to write a graph: constant defaults removed, `from_nodes` of the built-in adapters written out (its
 * default changes with `depends_on`), keys in one order, parents before children and otherwise as declared, `edges`
 * as `depends_on` says. For files that people read and compare.
 *
 * @example
 * canonicalGraph(parseGraph({ nodes: [{ node_id: "a", type: "x", fan_in: "all", retry_policy: { max: 2, jitter: 0 } }] }))
 * // { schema_version: "1.0", nodes: [{ node_id: "a", type: "x", depends_on: [], retry_policy: { jitter: 0 } }], edges: [] }
 *
 * @param graph - what `parseGraph` gave: a graph that was not checked may have no canonical form
 * @returns a frozen graph that means the same; of a canonical one, an equal one
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
  });
}

function canonicalNode(node: GraphNode): GraphNode {
  return {
    node_id: node.node_id,
    type: node.type,
    depends_on: [...node.depends_on],
    ...optional("fan_in", unless(node.fan_in, "all")),
    ...optional("io", node.io === undefined ? undefined : filled(canonicalIo(node.io, node.depends_on))),
    ...optional(
      "retry_policy",
      node.retry_policy === undefined ? undefined : filled(canonicalRetry(node.retry_policy)),
    ),
    ...optional("partitions", unless(node.partitions, 1)),
    ...optional("timeout_sec", node.timeout_sec),
    ...optional("limits", node.limits === undefined ? undefined : filled(sortKeys(node.limits) as JsonObject)),
  };
}

function canonicalIo(io: NodeIo, dependsOn: readonly string[]): NodeIo {
  return {
    ...optional("start_when", unless(io.start_when, "ready")),
    ...optional("input_inline", io.input_inline && filled(canonicalInline(io.input_inline, dependsOn))),
    ...optional("fn", io.fn),
    ...optional("fn_args", io.fn_args && filled(orderKeys(sortKeys(io.fn_args) as JsonObject, ["from_nodes"]))),
    ...optional("max_pending_batches", io.max_pending_batches),
  };
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
  const input = sortKeys(Object.fromEntries(args)) as JsonObject;
  return {
    ...optional("input_adapter", adapter),
    ...optional("input_args", filled(orderKeys(input, ["from_nodes", "from", "size", "meta_list_key"]))),
    ...(sortKeys(own as JsonObject) as JsonObject),
  };
}

const retryKeys = Object.keys(retryDefaults) as readonly (keyof typeof retryDefaults)[];

function canonicalRetry(policy: RetryPolicy): RetryPolicy {
  const kept = retryKeys.filter((key) => {
    const value = policy[key];
    return value !== undefined && JSON.stringify(value) !== JSON.stringify(retryDefaults[key]);
  });
  return Object.fromEntries(kept.map((key) => [key, policy[key]]));
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

function sorted(value: JsonObject | undefined): JsonObject | undefined {
  return value === undefined ? undefined : (sortKeys(value) as JsonObject);
}

/** A key that is there only with a value. */
function optional<TKey extends string, TValue extends Json | object>(key: TKey, value: TValue | undefined) {
  return (value === undefined ? {} : { [key]: value }) as { readonly [K in TKey]?: TValue };
}

function unless<TValue>(value: TValue | undefined, standard: TValue): TValue | undefined {
  return value === standard ? undefined : value;
}

/** An object says something, or is left out. */
function filled<TValue extends object>(value: TValue): TValue | undefined {
  return Object.keys(value).length === 0 ? undefined : value;
}
