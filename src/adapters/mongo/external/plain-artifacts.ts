import type { EpochRef, ShardRef } from "../../../core/model/records.ts";
import type { PlainRow, PlainRows } from "../../../core/ports/index.ts";
import type { Metrics } from "../../../definitions/index.ts";
import type { Json } from "../../../errors/index.ts";
import { checkedId, plainJson } from "../driver/documents.ts";
import { jsonField, jsonOf } from "../driver/fields.ts";
import type { Session } from "../driver/session.ts";

/** The rows of `artifacts` as other programs write and read them. */
export class PlainArtifacts implements PlainRows {
  readonly #session: Session;

  constructor(session: Session) {
    this.#session = session;
  }

  open(): Promise<void> {
    return this.#session.openAsGuest();
  }

  close(): Promise<void> {
    return this.#session.close();
  }

  async uids(ref: ShardRef): Promise<string[]> {
    const rows = await this.#session.ask(({ artifacts }) =>
      artifacts
        .find({ ...named(ref), status: "partial" }, { projection: { _id: 0, batch_uid: 1 } })
        .sort({ created_at: 1 })
        .toArray(),
    );
    return rows.map(({ batch_uid }) => batch_uid);
  }

  async read(ref: ShardRef, uids: readonly string[]): Promise<PlainRow[]> {
    if (uids.length === 0) return [];
    const rows = await this.#session.ask(({ artifacts }) =>
      artifacts.find({ ...named(ref), status: "partial", batch_uid: { $in: [...uids] } }).toArray(),
    );
    return rows.map((row) => ({
      batchUid: row.batch_uid,
      meta: plainJson(jsonOf<Json>(row, "meta")),
      metrics: jsonOf<Metrics>(row, "metrics") ?? {},
    }));
  }

  async isComplete(ref: ShardRef): Promise<boolean> {
    const found = await this.#session.ask(({ artifacts }) =>
      artifacts.findOne({ ...named(ref), status: "complete" }, { projection: { _id: 1 } }),
    );
    return found !== null;
  }

  async write(ref: EpochRef, row: PlainRow & { readonly workerId: string }): Promise<void> {
    const { batchUid, meta, metrics, workerId } = row;
    await this.#put(ref, batchUid, {
      status: "partial",
      worker_id: workerId,
      ...jsonField("meta", meta),
      ...jsonField("metrics", { ...metrics }),
    });
  }

  /** Named as such coordinators name it, which write it too: by any other name there would be two. */
  async complete(ref: EpochRef, end: { readonly meta: Json; readonly workerId: string }): Promise<void> {
    const { meta, workerId } = end;
    const fields = { status: "complete", worker_id: workerId, ...jsonField("meta", meta) };
    await this.#put(ref, { $exists: false }, fields);
  }

  async #put(ref: EpochRef, batch_uid: string | { readonly $exists: false }, fields: object): Promise<void> {
    await this.#session.ask(({ artifacts }) =>
      artifacts.updateOne(
        { ...named(ref), batch_uid },
        {
          $set: { ...fields, attempt_epoch: ref.epoch, updated_at: new Date() },
          $setOnInsert: { created_at: new Date() },
        },
        { upsert: true },
      ),
    );
  }
}

const named = ({ taskId, nodeId }: ShardRef) => ({ task_id: checkedId(taskId), node_id: checkedId(nodeId) });
