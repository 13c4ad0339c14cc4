import type { ShardRecord } from "../../engine/model.ts";
import type { GraphNode } from "../../graph/index.ts";

/** The nodes that this shard, of a node of a simulated graph, reads to their ends. */
export function sourcesOf(node: GraphNode, { chosen, count }: ShardRecord): readonly string[] {
  const { fn, fn_args, input_inline } = node.io ?? {};
  if (fn === "merge.generic") return fn_args?.from_nodes as readonly string[];
  if (fn === "metrics.aggregate") return [String(fn_args?.node_id)];
  if (fn !== undefined) return [];
  const { input_adapter, input_args } = input_inline ?? {};
  if (input_adapter === undefined) return node.type.startsWith("source") ? [] : node.depends_on;
  const { from, from_nodes } = (input_args ?? {}) as {
    readonly from?: { readonly [alias: string]: string };
    readonly from_nodes?: readonly string[];
  };
  const named = from === undefined ? (from_nodes ?? node.depends_on) : Object.values(from);
  const isLeftOut = (id: string) => chosen !== undefined && node.depends_on.includes(id) && !chosen.includes(id);
  if (input_adapter !== "pull.gather") return named;
  return count === 0 ? [] : named.filter((id) => !isLeftOut(id)); // its one batch belongs to one of its shards
}
