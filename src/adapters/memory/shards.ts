import { keepShard } from "../../core/codec/index.ts";
import { expiresAt, renewLease } from "../../core/model/index.ts";
import {
  epochRef,
  isClosed,
  queuedRef,
  type RenewAnswer,
  type ShardRecord,
  type ShardRef,
} from "../../core/model/records.ts";
import { dueOf, Heap } from "../../core/store/collections.ts";
import type { Judged, ShardDriver, ShardUpdate } from "../../core/store/driver.ts";
import { dropConsumedBy } from "./consumption.ts";
import type { NodeEntry, ShardEntry, ShardItem, StoreContext } from "./memory-state.ts";

export function shardDriver(context: StoreContext): ShardDriver {
  const { state, now, step, observe } = context;
  const update: ShardDriver["updateWithLength"] = async (ref, change, judge) =>
    updateShard(context, { ref, change, judge });
  return {
    async read(taskId, nodeIds) {
      const nodes: ReadonlyMap<string, NodeEntry> = state.tasks.get(taskId)?.nodes ?? new Map();
      const records: ShardRecord[] = [];
      for (const nodeId of nodeIds ?? [...nodes.keys()]) {
        for (const entry of nodes.get(nodeId)?.shards ?? []) {
          if (entry === undefined) continue;
          if (step !== undefined) await step("readShards");
          records.push(entry.record);
        }
      }
      return records;
    },

    hasArtifacts: async (taskId, nodeId) => state.tasks.get(taskId)?.nodes.get(nodeId)?.hasArtifacts ?? false,

    insert(ref, create) {
      const task = state.tasks.get(ref.taskId);
      if (task === undefined) return "gone";
      if (state.shard(ref) !== undefined) return "exists";
      const record = keepShard(create(now(), task.record.paused));
      const node = task.nodes.get(record.nodeId) ?? { shards: [undefined], hasArtifacts: false, closedShards: 0 };
      task.nodes.set(record.nodeId, node);
      const entry: ShardEntry = { task, node, record, logs: [] };
      node.shards[record.shard] = entry;
      if ((record.count ?? 0) > 0) node.hasArtifacts = true; // adopted
      index(context, entry);
      for (const { from, cause, to } of record.history) // two, if it is dispatched claimed
        observe?.({ kind: "shard", from, cause, record: to === record.status ? record : { ...record, status: to } });
      return "inserted";
    },

    update,
    updateWithLength: update,

    async renew(attempts, leaseMs) {
      const answers: RenewAnswer[] = [];
      for (const ref of attempts) {
        if (step !== undefined) await step("renew");
        const judge = (record: ShardRecord | undefined, at: number) => renewLease(record, ref, { leaseMs, now: at });
        answers.push(updateShard(context, { ref, change: "renewed", judge }));
      }
      return answers;
    },

    async expiredLeases(limit) {
      const at = now();
      const isExpired = ({ record }: ShardEntry) => (expiresAt(record) ?? Number.POSITIVE_INFINITY) <= at;
      const expired = [...state.leased].filter(isExpired).slice(0, limit);
      return expired.map(({ record }) => epochRef(record));
    },

    async dueDeferred(limit) {
      const { due, nextInMs } = dueOf(state.deferred, { limit, now: now() });
      return { due: due.map(({ record }) => epochRef(record)), nextInMs };
    },

    async peekQueue(types, limit, except, only, below = Number.POSITIVE_INFINITY) {
      const queues: Heap<ShardItem>[] = [];
      for (const type of types) {
        for (const [priority, queue] of state.queues.get(type) ?? []) if (priority < below) queues.push(queue);
      }
      const isWanted = ({ record: { taskId } }: ShardItem) => !except?.has(taskId) && (only?.has(taskId) ?? true);
      return Heap.firstOf(queues, limit, isWanted).map(({ record }) => queuedRef(record));
    },
  };
}

/** Judges a shard's record and replaces it, in one step. */
export function updateShard<TAnswer>(
  context: StoreContext,
  write: {
    readonly ref: ShardRef;
    readonly change: ShardUpdate | "renewed";
    readonly judge: (record: ShardRecord | undefined, now: number, length: number) => Judged<TAnswer, ShardRecord>;
  },
): TAnswer {
  const { state, observe } = context;
  const { change } = write;
  const entry = state.shard(write.ref);
  const length = entry?.logs[entry.record.generation]?.length ?? 0;
  const { answer, next } = write.judge(entry?.record, context.now(), length);
  if (entry === undefined || next === undefined) return answer;
  const { status: from, type, priority, dueAt } = entry.record;
  entry.record = keepShard(next);
  if (change === "renewed" || change === "restarted" || change === "reported") {
    observe?.({ kind: change, record: next });
    return answer;
  }
  if (next.lease === undefined) state.leased.delete(entry);
  if (from === "queued") state.queues.get(type)?.get(priority)?.buried();
  if (dueAt !== undefined) state.deferred.buried();
  index(context, entry);
  observe?.({ kind: "shard", from, cause: change, record: next });
  return answer;
}

/** Adds a shard to the indexes when it has a record with another status. */
function index({ state, dropConsumed }: StoreContext, entry: ShardEntry): void {
  const { record } = entry;
  const { status, dueAt, lease } = record;
  if (status === "queued") state.enqueue(entry);
  if (dueAt !== undefined) state.deferred.push({ entry, record, at: dueAt, pk: state.nextPk() });
  if (lease !== undefined) state.leased.add(entry);
  if (!isClosed(record)) return;
  entry.node.closedShards++;
  if (dropConsumed !== false) dropConsumedBy(entry);
}
