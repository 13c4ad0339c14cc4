import type { Json } from "../../errors/index.ts";
import type { FindingList } from "../findings.ts";
import type { GraphLimits } from "../limits.ts";
import { say } from "../messages.ts";
import { isObject } from "../plain-data.ts";

/**
 * A graph is not too large to be looked at.
 *
 * @returns whether it is not
 */
export function checkSize(graph: Json, limits: GraphLimits, findings: FindingList): boolean {
  if (!isObject(graph)) return true;
  const { nodes, edges } = graph;
  const before = findings.size;
  const refuse = (key: "nodes" | "edges", message: string) =>
    findings.add({ code: "GRAPH_TOO_LARGE", path: [key], message });
  if (Array.isArray(nodes) && nodes.length > limits.maxNodes) {
    refuse("nodes", say("graphTooManyNodes", { count: nodes.length, limit: limits.maxNodes }));
  }
  const drawn = Array.isArray(edges) ? edges.length : 0;
  const named = Array.isArray(nodes) ? nodes.reduce<number>((sum, node: Json) => sum + parentCount(node), 0) : 0;
  if (Math.max(drawn, named) > limits.maxEdges) {
    const message = say("graphTooManyEdges", { count: Math.max(drawn, named), limit: limits.maxEdges });
    refuse(drawn >= named ? "edges" : "nodes", message);
  }
  return findings.size === before;
}

function parentCount(node: Json): number {
  return isObject(node) && Array.isArray(node.depends_on) ? node.depends_on.length : 0;
}
