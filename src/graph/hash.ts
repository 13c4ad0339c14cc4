import { createHash } from "node:crypto";
import { canonicalGraph } from "./canonical.ts";
import type { Graph } from "./types.ts";

/**
 * SHA-256 of what a graph says, in hexadecimal: equal for every way to write it, in whatever order its nodes, edges
 * and keys stand. The order inside `depends_on` and other lists counts: it decides the order of what is read.
 *
 * @example
 * graphHash(parseGraph(json)) === graphHash(canonicalGraph(parseGraph(json))) // true
 *
 * @param graph - what `parseGraph` gave
 */
export function graphHash(graph: Graph): string {
  const { nodes, edges: _, ...rest } = canonicalGraph(graph);
  const byId = [...nodes].sort((a, b) => (a.node_id < b.node_id ? -1 : 1));
  return createHash("sha256")
    .update(JSON.stringify({ ...rest, nodes: byId }))
    .digest("hex");
}
