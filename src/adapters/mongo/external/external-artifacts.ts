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
import { isDuplicate } from "../database/errors.ts";
import type { Session } from "../database/session.ts";
import { logEnd, readFenced } from "../driver/shards.ts";
import type { ArtifactDocument } from "../format/documents.ts";
import { checkedId, nodeFields } from "../format/records.ts";

/** What is checked of a source's row before an external worker reads it. */
type Checked = Pick<ArtifactDocument, "_id" | "created_at"> & { readonly isObject: boolean };

/**
 * The rows of `artifacts` that external workers write and read: by (task, node, batch), without a shard, a generation or
 * a seq. Such a row becomes part of a log by its stamp, which adds them.
 */
export class ExternalArtifacts implements ExternalRows {
  readonly #session: Session;

  constructor(session: Session) {
    this.#session = session;
  }

  async prepare(
    reader: EpochRef & { readonly generation: number },
    sources: { readonly records: readonly ShardRecord[]; readonly longest: number },
  ): Promise<UnreadableSource | undefined> {
    await this.#removeLeftovers(reader);
    for (const record of sources.records) await this.#removeWithdrawn(record);
    for (const [nodeId, records] of Map.groupBy(sources.records, (record) => record.nodeId)) {
      const rows = await this.#read(records, sources.longest + 1);
      if (rows.length > sources.longest) return { nodeId, problem: "too_long" };
      if (rows.some(({ isObject }) => !isObject)) return { nodeId, problem: "no_object" };
      await this.#spaceOut(rows);
    }
    return undefined;
  }

  async stamp(attempt: Attempt, row: { readonly generation: number; readonly batchUid: string }): Promise<Stamped> {
    const { answer } = await readFenced(this.#session, attempt);
    if (answer !== "ok") return answer;
    const { generation } = row;
    const named = { ...nodeFields(attempt), batch_uid: checkedId(row.batchUid), status: "partial" } as const;
    for (;;) {
      const { length, closed } = await logEnd(this.#session, attempt, generation);
      const found = await this.#session.findOne("artifacts", named, { projection: { seq: 1, generation: 1 } });
      if (found?.seq !== undefined && found.generation === generation) return { seq: found.seq };
      if (closed) return "fenced"; // the record is about to become terminal
      if (await this.#put(attempt, { named, generation, seq: length })) return { seq: length };
      if (found === undefined) return "missing";
    }
  }

  async stampRest(
    attempt: Attempt,
    { generation, workerId }: { readonly generation: number; readonly workerId: string },
  ): Promise<WriteAnswer> {
    const own = { status: "partial", attempt_epoch: attempt.epoch, worker_id: checkedId(workerId) } as const;
    const unstamped = { ...nodeFields(attempt), ...own, seq: { $exists: false } };
    const options = { projection: { _id: 0, batch_uid: 1 }, sort: { created_at: 1, batch_uid: 1 } } as const;
    for (const { batch_uid: batchUid } of await this.#session.find("artifacts", unstamped, options)) {
      const stamped = await this.stamp(attempt, { generation, batchUid });
      if (stamped === "fenced" || stamped === "cancelling") return stamped;
    }
    return "ok";
  }

  async removeEnd(ref: ShardRef): Promise<void> {
    await this.#delete({ ...nodeFields(ref), status: "complete", seq: { $exists: false } });
  }

  /** The write itself looks up the row, so that it finds the most recent one. */
  #put(
    attempt: Attempt,
    at: { readonly named: Filter<ArtifactDocument>; readonly generation: number; readonly seq: number },
  ): Promise<boolean> {
    const { named, generation, seq } = at;
    const unstamped = { ...named, $or: [{ seq: { $exists: false } }, { generation: { $lt: generation } }] };
    const { shard, epoch: attempt_epoch, claimId: claim_id } = attempt;
    return this.#session.run(async ({ artifacts }) => {
      try {
        const $set = { shard, generation, seq, attempt_epoch, claim_id };
        return (await artifacts.updateOne(unstamped, { $set })).modifiedCount === 1;
      } catch (error) {
        if (isDuplicate(error)) return false; // another row has been stamped with this seq
        throw error;
      }
    });
  }

  /**
   * Removes what earlier attempts of the reader left behind: claims of batches, complete rows, and rows that are in no
   * log or in one of an earlier generation. A row keeps the epoch that first wrote it, so a later attempt's row would
   * look like an earlier one's. Rows of this attempt and of later ones stay, since this call may be delayed.
   */
  async #removeLeftovers(reader: EpochRef & { readonly generation: number }): Promise<void> {
    const { nodeId, epoch, generation } = reader;
    const { task_id } = nodeFields(reader);
    await this.#session.run(({ streamProgress }) =>
      streamProgress.deleteMany({ task_id, $or: [{ consumer_node: nodeId }, { node_id: nodeId }] }),
    );
    await this.removeEnd(reader);
    if (epoch === 1) return;
    const leftBehind = [
      { seq: { $exists: false }, attempt_epoch: { $lt: epoch } },
      { generation: { $lt: generation } },
    ];
    await this.#delete({ ...nodeFields(reader), status: "partial", $or: leftBehind });
  }

  /** Removes rows of earlier generations, and once the source has ended also rows that are in no log. */
  async #removeWithdrawn(record: ShardRecord): Promise<void> {
    const log = logOf(record);
    await this.#delete({ ...nodeFields(log), shard: log.shard, generation: { $lt: record.generation } });
    if (!isShardTerminal(record.status)) return;
    await this.#delete({ ...nodeFields(log), status: "partial", seq: { $exists: false } });
  }

  async #read(records: readonly ShardRecord[], limit: number): Promise<readonly Checked[]> {
    const [first] = records;
    if (first === undefined) return [];
    const stamped = { ...nodeFields(logOf(first)), status: "partial", seq: { $gte: 0 } } as const;
    const rows = await this.#session.find("artifacts", stamped, { sort: { shard: 1, seq: 1 }, limit });
    return rows.map(({ _id, created_at, meta }) => ({ _id, created_at, isObject: isObject(meta) }));
  }

  /** External workers sort by time, so each row needs a distinct time, in the order of the log. */
  async #spaceOut(rows: readonly Checked[]): Promise<void> {
    let last = Number.NEGATIVE_INFINITY;
    for (const { _id, created_at } of rows) {
      const time = created_at instanceof Date ? created_at.getTime() : Number.NEGATIVE_INFINITY;
      if (time > last) last = time;
      else {
        last = Number.isFinite(last) ? last + 1 : 0;
        const spaced = new Date(last);
        await this.#session.run(({ artifacts }) => artifacts.updateOne({ _id }, { $set: { created_at: spaced } }));
      }
    }
  }

  async #delete(filter: Filter<ArtifactDocument>): Promise<void> {
    await this.#session.run(({ artifacts }) => artifacts.deleteMany(filter));
  }
}

/** External workers search it for keys. */
const isObject = (meta: unknown): meta is Document => typeof meta === "object" && meta !== null && !Array.isArray(meta);
