import type { FlowTypes } from "../../definitions/index.ts";
import type { Json } from "../../errors/index.ts";
import { ownJson } from "../codec/index.ts";
import type { TaskRecord } from "../model/records.ts";
import type { NodePlan } from "../plan/index.ts";
import type { TaskEvent, TaskExplanation, TaskHandle, TaskView } from "./api.ts";
import { streamArtifacts } from "./task-artifacts.ts";
import { taskEvents } from "./task-events.ts";
import { explainTask } from "./task-explain.ts";
import { endedBadly, noSuchTask, type TaskReaderParts, viewTask, waitForEnd } from "./task-reader.ts";

export interface TaskHandleParts extends TaskReaderParts {
  readonly cancel: (taskId: string, reason: string) => Promise<"recorded" | "already" | "terminal" | "unknown">;
}

/** The handle's types are the flow's; what it reads are the store's records, which know nothing of them: one cast a method. */
export function taskHandle<TTypes extends FlowTypes>(parts: TaskHandleParts, id: string): TaskHandle<TTypes> {
  type NodeId = Extract<keyof TTypes["outputs"], string>;
  return {
    id,
    events: (options = {}) => taskEvents(parts, id, options) as AsyncIterableIterator<TaskEvent<NodeId>>,
    artifacts: <TNodeId extends NodeId>(nodeId: TNodeId) =>
      streamArtifacts(parts, id, nodeId) as AsyncIterableIterator<unknown> as AsyncIterableIterator<
        TTypes["outputs"][TNodeId]
      >,
    result: () => taskResult(parts, id) as Promise<TTypes["results"]>,
    async wait() {
      await waitForEnd(parts, id);
      return viewTask(parts, id) as Promise<TaskView<NodeId>>;
    },
    status: () => viewTask(parts, id) as Promise<TaskView<NodeId>>,
    explain: () => explainTask(parts, id) as Promise<TaskExplanation<NodeId>>,
    async cancel({ reason = "cancelled by request" } = {}) {
      const answer = await parts.cancel(id, reason);
      if (answer !== "unknown") return answer;
      throw noSuchTask(id);
    },
  };
}

/** By leaf id: what its `finalize` returned, or the list of its outputs. */
async function taskResult(parts: TaskReaderParts, taskId: string): Promise<Record<string, unknown>> {
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
