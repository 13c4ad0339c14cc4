import type { Json } from "../../errors/index.ts";
import type { TaskRecord } from "../model.ts";
import type { NodePlan } from "../planner/index.ts";
import { ownJson } from "../values/index.ts";
import { streamArtifacts } from "./task-artifacts.ts";
import { endedBadly, type TaskReaderParts, waitForEnd } from "./task-reader.ts";

/** By leaf id: what its `finalize` returned, or the list of its outputs. */
export async function taskResult(parts: TaskReaderParts, taskId: string): Promise<Record<string, unknown>> {
  const task = await waitForEnd(parts, taskId);
  if (task.status !== "finished") {
    await parts.retry.ask(() => parts.store.settle());
    throw endedBadly(task);
  }
  const results: Record<string, unknown> = {};
  for (const leaf of parts.plans.get(task.graph).leaves) results[leaf.id] = await leafResult(parts, task, leaf);
  await parts.retry.ask(() => parts.store.settle());
  return results;
}

async function leafResult(parts: TaskReaderParts, task: TaskRecord, leaf: NodePlan): Promise<unknown> {
  const shards = await parts.retry.ask(() => parts.store.readShards(task.id, [leaf.id]));
  const results = shards.flatMap((shard) => (shard.result === undefined ? [] : [ownJson(shard.result)]));
  if (results.length > 0) return leaf.partitions === 1 ? results[0] : results;
  const outputs: Json[] = [];
  for await (const meta of streamArtifacts(parts, task.id, leaf.id)) outputs.push(meta);
  return outputs;
}
