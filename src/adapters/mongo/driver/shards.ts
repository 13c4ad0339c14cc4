import { randomUUID } from "node:crypto";
import { fence, renewAnswer } from "../../../core/model/index.ts";
import { type Attempt, type ShardRecord, type ShardRef, shardKey } from "../../../core/model/records.ts";
import type { ShardDriver } from "../../../core/store/driver.ts";
import { compareAndSet, type Judging, type Read, type Session } from "../database/session.ts";
import { logFilter, logIndex } from "../format/documents.ts";
import {
  checkedId,
  epochRefs,
  type NodeDocument,
  oneOf,
  queuedRefs,
  refOnly,
  shardDocument,
  shardRecords,
  type TaskDocument,
} from "../format/records.ts";
import { readLiveHead } from "./removal.ts";

export const shardCollection = (session: Session): ShardDriver => ({
  read: (taskId, nodeIds) => readShards(session, taskId, nodeIds),
  async hasArtifacts(taskId, nodeId) {
    const stored = { task_id: checkedId(taskId), node_id: nodeId, seq: { $gte: 0 }, status: "partial" } as const;
    const found = await session.findOne("artifacts", stored, { projection: { _id: 1 }, hint: logIndex });
    if (found !== undefined) return true;
    return (await readShards(session, taskId, [nodeId])).some(({ count = 0 }) => count > 0);
  },
  async insert(ref, create) {
    const { time } = session;
    // One that is already claimed is started by nobody before the check below.
    const isClaimed = time !== undefined && create(time, undefined).status === "running";
    const task: Read<Pick<TaskDocument, "paused">> | undefined = isClaimed
      ? { now: time, doc: {} }
      : await readLiveHead(session, ref.taskId);
    if (task === undefined) return "gone";
    const [_id, rev, queue_order] = [shardKey(ref), randomUUID(), session.orderKey(task.now)];
    const documentWith = (paused: boolean | undefined, rev: string) =>
      shardDocument(create(task.now, paused), { rev, queue_order });
    const isInserted = await session.insert(
      ({ nodes }) => nodes.insertOne(documentWith(task.doc.paused, rev)),
      // If the record has changed since, another process has read it.
      async ({ nodes }) => (await nodes.countDocuments({ _id, rev }, { limit: 1 })) === 1,
    );
    if (!isInserted) return "exists";
    // The task may have been deleted, paused or resumed before the insert. If this process dies before this check, the worker
    // that finds the shard in the queue removes it, and a sweep marks it.
    for (let known = { rev, paused: task.doc.paused ?? false }; ; ) {
      const found = await readLiveHead(session, ref.taskId);
      if (found === undefined) break;
      const { paused = false } = found.doc;
      if (paused === known.paused) return "inserted";
      const next = { rev: randomUUID(), paused };
      const { _id: _, ...replacement } = documentWith(paused, next.rev);
      const before = { _id, rev: known.rev };
      const { modifiedCount } = await session.run(({ nodes }) => nodes.replaceOne(before, replacement));
      if (modifiedCount === 0) return "inserted"; // claimed or marked meanwhile: a sweep looks again
      known = next;
    }
    await session.run(({ nodes }) => nodes.deleteOne({ _id }));
    return "gone";
  },
  update: (ref, _, judge) => replaceShard(session, ref, { judge }),
  updateWithLength: (ref, _, judge) =>
    replaceShard(session, ref, {
      async judge(record, now) {
        return judge(record, now, record === undefined ? 0 : (await logEnd(session, ref, record.generation)).length);
      },
    }),
  // One update for all leases, by the server's own time, and one read of the outcome.
  async renew(attempts, leaseMs) {
    if (attempts.length === 0) return [];
    const owned = attempts.map((attempt) => ({
      _id: shardKey(attempt),
      status: "running" as const,
      attempt_epoch: attempt.epoch,
      "lease.lease_id": attempt.claimId,
    }));
    const rev = { $literal: randomUUID() };
    const deadline = { $max: ["$lease.deadline_ts_ms", { $add: [{ $toLong: "$$NOW" }, leaseMs] }] };
    const $set = { rev, "lease.deadline_ts_ms": deadline, expires_at: { $toDate: deadline } };
    await session.run(({ nodes }) => nodes.updateMany({ $or: owned }, [{ $set }]));
    const docs = await session.find("nodes", { _id: { $in: [...new Set(owned.map(({ _id }) => _id))] } });
    const records = new Map(docs.map((doc) => [doc._id, shardRecords.toRecord(doc)]));
    return attempts.map((attempt) => renewAnswer(records.get(shardKey(attempt)), attempt));
  },
  expiredLeases: async (limit) =>
    (await session.due("nodes", { field: "expires_at", limit, fields: refOnly }, epochRefs.toRecord)).due,
  dueDeferred: (limit) => session.due("nodes", { field: "next_retry_at", limit, fields: refOnly }, epochRefs.toRecord),
  async peekQueue(types, limit, exceptTasks, onlyTasks, below) {
    if (types.length === 0) return [];
    const except = exceptTasks === undefined || exceptTasks.size === 0 ? {} : { $nin: [...exceptTasks] };
    const only = onlyTasks === undefined ? {} : { $in: [...onlyTasks] };
    const tasks = { ...except, ...only };
    // Servers follow the index for each type, and merge.
    const lower = below === undefined ? {} : { priority: { $lt: below } };
    const queued = { status: "queued", type: oneOf(types), ...lower } as const;
    const filter = Object.keys(tasks).length === 0 ? queued : { ...queued, task_id: tasks };
    const sort = { priority: -1, ready_at: 1, queue_order: 1 } as const;
    return (await session.find("nodes", filter, { projection: refOnly, sort, limit })).map(queuedRefs.toRecord);
  },
});

export async function readShards(session: Session, taskId: string, nodeIds?: readonly string[]) {
  if (nodeIds?.length === 0) return [];
  const filter = { task_id: checkedId(taskId), ...(nodeIds && { node_id: oneOf(nodeIds) }) };
  const docs = await session.find("nodes", filter, { sort: { node_id: 1, shard: 1 } });
  const records = docs.map(shardRecords.toRecord);
  if (nodeIds === undefined) return records;
  const byNode = Map.groupBy(records, ({ nodeId }) => nodeId);
  return nodeIds.flatMap((nodeId) => byNode.get(nodeId) ?? []);
}

interface ShardRead extends Read<NodeDocument> {
  readonly record: ShardRecord;
}

async function readShard(session: Session, ref: ShardRef): Promise<ShardRead | undefined> {
  const [found] = await session.timed("nodes", [{ $match: { _id: shardKey(ref) } }]);
  return found && { ...found, record: shardRecords.toRecord(found.doc) };
}

/** Whether this attempt has the lease, and the record from which that follows. */
export async function readFenced(session: Session, attempt: Attempt) {
  const found = await readShard(session, attempt);
  return { answer: fence(found?.record, attempt), found };
}

interface Replacement<TAnswer> {
  judge(record: ShardRecord | undefined, now: number): Judging<TAnswer, ShardRecord>;
  readonly known?: ShardRead | undefined; // what `readFenced` found
}

export const replaceShard = <TAnswer>(session: Session, ref: ShardRef, { judge, known }: Replacement<TAnswer>) =>
  compareAndSet<ShardRead, ShardRecord, TAnswer>({
    known,
    read: () => readShard(session, ref),
    judge: (found) => judge(found?.record, found?.now ?? 0),
    async write(next, { found, rev }) {
      const { _id, ...replacement } = shardDocument(next, { rev, queue_order: session.orderKey(found.now) });
      const before = { _id, rev: found.doc.rev };
      return (await session.run(({ nodes }) => nodes.replaceOne(before, replacement))).modifiedCount === 1;
    },
  });

/** The length of a log, and whether it has its complete marker. */
export async function logEnd(session: Session, ref: ShardRef, generation: number) {
  const options = { projection: { _id: 0, seq: 1, status: 1 }, hint: logIndex, sort: { seq: -1 }, limit: 1 } as const;
  const [last] = await session.find("artifacts", { ...logFilter(ref, generation), seq: { $gte: 0 } }, options);
  if (last === undefined) return { length: 0, closed: false };
  const closed = last.status === "complete";
  return { length: closed ? last.seq : last.seq + 1, closed };
}
