import { randomUUID } from "node:crypto";
import { fence } from "../../../core/model/index.ts";
import {
  type Attempt,
  type EpochRef,
  type ShardRecord,
  type ShardRef,
  shardKey,
  type WriteAnswer,
} from "../../../core/model/records.ts";
import type { QueuedRef, Store } from "../../../core/ports/index.ts";
import type { Judged, ShardDriver, ShardUpdate } from "../../../core/store/driver.ts";
import { checkedId, type NodeDocument, refOf, shardDocument, shardRecords } from "./documents.ts";
import { checkSize } from "./errors.ts";
import { logIndex } from "./layout.ts";
import { readLiveHead } from "./removal.ts";
import { compareAndSet, type Read, type Session } from "./session.ts";

/** A shard's record as it was read, to be compared with when it is replaced. */
interface ShardRead extends Read<NodeDocument> {
  readonly record: ShardRecord;
}

type Judge<TAnswer> = (
  record: ShardRecord | undefined,
  now: number,
) => Judged<TAnswer, ShardRecord> | Promise<Judged<TAnswer, ShardRecord>>;

const none: ReadonlySet<string> = new Set();
const refOnly = { task_id: 1, node_id: 1, shard: 1, attempt_epoch: 1, type: 1 } as const;
type RefFields = Pick<NodeDocument, keyof typeof refOnly>;

export class MongoShards implements ShardDriver {
  readonly #session: Session;
  readonly #lengthOf: (ref: ShardRef, generation: number) => Promise<number>;

  /** @param lengthOf - how long a log is */
  constructor(session: Session, lengthOf: (ref: ShardRef, generation: number) => Promise<number>) {
    this.#session = session;
    this.#lengthOf = lengthOf;
  }

  async read(taskId: string, nodeIds?: readonly string[]): Promise<ShardRecord[]> {
    if (nodeIds?.length === 0) return [];
    const ofNodes = nodeIds === undefined ? {} : { node_id: oneOf(nodeIds) };
    const docs = await this.#session.ask(({ nodes }) =>
      nodes
        .find({ task_id: checkedId(taskId), ...ofNodes } as object)
        .sort({ node_id: 1, shard: 1 })
        .toArray(),
    );
    const records = docs.map(shardRecords.toRecord);
    if (nodeIds === undefined || nodeIds.length === 1) return records;
    const byNode = Map.groupBy(records, ({ nodeId }) => nodeId);
    return nodeIds.flatMap((nodeId) => byNode.get(nodeId) ?? []);
  }

  async hasArtifacts(taskId: string, nodeId: string): Promise<boolean> {
    const stored = await this.#session.ask(({ artifacts }) =>
      artifacts.findOne(
        { task_id: checkedId(taskId), node_id: nodeId, seq: { $gte: 0 }, status: "partial" },
        { projection: { _id: 1 }, hint: logIndex },
      ),
    );
    if (stored !== null) return true;
    return (await this.read(taskId, [nodeId])).some((record) => (record.count ?? 0) > 0);
  }

  async insert(ref: ShardRef, create: (now: number) => ShardRecord): Promise<"inserted" | "exists" | "gone"> {
    const task = await readLiveHead(this.#session, ref.taskId);
    if (task === undefined) return "gone";
    const document = this.#document(create(task.now), { rev: randomUUID(), now: task.now });
    const { _id, rev } = document;
    const inserted = await this.#session.insert(
      ({ nodes }) => nodes.insertOne(document),
      // It may have moved on since: then somebody has seen it.
      async ({ nodes }) => (await nodes.countDocuments({ _id, rev }, { limit: 1 })) === 1,
    );
    if (!inserted) return "exists";
    // The task may have been deleted since it was read: nothing that was there kept this record from being written then.
    // Whoever dies before this look leaves it to the worker that finds it in the queue.
    if ((await readLiveHead(this.#session, ref.taskId)) !== undefined) return "inserted";
    await this.#session.ask(({ nodes }) => nodes.deleteOne({ _id }));
    return "gone";
  }

  update<TAnswer>(ref: ShardRef, _change: ShardUpdate, judge: Judge<TAnswer>): Promise<TAnswer> {
    return this.replace(ref, judge);
  }

  updateWithLength<TAnswer>(
    ref: ShardRef,
    _change: ShardUpdate,
    judge: (record: ShardRecord | undefined, now: number, length: number) => Judged<TAnswer, ShardRecord>,
  ): Promise<TAnswer> {
    return this.replace(ref, async (record, now) =>
      judge(record, now, record === undefined ? 0 : await this.#lengthOf(record, record.generation)),
    );
  }

  /** @param known - what was read a moment ago */
  replace<TAnswer>(ref: ShardRef, judge: Judge<TAnswer>, known?: ShardRead): Promise<TAnswer> {
    return compareAndSet<NodeDocument, TAnswer>(
      () => this.#find(ref),
      async (found) => {
        const { answer, next } = await judge(found && shardRecords.toRecord(found.doc), found?.now ?? 0);
        if (found === undefined || next === undefined) return { answer };
        const write = async (rev: string) => {
          const { _id, ...replacement } = this.#document(next, { rev, now: found.now });
          const { modifiedCount } = await this.#session.ask(({ nodes }) =>
            nodes.replaceOne({ _id, rev: found.doc.rev }, replacement),
          );
          return modifiedCount === 1;
        };
        return { answer, write };
      },
      known,
    );
  }

  /** Whether this attempt holds the shard, and the record that says so. */
  async fence(attempt: Attempt): Promise<{ readonly answer: WriteAnswer; readonly found?: ShardRead }> {
    const found = await this.#find(attempt);
    if (found === undefined) return { answer: fence(undefined, attempt) };
    const record = shardRecords.toRecord(found.doc);
    return { answer: fence(record, attempt), found: { ...found, record } };
  }

  /** One command for all, and one that looks who still holds what. */
  async renew(attempts: readonly Attempt[], leaseMs: number): Promise<WriteAnswer[]> {
    if (attempts.length === 0) return [];
    const held = attempts.map((attempt) => ({
      _id: shardKey(attempt),
      status: "running" as const,
      attempt_epoch: attempt.epoch,
      "lease.lease_id": attempt.claimId,
    }));
    const rev = { $literal: randomUUID() };
    const deadline = { $max: ["$lease.deadline_ts_ms", { $add: [{ $toLong: "$$NOW" }, leaseMs] }] };
    await this.#session.ask(({ nodes }) =>
      nodes.updateMany({ $or: held }, [
        { $set: { rev, "lease.deadline_ts_ms": deadline, expires_at: { $toDate: deadline } } },
      ]),
    );
    const ids = [...new Set(held.map(({ _id }) => _id))];
    const docs = await this.#session.ask(({ nodes }) => nodes.find({ _id: { $in: ids } }).toArray());
    const records = new Map(docs.map((doc) => [doc._id, shardRecords.toRecord(doc)]));
    return attempts.map((attempt) => fence(records.get(shardKey(attempt)), attempt));
  }

  async expiredLeases(limit: number): Promise<EpochRef[]> {
    return (await this.#due("expires_at", limit)).due;
  }

  dueDeferred(limit: number): ReturnType<Store["dueDeferred"]> {
    return this.#due("next_retry_at", limit);
  }

  async peekQueue(...[types, limit, except = none, only]: Parameters<Store["peekQueue"]>): Promise<QueuedRef[]> {
    if (types.length === 0) return [];
    const tasks = {
      ...(except.size === 0 ? {} : { $nin: [...except] }),
      ...(only === undefined ? {} : { $in: [...only] }),
    };
    // Servers go along the index for each type, and merge.
    const queued = { status: "queued", type: oneOf(types) };
    const filter: object = Object.keys(tasks).length === 0 ? queued : { ...queued, task_id: tasks };
    const docs = await this.#session.ask(({ nodes }) =>
      nodes
        .find(filter, { projection: refOnly })
        .sort({ priority: -1, ready_at: 1, queue_order: 1 })
        .limit(limit)
        .toArray(),
    );
    return docs.map((doc) => ({ ...epochRefOf(doc), type: doc.type }));
  }

  async #due(field: "expires_at" | "next_retry_at", limit: number): ReturnType<Store["dueDeferred"]> {
    const { due, nextInMs } = await this.#session.due<RefFields>("nodes", { field, limit, fields: refOnly });
    return { due: due.map(epochRefOf), nextInMs };
  }

  async #find(ref: ShardRef): Promise<Read<NodeDocument> | undefined> {
    const [found] = await this.#session.timed<NodeDocument>("nodes", [{ $match: { _id: shardKey(ref) } }]);
    return found;
  }

  #document(record: ShardRecord, { rev, now }: { readonly rev: string; readonly now: number }): NodeDocument {
    const queued = record.status === "queued" ? { queue_order: this.#session.orderKey(now) } : {};
    const document = shardDocument(record, { rev, ...queued });
    checkSize(document, `the record of node '${record.nodeId}'`);
    return document;
  }
}

/** One value by itself: a server then goes along an index in order. */
const oneOf = (values: readonly string[]) => (values.length === 1 ? values[0] : { $in: [...values] });

const epochRefOf = (doc: RefFields): EpochRef => ({ ...refOf(doc), epoch: doc.attempt_epoch });
