import type { TaskEntry } from "../../adapters/memory/memory-state.ts";
import type { GraphNode } from "../../graph/index.ts";

export interface StartCondition {
  readonly needed: number;
  readonly satisfied: readonly string[];
}

/** Law 5's condition as the records themselves say it, computed without the engine's planner. */
export function startCondition(task: TaskEntry, node: GraphNode): StartCondition {
  const streams = node.io?.start_when === "first_batch";
  const satisfied = node.depends_on.filter(
    (id) => isFinished(task, id) || (streams && (task.nodes.get(id)?.shards ?? []).some(hasArtifact)),
  );
  const parents = node.depends_on.length;
  const fanIn = node.fan_in ?? "all";
  if (parents === 0 || fanIn === "all") return { needed: parents, satisfied };
  return { needed: fanIn === "any" ? 1 : Number(fanIn.slice("count:".length)), satisfied };
}

export function isFinished(task: TaskEntry, nodeId: string): boolean {
  const partitions = task.record.graph.nodes.find(({ node_id }) => node_id === nodeId)?.partitions ?? 1;
  const shards = task.nodes.get(nodeId)?.shards ?? [];
  return shards.filter((entry) => entry?.record.status === "finished").length === partitions;
}

const hasArtifact = (entry: { readonly logs: readonly ({ readonly length: number } | undefined)[] } | undefined) =>
  entry?.logs.some((log) => log !== undefined && log.length > 0) ?? false;
