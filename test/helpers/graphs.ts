import type { GraphInput } from "../../src/core/tasks/api.ts";
import type { Json, JsonObject } from "../../src/errors/index.ts";
import { type Graph, type GraphNode, parseGraph } from "../../src/graph/index.ts";

interface NodeOptions extends Omit<GraphNode, "node_id" | "depends_on" | "io" | "type"> {
  readonly type?: string;
  readonly start?: "first_batch";
  readonly adapter?: string;
  readonly adapterArgs?: JsonObject;
  readonly args?: Readonly<Record<string, Json>>;
  readonly fn?: string;
  readonly fnArgs?: JsonObject;
}

/** A node of graph JSON. Its type defaults to its id. */
export function node(id: string, parents: readonly string[] = [], options: NodeOptions = {}): GraphNode {
  const { type, start, adapter, adapterArgs, args, fn, fnArgs, ...rest } = options;
  const inline = {
    ...args,
    ...(adapter === undefined ? {} : { input_adapter: adapter }),
    ...(adapterArgs === undefined ? {} : { input_args: adapterArgs }),
  };
  const io = {
    ...(start === undefined ? {} : { start_when: start }),
    ...(Object.keys(inline).length === 0 ? {} : { input_inline: inline }),
    ...(fn === undefined ? {} : { fn, fn_args: fnArgs ?? {} }),
  };
  return {
    node_id: id,
    type: fn === undefined ? (type ?? id) : "coordinator_fn",
    depends_on: parents,
    ...rest,
    ...(Object.keys(io).length === 0 ? {} : { io }),
  };
}

/** Retries without backoff, for tests that do not test it. */
export const atOnce = { backoff_sec: 0, jitter: 0 } as const;

export const graphOf = (...nodes: readonly GraphNode[]): GraphInput => ({ nodes });

export const parsed = (...nodes: readonly GraphNode[]): Graph => parseGraph({ nodes });

/** A graph as in a store, without validation. */
export const unchecked = (...nodes: readonly GraphNode[]): Graph => ({
  schema_version: "1.0",
  nodes,
  edges: nodes.flatMap((each) => each.depends_on.map((parent) => [parent, each.node_id] as const)),
});
