import type { GraphNode } from "./node-fields.ts";
import { deepFreeze } from "./plain-data.ts";
import type { Graph } from "./types.ts";

/** A node with its initial run-time state. */
export interface PrimedNode extends GraphNode {
  readonly status: "queued";
  readonly attempt_epoch: 0;
  readonly stats: Readonly<Record<string, never>>;
  readonly lease: Readonly<Record<string, never>>;
}

export interface PrimedGraph extends Graph {
  readonly nodes: readonly PrimedNode[];
}

/**
 * The graph with the run-time keys that a coordinator of the Python original expects in each node. `parseGraph` accepts
 * these keys and drops them.
 *
 * @example
 * primeGraph(graph).nodes[0] // { node_id: "extract", ..., status: "queued", attempt_epoch: 0, stats: {}, lease: {} }
 */
export function primeGraph(graph: Graph): PrimedGraph {
  const nodes = graph.nodes.map((node) => ({
    ...node,
    status: "queued" as const,
    attempt_epoch: 0 as const,
    stats: {},
    lease: {},
  }));
  return deepFreeze({ ...graph, nodes });
}
