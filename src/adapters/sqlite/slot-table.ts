import type { Attempt } from "../../core/model/records.ts";
import type { HeldSlot, SlotLimit } from "../../core/ports/index.ts";
import type { StoreParts } from "./store-parts.ts";

/** The holders of limits. */
export class SlotTable {
  readonly #parts: StoreParts;

  constructor(parts: StoreParts) {
    this.#parts = parts;
  }

  async take({ key, max }: SlotLimit, { taskId, nodeId, shard, epoch, claimId }: Attempt): Promise<"ok" | "full"> {
    const { connection } = this.#parts;
    return connection.write(() => {
      const own = connection.sql(
        "SELECT 1 FROM slots WHERE limit_key = ? AND task_id = ? AND node_id = ? AND shard = ? AND epoch = ? AND claim_id = ?",
      );
      if (own.get(key, taskId, nodeId, shard, epoch, claimId) !== undefined) return "ok";
      const held = connection.sql("SELECT count(*) AS n FROM slots WHERE limit_key = ?").get(key)?.n;
      if (Number(held) >= max) return "full";
      connection
        .sql("INSERT INTO slots (limit_key, task_id, node_id, shard, epoch, claim_id) VALUES (?, ?, ?, ?, ?, ?)")
        .run(key, taskId, nodeId, shard, epoch, claimId);
      return "ok";
    });
  }

  async free({ key, holder: { taskId, nodeId, shard, epoch, claimId } }: HeldSlot): Promise<void> {
    const { connection } = this.#parts;
    connection.write(() =>
      connection
        .sql(
          "DELETE FROM slots WHERE limit_key = ? AND task_id = ? AND node_id = ? AND shard = ? AND epoch = ? AND claim_id = ?",
        )
        .run(key, taskId, nodeId, shard, epoch, claimId),
    );
  }

  async count(keys: readonly string[]): Promise<number[]> {
    const { connection } = this.#parts;
    return connection.read(() => {
      const held = connection.sql("SELECT count(*) AS n FROM slots WHERE limit_key = ?");
      return keys.map((key) => Number(held.get(key)?.n));
    });
  }

  async held(): Promise<HeldSlot[]> {
    const { connection } = this.#parts;
    const rows = connection.read(() =>
      connection.sql("SELECT limit_key, task_id, node_id, shard, epoch, claim_id FROM slots").all(),
    );
    return rows.map((row) => ({
      key: String(row.limit_key),
      holder: {
        taskId: String(row.task_id),
        nodeId: String(row.node_id),
        shard: Number(row.shard),
        epoch: Number(row.epoch),
        claimId: String(row.claim_id),
      },
    }));
  }
}
