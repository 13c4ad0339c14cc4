import type { Attempt, DeadLetter } from "../../core/model/records.ts";
import type { HeldSlot } from "../../core/ports/index.ts";
import { type DeadLetterDriver, newestPage, type SlotDriver, type WorkerDriver } from "../../core/store/driver.ts";
import type { Session, SqliteConnection } from "./connection.ts";

const isSlot = "limit_key = ? AND task_id = ? AND node_id = ? AND shard = ? AND epoch = ? AND claim_id = ?";
const slotValues = ({ key, holder: { taskId, nodeId, shard, epoch, claimId } }: HeldSlot) =>
  [key, taskId, nodeId, shard, epoch, claimId] as const;

const holders = (db: SqliteConnection, key: string): number =>
  db.get<{ n: number }>("SELECT count(*) AS n FROM slots WHERE limit_key = ?", key)?.n ?? 0;

export const slotTable = (session: Session): SlotDriver => ({
  take: ({ key, max }, holder) =>
    session.write((db) => {
      const slot = slotValues({ key, holder });
      if (db.get(`SELECT 1 FROM slots WHERE ${isSlot}`, ...slot) !== undefined) return "ok";
      if (holders(db, key) >= max) return "full";
      const insert =
        "INSERT INTO slots (limit_key, task_id, node_id, shard, epoch, claim_id) VALUES (?, ?, ?, ?, ?, ?)";
      db.run(insert, ...slot);
      return "ok";
    }),
  free: (slot) => session.write((db) => void db.run(`DELETE FROM slots WHERE ${isSlot}`, ...slotValues(slot))),
  count: (keys) => session.read((db) => keys.map((key) => holders(db, key))),
  held: () =>
    session.read((db) => {
      const look =
        "SELECT limit_key AS key, task_id AS taskId, node_id AS nodeId, shard, epoch, claim_id AS claimId FROM slots";
      return db.all<Attempt & { readonly key: string }>(look).map(({ key, ...holder }) => ({ key, holder }));
    }),
});

/** The workers that announced themselves. */
export const workerTable = (session: Session): WorkerDriver => ({
  announce: (worker, ttlMs) =>
    session.write((db, now) => {
      db.run("DELETE FROM workers WHERE until <= ?", now);
      const replace = "INSERT OR REPLACE INTO workers (id, record, until) VALUES (?, ?, ?)";
      db.run(replace, worker.id, JSON.stringify(worker), now + ttlMs);
    }),
  remove: (id) => session.write((db) => void db.run("DELETE FROM workers WHERE id = ?", id)),
  live: () =>
    session.read((db, now) => {
      const rows = db.all<{ record: string }>("SELECT record FROM workers WHERE until > ?", now);
      return rows.map(({ record }) => JSON.parse(record));
    }),
});

/** The messages that could not be read. */
export const deadLetterTable = (session: Session): DeadLetterDriver => ({
  add: (letter) =>
    session.write((db, now) => {
      const insert = "INSERT OR IGNORE INTO dead_letters (id, letter) VALUES (?, ?)";
      db.run(insert, letter.id, JSON.stringify({ ...letter, at: now }));
    }),
  list: (query) =>
    session.read((db) => {
      const look = "SELECT pk, letter FROM dead_letters WHERE pk < ? ORDER BY pk DESC LIMIT ? + 0";
      const read = (before: number, limit: number) => db.all<{ pk: number; letter: string }>(look, before, limit);
      return newestPage(query, read, ({ letter }): DeadLetter => JSON.parse(letter));
    }),
  remove: (id) => session.write((db) => db.run("DELETE FROM dead_letters WHERE id = ?", id).changes === 1),
});
