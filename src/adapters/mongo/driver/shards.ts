import { randomUUID } from "node:crypto";
import { MongoBulkWriteError, type WriteError } from "mongodb";
import { dispatchClaimedShard, fence, renewAnswer } from "../../../core/model/index.ts";
import {
  type Attempt,
  type NextClaim,
  type ShardRecord,
  type ShardRef,
  shardKey,
} from "../../../core/model/records.ts";
import type { ShardDriver } from "../../../core/store/driver.ts";
import { together } from "../../../core/store/together.ts";
import { isDuplicate, isDuplicateWrite } from "../database/errors.ts";
import { compareAndSet, type Judging, type Read, type Session } from "../database/session.ts";
import { logFilter, logIndex } from "../format/documents.ts";
import {
  type ClaimRequest,
  checkedId,
  claimUpdate,
  epochRefs,
  type NodeDocument,
  oneOf,
  queuedRefs,
  type Revised,
  refOnly,
  shardDocument,
  shardRecords,
  type TaskDocument,
} from "../format/records.ts";
import { headOf, keepHead, knownHead, readLiveHead, removeTask } from "./removal.ts";

export function shardCollection(session: Session): ShardDriver {
  const claimSoon = together((claims: readonly ClaimRequest[]) => claimAll(session, claims), "waits for the turn");
  const insertSoon = together(
    (documents: readonly NodeDocument[]) => insertAll(session, documents),
    "waits for the turn",
  );
  const readSoon = together((asked: readonly ShardsOfTask[]) => shardsOfTasks(session, asked), "waits for the turn");
  return {
    async read(taskId, nodeIds, mayDispatch) {
      if (nodeIds?.length === 0) return [];
      if (mayDispatch === true) return readWithHead(session, taskId, nodeIds);
      return inOrder(await readSoon({ taskId: checkedId(taskId), nodeIds }), nodeIds);
    },
    async hasArtifacts(taskId, nodeId) {
      const stored = { task_id: checkedId(taskId), node_id: nodeId, seq: { $gte: 0 }, status: "partial" } as const;
      const found = await session.findOne("artifacts", stored, { projection: { _id: 1 }, hint: logIndex });
      if (found !== undefined) return true;
      return (await readShards(session, taskId, [nodeId])).some(({ count = 0 }) => count > 0);
    },
    async insert(ref, create, onQueued) {
      const { time } = session;
      // No worker starts a shard that is already claimed before its task is read below.
      const isClaimed = time !== undefined && create(time, undefined).status === "running";
      const task: Read<Pick<TaskDocument, "paused">> | undefined = isClaimed
        ? { now: time, doc: {} }
        : (knownHead(session, ref.taskId) ?? (await readLiveHead(session, ref.taskId)));
      if (task === undefined) return "gone";
      const made = newShard(session, task.now, create);
      const first = made(task.doc.paused ?? false);
      const isInserted = await insertSoon(first.document);
      if (!isInserted) return "exists";
      if (first.document.status === "queued") onQueued?.(); // the steps below change it only if its task has just changed
      return (await followTask(session, ref, { first, made })) === undefined ? "gone" : "inserted";
    },
    async claim(ref, by) {
      const doc = await claimSoon({ ref: { ...ref, taskId: checkedId(ref.taskId) }, by });
      return doc === undefined ? undefined : keepWritten(session, doc);
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
      for (const { claimId } of attempts) session.written.delete(claimId);
      for (const doc of docs)
        if (attempts.some(({ claimId }) => claimId === doc.lease?.lease_id)) keepWritten(session, doc);
      return attempts.map((attempt) => renewAnswer(records.get(shardKey(attempt)), attempt));
    },
    expiredLeases: async (limit) =>
      (await session.due("nodes", { field: "expires_at", limit, fields: refOnly }, epochRefs.toRecord)).due,
    dueDeferred: (limit) =>
      session.due("nodes", { field: "next_retry_at", limit, fields: refOnly }, epochRefs.toRecord),
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
  };
}

/** @returns for each, whether it was inserted, which it is not if it exists */
const insertAll = (session: Session, documents: readonly NodeDocument[]): Promise<readonly boolean[]> =>
  session.run(async ({ nodes }, again) => {
    const [only] = documents.length === 1 ? documents : [];
    const several = () => nodes.insertMany([...documents], { ordered: false });
    const existing = await existingOf(() => (only === undefined ? several() : nodes.insertOne(only)));
    if (existing.size === 0 || !again) return documents.map((_, index) => !existing.has(index));
    // They may be from the request whose answer was lost. A record that has changed since has been read by another process.
    const own = { _id: { $in: documents.map(({ _id }) => _id) }, rev: { $in: documents.map(({ rev }) => rev) } };
    const inserted = new Set((await nodes.find(own, { projection: { _id: 1 } }).toArray()).map(({ _id }) => _id));
    return documents.map(({ _id }) => inserted.has(_id));
  });

/** The indexes of the documents that exist already. */
async function existingOf(insert: () => Promise<unknown>): Promise<ReadonlySet<number>> {
  try {
    await insert();
    return new Set();
  } catch (error) {
    const errors = error instanceof MongoBulkWriteError ? [error.writeErrors].flat() : [];
    if (!isDuplicate(error) || !errors.every(isDuplicateWrite)) throw error;
    return new Set(errors.length === 0 ? [0] : errors.map(({ index }) => index));
  }
}

/** For more claims than this, one update and one read cost less than one request each. */
const mostApart = 2;

async function claimAll(session: Session, claims: readonly ClaimRequest[]): Promise<(NodeDocument | undefined)[]> {
  const updates = claims.map(claimUpdate);
  if (claims.length <= mostApart) {
    const options = { returnDocument: "after" } as const;
    const find = async ({ filter, update }: (typeof updates)[number]) =>
      (await session.run(({ nodes }) => nodes.findOneAndUpdate(filter, update, options))) ?? undefined;
    return Promise.all(updates.map(find));
  }
  const operations = updates.map((updateOne) => ({ updateOne }));
  await session.run(({ nodes }) => nodes.bulkWrite(operations, { ordered: false }));
  const ids = claims.map(({ by }) => by.claimId);
  const keys = [...new Set(updates.map(({ filter }) => filter._id))];
  const docs = await session.find("nodes", { _id: { $in: keys }, "lease.lease_id": { $in: ids } });
  const byClaim = new Map(docs.map((doc) => [doc.lease?.lease_id, doc]));
  return ids.map((id) => byClaim.get(id));
}

interface ShardsOfTask {
  readonly taskId: string;
  readonly nodeIds?: readonly string[] | undefined;
}

const byShard = { node_id: 1, shard: 1 } as const;
const shardsFilter = ({ taskId, nodeIds }: ShardsOfTask) => ({
  task_id: checkedId(taskId),
  ...(nodeIds && { node_id: oneOf(nodeIds) }),
});

/** @returns for each task, at least the requested shards */
async function shardsOfTasks(session: Session, asked: readonly ShardsOfTask[]): Promise<readonly ShardRecord[][]> {
  const filters = asked.map(shardsFilter);
  const [only] = filters;
  const filter = filters.length === 1 && only !== undefined ? only : { $or: filters };
  const docs = await session.find("nodes", filter, { sort: byShard });
  const records = Map.groupBy(docs.map(shardRecords.toRecord), ({ taskId }) => taskId);
  return asked.map(({ taskId }) => records.get(taskId) ?? []);
}

export const readShards = async (session: Session, taskId: string, nodeIds?: readonly string[]) =>
  inOrder((await shardsOfTasks(session, [{ taskId, nodeIds }])).flat(), nodeIds);

/** By node in the order requested. */
function inOrder(records: ShardRecord[], nodeIds: readonly string[] | undefined): ShardRecord[] {
  if (nodeIds === undefined) return records;
  const byNode = Map.groupBy(records, ({ nodeId }) => nodeId);
  return nodeIds.flatMap((nodeId) => byNode.get(nodeId) ?? []);
}

/** Likewise, with the head of the task: a dispatch that follows at once need not read it again before its insert. */
async function readWithHead(session: Session, taskId: string, nodeIds: readonly string[] | undefined) {
  const rows: Read<NodeDocument | TaskDocument>[] = await session.timed("nodes", [
    { $match: shardsFilter({ taskId, nodeIds }) },
    { $sort: byShard },
    { $unionWith: { coll: session.nameOf("tasks"), pipeline: headOf(taskId) } },
  ]);
  const docs = rows.map(({ doc }) => doc);
  const isShard = (doc: NodeDocument | TaskDocument): doc is NodeDocument => "task_id" in doc;
  const [head] = docs.flatMap((doc) => (isShard(doc) ? [] : doc));
  keepHead(session, taskId, head);
  return inOrder(docs.filter(isShard).map(shardRecords.toRecord), nodeIds);
}

interface ShardRead extends Read<Revised> {
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

/** The record of this attempt as this process wrote it last, which may be out of date. */
export function writtenShard({ written, time }: Session, attempt: Attempt): ShardRead | undefined {
  const known = written.get(attempt.claimId);
  if (known === undefined || time === undefined) return undefined;
  return { doc: { _id: shardKey(attempt), rev: known.rev }, record: known.record, now: time };
}

function keepWritten({ written }: Session, document: NodeDocument): ShardRecord {
  const record = shardRecords.toRecord(document);
  if (record.lease !== undefined) written.set(record.lease.claimId, { rev: document.rev, record });
  return record;
}

interface NewShard {
  readonly document: NodeDocument;
  readonly paused: boolean;
}

/** Makes the first document of a shard, depending on whether its task is paused. */
const newShard =
  (session: Session, now: number, create: Parameters<ShardDriver["insert"]>[1]) =>
  (paused: boolean): NewShard => {
    const more = { rev: randomUUID(), queue_order: session.orderKey(now) };
    return { document: shardDocument(create(now, paused), more), paused };
  };

/**
 * A task may have been deleted, paused or resumed before the insert of a shard: removes the shard, or marks it. If this process
 * dies before that, the worker that finds the shard in the queue removes it, and a sweep marks it.
 *
 * @returns the stored record; `undefined` if the task is deleted
 */
async function followTask(
  session: Session,
  ref: ShardRef,
  { first, made }: { readonly first: NewShard; readonly made: (paused: boolean) => NewShard },
): Promise<ShardRecord | undefined> {
  for (let known = first; ; ) {
    const { _id, rev } = known.document;
    const found = await readLiveHead(session, ref.taskId);
    if (found === undefined) {
      await session.run(({ nodes }) => nodes.deleteOne({ _id }));
      return undefined;
    }
    const { paused = false } = found.doc;
    if (paused === known.paused) return keepWritten(session, known.document);
    const next = made(paused);
    const { _id: _, ...replacement } = next.document;
    const { modifiedCount } = await session.run(({ nodes }) => nodes.replaceOne({ _id, rev }, replacement));
    if (modifiedCount === 0) return shardRecords.toRecord(next.document); // claimed or marked meanwhile: a sweep looks again
    known = next;
  }
}

/**
 * Replaces the record of an attempt by its end and inserts that of the next shard, in one request of two upserts. Each
 * filters by the revision that it expects or sets: if the record has another one, the upsert fails with a duplicate
 * key, which ends the request. So the next shard is inserted only after the end of this one.
 *
 * @returns `undefined` if the first record has changed; otherwise, the record of the next shard if it was inserted
 */
export async function replaceAndInsert(
  session: Session,
  { found, ended, next }: { readonly found: ShardRead; readonly ended: ShardRecord; readonly next: NextClaim },
): Promise<{ readonly inserted?: ShardRecord } | undefined> {
  const { now, doc } = found;
  const made = newShard(session, now, (at, paused) => dispatchClaimedShard(next, { at, paused }));
  const first = made(false);
  const { _id: _, ...end } = shardDocument(ended, { rev: randomUUID(), queue_order: session.orderKey(now) });
  const { _id, ...own } = first.document;
  const operations = [
    { replaceOne: { filter: { _id: doc._id, rev: doc.rev }, replacement: end, upsert: true } },
    { replaceOne: { filter: { _id, rev: own.rev }, replacement: own, upsert: true } },
  ];
  const { failed, upserted } = await session.run(async ({ nodes }) => {
    try {
      return { failed: operations.length, upserted: (await nodes.bulkWrite(operations)).upsertedIds };
    } catch (error) {
      if (!isDuplicate(error) || !(error instanceof MongoBulkWriteError)) throw error;
      const [{ index }] = [error.writeErrors].flat() as [WriteError];
      return { failed: index, upserted: error.result.upsertedIds };
    }
  });
  session.written.delete(ended.lastClaimId ?? "");
  if (failed === 0) return undefined;
  if (0 in upserted) {
    // The upsert inserted the record: the task was deleted while an attempt ended that had lost its lease.
    await removeTask(session, next.ref.taskId);
    return undefined;
  }
  if (failed === 1) return {};
  const inserted = await followTask(session, next.ref, { first, made });
  return inserted === undefined ? {} : { inserted };
}

interface Replacement<TAnswer> {
  judge(record: ShardRecord | undefined, now: number): Judging<TAnswer, ShardRecord>;
  readonly known?: ShardRead | undefined;
}

export const replaceShard = <TAnswer>(session: Session, ref: ShardRef, { judge, known }: Replacement<TAnswer>) =>
  compareAndSet<ShardRead, ShardRecord, TAnswer>({
    known,
    read: () => readShard(session, ref),
    judge: (found) => judge(found?.record, found?.now ?? 0),
    async write(next, { found, rev }) {
      const document = shardDocument(next, { rev, queue_order: session.orderKey(found.now) });
      const { _id, ...replacement } = document;
      const before = { _id, rev: found.doc.rev };
      const isClaimedHere = session.written.delete(found.record.lease?.claimId ?? "");
      const { modifiedCount } = await session.run(({ nodes }) => nodes.replaceOne(before, replacement));
      if (modifiedCount === 1 && isClaimedHere) keepWritten(session, document);
      return modifiedCount === 1;
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
