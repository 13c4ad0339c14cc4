import type { Document, Filter } from "mongodb";
import {
  type Attempt,
  type EpochRef,
  isShardTerminal,
  logOf,
  type ShardRecord,
  type ShardRef,
} from "../../../core/model/records.ts";
import type { ExternalRows, Stamped, UnreadableSource, WriteAnswer } from "../../../core/ports/index.ts";
import { type ArtifactDocument, checkedId } from "../driver/documents.ts";
import { isDuplicate } from "../driver/errors.ts";
import type { MongoLogs } from "../driver/logs.ts";
import type { Session } from "../driver/session.ts";
import type { MongoShards } from "../driver/shards.ts";

/** What is asked of a source before somebody else reads it. */
type Seen = Pick<ArtifactDocument, "_id" | "created_at"> & { readonly isObject: boolean };

/**
 * The rows that other programs write into `artifacts` and read from it: by (task, node, batch), with no shard, no
 * generation and no seq. Such a row becomes part of a log when it gets them.
 */
export class ExternalArtifacts implements ExternalRows {
  readonly #session: Session;
  readonly #shards: MongoShards;
  readonly #logs: MongoLogs;

  constructor(session: Session, { shards, logs }: { readonly shards: MongoShards; readonly logs: MongoLogs }) {
    this.#session = session;
    this.#shards = shards;
    this.#logs = logs;
  }

  async prepare(
    reader: EpochRef & { readonly generation: number },
    sources: { readonly records: readonly ShardRecord[]; readonly longest: number },
  ): Promise<UnreadableSource | undefined> {
    await this.#forget(reader);
    for (const record of sources.records) await this.#removeWithdrawn(record);
    for (const [nodeId, records] of Map.groupBy(sources.records, (record) => record.nodeId)) {
      const seen = await this.#read(records, sources.longest + 1);
      if (seen.length > sources.longest) return { nodeId, problem: "too_long" };
      if (seen.some(({ isObject }) => !isObject)) return { nodeId, problem: "no_object" };
      await this.#spaceOut(seen);
    }
    return undefined;
  }

  async stamp(attempt: Attempt, row: { readonly generation: number; readonly batchUid: string }): Promise<Stamped> {
    const { answer } = await this.#shards.fence(attempt);
    if (answer !== "ok") return answer;
    const { generation, batchUid } = row;
    const named = { task_id: checkedId(attempt.taskId), node_id: attempt.nodeId, batch_uid: checkedId(batchUid) };
    for (;;) {
      const { length, closed } = await this.#logs.tail(attempt, generation);
      const there = await this.#session.ask(({ artifacts }) =>
        artifacts.findOne({ ...named, status: "partial" }, { projection: { seq: 1, generation: 1 } }),
      );
      if (there?.seq !== undefined && there.generation === generation) return { seq: there.seq };
      if (closed) return "fenced"; // its end is on its way into the record
      if (await this.#put(attempt, { named, generation, seq: length })) return { seq: length };
      if (there === null) return "missing";
    }
  }

  async stampRest(
    attempt: Attempt,
    { generation, workerId }: { readonly generation: number; readonly workerId: string },
  ): Promise<WriteAnswer> {
    const { taskId, nodeId: node_id, epoch: attempt_epoch } = attempt;
    const theirs = { status: "partial", attempt_epoch, worker_id: checkedId(workerId) } as const;
    const unnamed = { task_id: checkedId(taskId), node_id, ...theirs };
    const rows = await this.#session.ask(({ artifacts }) =>
      artifacts
        .find({ ...unnamed, seq: { $exists: false } }, { projection: { _id: 0, batch_uid: 1 } })
        .sort({ created_at: 1, batch_uid: 1 })
        .toArray(),
    );
    for (const { batch_uid: batchUid } of rows) {
      const stamped = await this.stamp(attempt, { generation, batchUid });
      if (stamped === "fenced" || stamped === "cancelling") return stamped;
    }
    return "ok";
  }

  async removeEnd({ taskId, nodeId }: ShardRef): Promise<void> {
    const ended = { task_id: checkedId(taskId), node_id: checkedId(nodeId), status: "complete" } as const;
    await this.#session.ask(({ artifacts }) => artifacts.deleteMany({ ...ended, seq: { $exists: false } }));
  }

  /** Looked for by the write itself, which sees what other writes, however recent, have done. */
  #put(
    attempt: Attempt,
    at: { readonly named: Filter<ArtifactDocument>; readonly generation: number; readonly seq: number },
  ): Promise<boolean> {
    const { named, generation, seq } = at;
    return this.#session.ask(async ({ artifacts }) => {
      try {
        const { modifiedCount } = await artifacts.updateOne(
          { ...named, status: "partial", $or: [{ seq: { $exists: false } }, { generation: { $lt: generation } }] },
          {
            $set: {
              shard: attempt.shard,
              generation,
              seq,
              attempt_epoch: attempt.epoch,
              claim_id: attempt.claimId,
            },
          },
        );
        return modifiedCount === 1;
      } catch (error) {
        if (isDuplicate(error)) return false; // another row was faster
        throw error;
      }
    });
  }

  /**
   * What an earlier attempt of the reader has claimed to read, its word that it had ended, and what it has written that
   * is in no log, or in one that was withdrawn. A row keeps the epoch that first wrote it, so a later attempt's row would
   * look like the earlier one's. What this one, or a later one, has written stays: this may come late.
   */
  async #forget(reader: EpochRef & { readonly generation: number }): Promise<void> {
    const { taskId, nodeId, epoch, generation } = reader;
    const task_id = checkedId(taskId);
    await this.#session.ask(({ streamProgress }) =>
      streamProgress.deleteMany({ task_id, $or: [{ consumer_node: nodeId }, { node_id: nodeId }] }),
    );
    await this.removeEnd(reader);
    if (epoch === 1) return;
    const leftBehind = [
      { seq: { $exists: false }, attempt_epoch: { $lt: epoch } },
      { generation: { $lt: generation } },
    ];
    await this.#session.ask(({ artifacts }) =>
      artifacts.deleteMany({ task_id, node_id: nodeId, status: "partial", $or: leftBehind }),
    );
  }

  /** Earlier generations; of a source that has ended also what nobody has made part of its log. */
  async #removeWithdrawn(record: ShardRecord): Promise<void> {
    const { taskId, nodeId, shard } = logOf(record);
    const named = { task_id: checkedId(taskId), node_id: nodeId };
    await this.#session.ask(({ artifacts }) =>
      artifacts.deleteMany({ ...named, shard, generation: { $lt: record.generation } }),
    );
    if (!isShardTerminal(record.status)) return;
    await this.#session.ask(({ artifacts }) =>
      artifacts.deleteMany({ ...named, status: "partial", seq: { $exists: false } }),
    );
  }

  async #read(records: readonly ShardRecord[], limit: number): Promise<readonly Seen[]> {
    const [first] = records;
    if (first === undefined) return [];
    const { taskId, nodeId } = logOf(first);
    const rows = await this.#session.ask(({ artifacts }) =>
      artifacts
        .find({ task_id: checkedId(taskId), node_id: nodeId, status: "partial", seq: { $gte: 0 } })
        .sort({ shard: 1, seq: 1 })
        .limit(limit)
        .toArray(),
    );
    return rows.map(({ _id, created_at, meta }) => ({ _id, created_at, isObject: isObject(meta) }));
  }

  /** Two rows of one millisecond have no order for whoever sorts by time. */
  async #spaceOut(rows: readonly Seen[]): Promise<void> {
    let last = Number.NEGATIVE_INFINITY;
    for (const { _id, created_at } of rows) {
      const time = created_at instanceof Date ? created_at.getTime() : Number.NEGATIVE_INFINITY;
      if (time > last) last = time;
      else {
        last = Number.isFinite(last) ? last + 1 : 0;
        const spaced = new Date(last);
        await this.#session.ask(({ artifacts }) => artifacts.updateOne({ _id }, { $set: { created_at: spaced } }));
      }
    }
  }
}

/** A program that looks for keys in it. */
const isObject = (meta: unknown): meta is Document => typeof meta === "object" && meta !== null && !Array.isArray(meta);
