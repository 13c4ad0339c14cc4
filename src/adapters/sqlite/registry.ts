import type { DeadLetter, WorkerRecord } from "../../core/model/records.ts";
import type { HeldSlot } from "../../core/ports/index.ts";
import type { DeadLetterDriver, SlotDriver, WorkerDriver } from "../../core/store/driver.ts";
import { pageOf, pageStart, type Row, refAt } from "./rows.ts";
import type { Session } from "./shared-file.ts";

const isSlot = "limit_key = ? AND task_id = ? AND node_id = ? AND shard = ? AND epoch = ? AND claim_id = ?";

export const slotTable = (session: Session): SlotDriver => ({
  take: ({ key, max }, holder) =>
    session.write((db) => {
      const slot = valuesOf({ key, holder });
      if (db.sql(`SELECT 1 FROM slots WHERE ${isSlot}`).get(...slot) !== undefined) return "ok";
      const held = db.sql("SELECT count(*) AS n FROM slots WHERE limit_key = ?").get(key)?.n;
      if (Number(held) >= max) return "full";
      const insert =
        "INSERT INTO slots (limit_key, task_id, node_id, shard, epoch, claim_id) VALUES (?, ?, ?, ?, ?, ?)";
      db.sql(insert).run(...slot);
      return "ok";
    }),

  free: (slot) =>
    session.write((db) => {
      db.sql(`DELETE FROM slots WHERE ${isSlot}`).run(...valuesOf(slot));
    }),

  count: (keys) =>
    session.read((db) => {
      const held = db.sql("SELECT count(*) AS n FROM slots WHERE limit_key = ?");
      return keys.map((key) => Number(held.get(key)?.n));
    }),

  held: () =>
    session.read((db) =>
      db.sql("SELECT limit_key, task_id, node_id, shard, epoch, claim_id FROM slots").all().map(slotAt),
    ),
});

const valuesOf = ({ key, holder }: HeldSlot) =>
  [key, holder.taskId, holder.nodeId, holder.shard, holder.epoch, holder.claimId] as const;

const slotAt = (row: Row): HeldSlot => ({
  key: String(row.limit_key),
  holder: { ...refAt(row), epoch: Number(row.epoch), claimId: String(row.claim_id) },
});

/** The workers that announced themselves. */
export const workerTable = (session: Session): WorkerDriver => ({
  announce: (worker, ttlMs) =>
    session.write((db, now) => {
      db.sql("DELETE FROM workers WHERE until <= ?").run(now);
      const replace = db.sql("INSERT OR REPLACE INTO workers (id, record, until) VALUES (?, ?, ?)");
      replace.run(worker.id, JSON.stringify(worker), now + ttlMs);
    }),

  remove: (id) =>
    session.write((db) => {
      db.sql("DELETE FROM workers WHERE id = ?").run(id);
    }),

  live: () =>
    session.read((db, now) => {
      const rows = db.sql("SELECT record FROM workers WHERE until > ?").all(now);
      return rows.map(({ record }): WorkerRecord => JSON.parse(String(record)));
    }),
});

/** The messages that could not be read. */
export const deadLetterTable = (session: Session): DeadLetterDriver => ({
  add: (letter) =>
    session.write((db, now) => {
      const insert = db.sql("INSERT OR IGNORE INTO dead_letters (id, letter) VALUES (?, ?)");
      insert.run(letter.id, JSON.stringify({ ...letter, at: now }));
    }),

  list: ({ cursor, limit }) =>
    session.read((db) => {
      const look = db.sql("SELECT pk, letter FROM dead_letters WHERE pk < ? ORDER BY pk DESC LIMIT ? + 0");
      const rows = look.all(pageStart(cursor), limit + 1);
      return pageOf(rows, limit, ({ letter }): DeadLetter[] => [JSON.parse(String(letter))]);
    }),

  remove: (id) => session.write((db) => db.sql("DELETE FROM dead_letters WHERE id = ?").run(id).changes === 1),
});
