import { keepShard } from "../../core/codec/index.ts";
import { expiresAt, renewLease } from "../../core/model/index.ts";
import type { EpochRef, ShardRecord, ShardRef, WriteAnswer } from "../../core/model/records.ts";
import type { Judged, ShardDriver, ShardUpdate } from "../../core/store/driver.ts";
import { dueOf, Heap } from "../../core/store/heap.ts";
import { dropConsumedBy } from "./consumption.ts";
import type { NodeEntry, QueuedItem, ShardEntry, StoreContext, TaskEntry } from "./memory-state.ts";

export function shardDriver(context: StoreContext): ShardDriver {
  const { state, now, step } = context;
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

    async hasArtifacts(taskId, nodeId) {
      return state.tasks.get(taskId)?.nodes.get(nodeId)?.hasArtifacts ?? false;
    },

    async insert(ref, create) {
      const task = state.tasks.get(ref.taskId);
      if (task === undefined) return "gone";
      if (state.shard(ref) !== undefined) return "exists";
      insertShard(context, task, create(now()));
      return "inserted";
    },

    update,
    updateWithLength: update,

    async renew(attempts, leaseMs) {
      const answers: WriteAnswer[] = [];
      for (const ref of attempts) {
        if (step !== undefined) await step("renew");
        const judge = (record: ShardRecord | undefined, at: number) => renewLease(record, ref, { leaseMs, now: at });
        answers.push(updateShard(context, { ref, change: "renewed", judge }));
      }
      return answers;
    },

    async expiredLeases(limit) {
      const at = now();
      const expired: EpochRef[] = [];
      for (const { record } of state.leased) {
        if (expired.length >= limit) break;
        if ((expiresAt(record) ?? Number.POSITIVE_INFINITY) <= at) expired.push(epochRef(record));
      }
      return expired;
    },

    async dueDeferred(limit) {
      const { due, nextInMs } = dueOf(state.deferred, { limit, now: now() });
      return { due: due.map(({ entry }) => epochRef(entry.record)), nextInMs };
    },

    async peekQueue(types, limit, except, only) {
      const filled = types.flatMap((type) => state.queues.get(type) ?? []);
      const isWanted = (taskId: string) => !except?.has(taskId) && (only?.has(taskId) ?? true);
      const wanted = (except ?? only) && (({ entry }: QueuedItem) => isWanted(entry.record.taskId));
      return Heap.firstOf(filled, limit, wanted).map(({ entry: { record } }) => ({
        ...epochRef(record),
        type: record.type,
      }));
    },
  };
}

const epochRef = ({ taskId, nodeId, shard, epoch }: EpochRef): EpochRef => ({ taskId, nodeId, shard, epoch });

/** Judges a shard's record and puts the next one in place, all in one step. */
export function updateShard<TAnswer>(
  context: StoreContext,
  write: {
    readonly ref: ShardRef;
    readonly change: ShardUpdate | "renewed";
    readonly judge: (record: ShardRecord | undefined, now: number, length: number) => Judged<TAnswer, ShardRecord>;
  },
): TAnswer {
  const entry = context.state.shard(write.ref);
  const length = entry?.logs[entry.record.generation]?.length ?? 0;
  const { answer, next } = write.judge(entry?.record, context.now(), length);
  if (entry !== undefined && next !== undefined) replaceShard(context, entry, { next, change: write.change });
  return answer;
}

/* The only places that put a shard's record in place: the indexes over it follow here. */

function insertShard(context: StoreContext, task: TaskEntry, record: ShardRecord): void {
  const node = task.nodes.get(record.nodeId) ?? { shards: [], hasArtifacts: false, finishedShards: 0 };
  task.nodes.set(record.nodeId, node);
  const entry: ShardEntry = { task, node, record: keepShard(record), logs: [] };
  node.shards[record.shard] = entry;
  if (record.status === "finished" && (record.count ?? 0) > 0) node.hasArtifacts = true; // adopted
  placed(context, entry);
  const born = record.history[0];
  if (born !== undefined) context.observe?.({ kind: "shard", from: "absent", cause: born.cause, record });
}

function replaceShard(
  context: StoreContext,
  entry: ShardEntry,
  { next, change }: { readonly next: ShardRecord; readonly change: ShardUpdate | "renewed" },
): void {
  const { state, observe } = context;
  const { status: from, type } = entry.record;
  entry.record = keepShard(next);
  if (change === "renewed" || change === "restarted" || change === "reported") {
    observe?.({ kind: change, record: next });
    return;
  }
  if (next.lease === undefined) state.leased.delete(entry);
  if (from === "queued") state.queues.get(type)?.buried();
  if (from === "deferred") state.deferred.buried();
  placed(context, entry);
  observe?.({ kind: "shard", from, cause: change, record: next });
}

/** A record with another status is in place. */
function placed({ state, dropConsumed }: StoreContext, entry: ShardEntry): void {
  const { status, epoch, dueAt, lease } = entry.record;
  if (status === "queued") state.enqueue(entry);
  if (dueAt !== undefined) state.deferred.push({ entry, epoch, at: dueAt });
  if (lease !== undefined) state.leased.add(entry);
  if (status !== "finished") return;
  entry.node.finishedShards++;
  if (dropConsumed !== false) dropConsumedBy(entry);
}
