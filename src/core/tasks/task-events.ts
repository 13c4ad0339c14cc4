import { isTaskTerminal, type ShardRecord, sourceKey, type TaskStatus } from "../model/records.ts";
import type { TaskEvent } from "./api.ts";
import {
  carriedOf,
  checkStillThere,
  countBatches,
  laterFailures,
  nodeStatus,
  progressOf,
  readTask,
  type TaskReaderParts,
} from "./task-reader.ts";

/** Minimum interval between reads: one read covers many changes of a busy task. */
const pauseMs = 25;

export interface EventsOptions {
  /** How often counts are sampled, in ms. @defaultValue 200 */
  readonly sampleMs?: number;
}

/**
 * All events of a task, read from the histories in its records: they do not depend on messages, and each caller gets
 * them from the beginning.
 */
export async function* taskEvents(
  parts: TaskReaderParts,
  taskId: string,
  options: EventsOptions,
): AsyncGenerator<TaskEvent> {
  const { store, retry, clock, plans } = parts;
  const { sampleMs = 200 } = options;
  using changes = parts.changes.listen(taskId, { onlyEnd: false });
  const seenHistory = new Map<string, number>();
  const seenCounts = new Map<string, string>();
  let seenStatus: TaskStatus | undefined;
  let seenPaused = false;
  let sampledAt = Number.NEGATIVE_INFINITY;
  for (;;) {
    // The task first: if it has ended, the records read afterwards are final.
    const task = await readTask(parts, taskId);
    const plan = plans.get(task.graph);
    const ended = isTaskTerminal(task.status);
    const shards = await retry.run(() => store.readShards(taskId));
    await checkStillThere(parts, task);
    await retry.run(() => store.settle());
    if (seenStatus === undefined) yield { kind: "task", status: "running", at: task.createdAt };
    seenStatus ??= "running";
    const news: (TaskEvent & { readonly kind: "node" })[] = [];
    for (const shard of shards) {
      const key = sourceKey(shard.nodeId, shard.shard);
      let seen = seenHistory.get(key) ?? -1;
      for (const entry of shard.history) {
        if (entry.n <= seen) continue;
        const batches = entry.to === "finished" ? batchesOf(shard) : {};
        const carried = entry.cause === "dispatch" ? carriedOf([shard]) : {};
        const skipped = entry.n - seen - 1;
        const gap = skipped === 0 ? {} : { skipped };
        news.push({ kind: "node", nodeId: shard.nodeId, shard: shard.shard, ...entry, ...batches, ...carried, ...gap });
        seen = entry.n;
      }
      seenHistory.set(key, seen);
    }
    news.sort((a, b) => a.at - b.at); // stable: entries of one shard keep their order
    yield* news;
    if (ended || clock.monotonic() - sampledAt >= sampleMs) {
      sampledAt = clock.monotonic();
      const byNode = Map.groupBy(shards, (shard) => shard.nodeId);
      for (const [nodeId, { batches, failedBatches, waitingBatches }] of await countBatches(parts, plan, shards)) {
        const node = plan.byId.get(nodeId);
        if (node === undefined) continue;
        const { progress } = progressOf(node, byNode.get(nodeId) ?? []);
        const counts = `${batches} ${failedBatches} ${waitingBatches} ${progress?.done} ${progress?.total}`;
        if (seenCounts.get(nodeId) === counts) continue;
        seenCounts.set(nodeId, counts);
        yield {
          kind: "progress",
          nodeId,
          status: nodeStatus(node, byNode.get(nodeId) ?? []),
          batches,
          ...(failedBatches === 0 ? {} : { failedBatches }),
          ...(waitingBatches === 0 ? {} : { waitingBatches }),
          ...(progress === undefined ? {} : { progress }),
          at: clock.now(),
        };
      }
    }
    const { paused = false } = task;
    if (paused !== seenPaused && !ended) {
      seenPaused = paused;
      yield { kind: "task", status: task.status, paused, at: clock.now() };
    }
    if (task.status !== seenStatus) {
      seenStatus = task.status;
      const failure = task.failure === undefined ? {} : { failure: task.failure };
      const later = ended ? laterFailures(task, plan, shards) : [];
      const appended = later.length === 0 ? {} : { laterFailures: later };
      yield { kind: "task", status: task.status, ...failure, ...appended, at: task.endedAt ?? clock.now() };
    }
    if (ended) return;
    await clock.sleep(pauseMs);
    await changes.next(clock, sampleMs);
  }
}

function batchesOf({ count, failedBatches = 0 }: ShardRecord): {
  readonly batches?: number;
  readonly failedBatches?: number;
} {
  if (count === undefined) return {};
  return { batches: count - failedBatches, ...(failedBatches === 0 ? {} : { failedBatches }) };
}
