import type { FlowTypes } from "../../definitions/index.ts";
import { FlowError, type Json } from "../../errors/index.ts";
import { ownJson } from "../codec/index.ts";
import {
  type Artifact,
  isOutput,
  isTaskTerminal,
  logOf,
  type ShardRecord,
  type SignalAnswer,
  sourceKey,
  type TaskRecord,
} from "../model/records.ts";
import type { NodePlan, SourceShard } from "../plan/index.ts";
import { artifactsDropped } from "../ports/index.ts";
import { StreamInput, sortedByPlace } from "../worker/input/index.ts";
import type { TaskEvent, TaskExplanation, TaskHandle, TaskView } from "./api.ts";
import { taskEvents } from "./task-events.ts";
import { explainTask } from "./task-explain.ts";
import {
  endedBadly,
  nodeOf,
  noSuchTask,
  readLogs,
  readTask,
  type TaskReaderParts,
  viewTask,
  waitForEnd,
} from "./task-reader.ts";

export interface ResultParts extends TaskReaderParts {
  /** Types of handlers with a `finalize`, as far as they are known. */
  readonly finalizing: ReadonlySet<string>;
}

export interface TaskHandleParts extends ResultParts {
  readonly cancel: (taskId: string, reason: string) => Promise<"recorded" | "already" | "terminal" | "unknown">;
  readonly signal: (taskId: string, nodeId: string, payload: unknown) => Promise<SignalAnswer>;
  readonly pause: (taskId: string, paused: boolean) => Promise<"recorded" | "already" | "terminal" | "unknown">;
}

/** The handle has the flow's types, but the store's records do not: one cast per method. */
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
    logs: (options) => readLogs(parts, id, options),
    cancel: async ({ reason = "cancelled by request" } = {}) => known(id, await parts.cancel(id, reason)),
    signal: async (nodeId, payload) => known(id, await parts.signal(id, nodeId, payload)),
    pause: async () => known(id, await parts.pause(id, true)),
    resume: async () => known(id, await parts.pause(id, false)),
  };
}

/** @throws FlowError `TASK_UNKNOWN` */
function known<TAnswer extends string>(taskId: string, answer: TAnswer | "unknown"): TAnswer {
  if (answer !== "unknown") return answer;
  throw noSuchTask(taskId);
}

/** By leaf id: what its `finalize` returned, or `undefined` if it did not finish; without `finalize` the list of its outputs. */
async function taskResult(parts: TaskHandleParts, taskId: string): Promise<Record<string, unknown>> {
  const task = await waitForEnd(parts, taskId);
  if (task.status !== "finished") {
    const error = await endedBadly(parts, task);
    await parts.retry.run(() => parts.store.settle());
    throw error;
  }
  const results = await taskResults(parts, task);
  await parts.retry.run(() => parts.store.settle());
  return results;
}

/** The results of a task that finished. */
export async function taskResults(parts: ResultParts, task: TaskRecord): Promise<Record<string, unknown>> {
  const results: Record<string, unknown> = {};
  for (const leaf of parts.plans.get(task.graph).leaves) results[leaf.id] = await leafResult(parts, task, leaf);
  return results;
}

async function leafResult(parts: ResultParts, task: TaskRecord, leaf: NodePlan): Promise<unknown> {
  const shards = await parts.retry.run(() => parts.store.readShards(task.id, [leaf.id]));
  const results = shards.flatMap((shard) => (shard.result === undefined ? [] : [ownJson(shard.result)]));
  if (results.length > 0) return leaf.partitions === 1 ? results[0] : results;
  if (parts.finalizing.has(leaf.type) && shards.some(({ status }) => status !== "finished")) return undefined;
  if (shards.length === 0) await readTask(parts, task.id); // it has been deleted
  const outputs: Json[] = [];
  for (const shard of shards) {
    const log = await closedLog(parts, shard);
    for (const { meta } of sortedByPlace(log.filter(isOutput))) outputs.push(ownJson(meta));
  }
  return outputs;
}

/** The artifacts of a shard of a task that has finished. */
async function closedLog(parts: ResultParts, shard: ShardRecord): Promise<readonly Artifact[]> {
  const { generation, count = 0 } = shard;
  const artifacts: Artifact[] = [];
  while (artifacts.length < count) {
    const { length } = artifacts;
    const page = await parts.retry.run(() =>
      parts.store.readArtifacts(logOf(shard), generation, length, Math.min(pageSize, count - length)),
    );
    if (page.length === 0) {
      await readTask(parts, shard.taskId);
      throw artifactsDropped(shard);
    }
    artifacts.push(...page);
  }
  return artifacts;
}

const pageSize = 256;
const pollMinMs = 5;
const pollMaxMs = 100;

/** The node's artifacts, as they are stored, until it has finished. */
async function* streamArtifacts(parts: TaskReaderParts, taskId: string, nodeId: string): AsyncGenerator<Json> {
  for await (const { artifact } of streamLogs(parts, taskId, nodeId)) yield ownJson(artifact.meta);
}

async function* streamLogs(
  parts: TaskReaderParts,
  taskId: string,
  nodeId: string,
): AsyncGenerator<{ readonly shard: number; readonly artifact: Artifact }> {
  const { graph } = await readTask(parts, taskId);
  const node = nodeOf(parts.plans.get(graph), { taskId, nodeId });
  using changes = parts.changes.listen(taskId, { onlyEnd: false });
  let handedOut = false;
  for (;;) {
    // Always read the task first: if it has ended, nothing is added after the reads below.
    let task = await readTask(parts, taskId);
    const stream = await openStream(parts, taskId, node.shards);
    let pollMs = pollMinMs;
    for (;;) {
      const pulled = await parts.retry.run(() => stream.pull());
      if (pulled.kind === "end") return;
      if (pulled.kind === "restarted") break;
      if (pulled.kind === "page") {
        await parts.retry.run(() => parts.store.settle());
        for (const artifact of pulled.artifacts.filter(isOutput)) yield { shard: pulled.source.shard, artifact };
        handedOut = true;
        pollMs = pollMinMs;
        continue;
      }
      if (isTaskTerminal(task.status)) {
        throw task.status === "finished" ? artifactsDropped({ taskId, nodeId }) : await endedBadly(parts, task);
      }
      await changes.next(parts.clock, pollMs);
      pollMs = Math.min(pollMaxMs, pollMs * 2);
      task = await readTask(parts, taskId);
    }
    if (handedOut) {
      throw new FlowError("ARTIFACTS_RESTARTED", `a retry of node '${nodeId}' restarted its output: read it again`, {
        retryable: true,
        details: { taskId, nodeId },
      });
    }
  }
}

async function openStream(
  parts: TaskReaderParts,
  taskId: string,
  sources: readonly SourceShard[],
): Promise<StreamInput> {
  const nodeIds = [...new Set(sources.map((source) => source.nodeId))];
  const records = await parts.retry.run(() => parts.store.readShards(taskId, nodeIds));
  const sourceGens = Object.fromEntries(records.map((each) => [sourceKey(each.nodeId, each.shard), each.generation]));
  return new StreamInput({ store: parts.store, taskId, sources, sourceGens, origins: [], pageSize });
}
