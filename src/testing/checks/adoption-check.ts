import type { MemoryState } from "../../adapters/memory/index.ts";
import type { TaskEntry } from "../../adapters/memory/memory-state.ts";
import { isTaskTerminal, type ShardRecord, type ShardRef } from "../../engine/model.ts";
import type { GraphNode } from "../../graph/index.ts";
import { droppedOf } from "./archive.ts";
import { isFinished } from "./start-condition.ts";

type Violated = (ref: ShardRef, what: string) => void;

/** What is adopted had finished in the task before, and nothing upstream of it runs again. */
export function checkAdoption(state: MemoryState, record: ShardRecord, violated: Violated): void {
  const task = state.tasks.get(record.taskId);
  const lender = state.tasks.get(task?.record.retryOf ?? "");
  if (task === undefined || lender === undefined) {
    violated(record, "adopted by a task that retries none");
    return;
  }
  if (!isTaskTerminal(lender.record.status)) violated(record, `adopted from a task that is ${lender.record.status}`);
  if (!isFinished(lender, record.nodeId)) violated(record, "adopted, and it had not finished");
  const log = state.shard(record.artifactsOf ?? record)?.logs[record.generation];
  if ((log?.length ?? 0) !== record.count)
    violated(record, `adopted ${record.count} artifacts, ${log?.length} are there`);
  if (droppedOf(state, record) > 0) violated(record, "adopted, and artifacts of it are dropped");
  const again = nodeOf(task, record).depends_on.filter((id) => !isAdopted(task, id));
  if (again.length > 0) violated(record, `adopted, and ${again.join()} runs again`);
}

/** What is dispatched could not be adopted. */
export function checkNotAdoptable(state: MemoryState, record: ShardRecord, violated: Violated): void {
  const task = state.tasks.get(record.taskId);
  const lender = state.tasks.get(task?.record.retryOf ?? "");
  if (task === undefined || lender === undefined || !isFinished(lender, record.nodeId)) return;
  const shards = lender.nodes.get(record.nodeId)?.shards ?? [];
  if (shards.some((entry) => entry !== undefined && droppedOf(state, entry.record) > 0)) return;
  if (nodeOf(task, record).depends_on.every((id) => isAdopted(task, id)))
    violated(record, "runs what had finished before");
}

function nodeOf(task: TaskEntry, { nodeId }: ShardRecord): GraphNode {
  const node = task.record.graph.nodes.find(({ node_id }) => node_id === nodeId);
  if (node === undefined) throw new Error(`${nodeId} is no node of its task's graph`);
  return node;
}

function isAdopted(task: TaskEntry, nodeId: string): boolean {
  const shards = task.nodes.get(nodeId)?.shards ?? [];
  return isFinished(task, nodeId) && shards.every((entry) => entry?.record.artifactsOf !== undefined);
}
