import type { EpochRef, ShardRef } from "../../../core/model/records.ts";
import type { PlainRow, PlainRows } from "../../../core/ports/index.ts";
import type { Metrics } from "../../../definitions/index.ts";
import type { Json } from "../../../errors/index.ts";
import type { Session } from "../database/session.ts";
import { plainJson } from "../format/documents.ts";
import { jsonField, jsonOf } from "../format/fields.ts";
import { nodeFields } from "../format/records.ts";

/** The rows of `artifacts` as external coordinators write and read them. */
export class PlainArtifacts implements PlainRows {
  readonly #session: Session;

  constructor(session: Session) {
    this.#session = session;
  }

  /** The database belongs to external coordinators: it has no layout, and none is created. */
  async open(): Promise<void> {
    this.#session.connect();
    await this.#session.findOne("artifacts", {}, { projection: { _id: 1 } });
  }

  close(): Promise<void> {
    return this.#session.close();
  }

  async uids(ref: ShardRef): Promise<string[]> {
    const options = { projection: { _id: 0, batch_uid: 1 }, sort: { created_at: 1 } } as const;
    const rows = await this.#session.find("artifacts", { ...nodeFields(ref), status: "partial" }, options);
    return rows.map(({ batch_uid }) => batch_uid);
  }

  async read(ref: ShardRef, uids: readonly string[]): Promise<PlainRow[]> {
    if (uids.length === 0) return [];
    const filter = { ...nodeFields(ref), status: "partial", batch_uid: { $in: [...uids] } } as const;
    return (await this.#session.find("artifacts", filter)).map((row) => ({
      batchUid: row.batch_uid,
      meta: plainJson(jsonOf<Json>(row, "meta")),
      metrics: jsonOf<Metrics>(row, "metrics") ?? {},
    }));
  }

  async isComplete(ref: ShardRef): Promise<boolean> {
    const complete = { ...nodeFields(ref), status: "complete" } as const;
    return (await this.#session.findOne("artifacts", complete, { projection: { _id: 1 } })) !== undefined;
  }

  async write(ref: EpochRef, row: PlainRow & { readonly workerId: string }): Promise<void> {
    const { batchUid, meta, metrics, workerId } = row;
    const content = { ...jsonField("meta", meta), ...jsonField("metrics", { ...metrics }) };
    await this.#put(ref, batchUid, { status: "partial", worker_id: workerId, ...content });
  }

  /** Has no `batch_uid`, like the row that the coordinators write, which it would duplicate under another name. */
  async complete(ref: EpochRef, end: { readonly meta: Json; readonly workerId: string }): Promise<void> {
    const fields = { status: "complete", worker_id: end.workerId, ...jsonField("meta", end.meta) };
    await this.#put(ref, { $exists: false }, fields);
  }

  async #put(ref: EpochRef, batch_uid: string | { readonly $exists: false }, fields: object): Promise<void> {
    const now = new Date();
    const $set = { ...fields, attempt_epoch: ref.epoch, updated_at: now };
    const update = { $set, $setOnInsert: { created_at: now } };
    await this.#session.run(({ artifacts }) =>
      artifacts.updateOne({ ...nodeFields(ref), batch_uid }, update, { upsert: true }),
    );
  }
}
