import type { Graph } from "../../graph/index.ts";
import { logsReadBy, planGraph } from "../plan/index.ts";

/** Which nodes a node reads, and which read it: for a store that drops artifacts after their last reader. */
export interface Reading {
  readonly partitions: number;
  /** The nodes that it reads. */
  readonly sources: readonly string[];
  /** The nodes that read it. */
  readonly readers: readonly string[];
}

export function readingsOf(graph: Graph): ReadonlyMap<string, Reading> {
  const plan = planGraph(graph);
  const readers = new Map<string, string[]>(plan.nodes.map(({ id }) => [id, []]));
  const readings = plan.nodes.map((node): [string, Reading] => {
    const sources = logsReadBy(plan, node);
    for (const source of sources) readers.get(source)?.push(node.id);
    return [node.id, { partitions: node.partitions, sources, readers: readers.get(node.id) ?? [] }];
  });
  return new Map(readings);
}
