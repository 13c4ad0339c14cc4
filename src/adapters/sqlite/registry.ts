import type { Attempt, DeadLetter } from "../../core/model/records.ts";
import type { HeldSlot } from "../../core/ports/index.ts";
import { type DeadLetterDriver, newestPage, type SlotDriver, type WorkerDriver } from "../../core/store/driver.ts";
import type { Session, SqliteConnection } from "./connection.ts";
import { refColumns } from "./shards.ts";

type Row = Readonly<Record<"pk" | "n", number> & Record<"record" | "letter", string>>;

const slotColumns = "limit_key, task_id, node_id, shard, epoch, claim_id";
const isSlot = `(${slotColumns}) = (?, ?, ?, ?, ?, ?)`;
const slotValues = ({ key, holder: { taskId, nodeId, shard, epoch, claimId } }: HeldSlot) =>
  [key, taskId, nodeId, shard, epoch, claimId] as const;

const holders = (db: SqliteConnection, key: string): number =>
  db.get<Row>("SELECT count(*) AS n FROM slots WHERE limit_key = ?", key)?.n ?? 0;

export const slotTable = (session: Session): SlotDriver => ({
  take: ({ key, max }, holder) =>
    session.write((db) => {
      const slot = slotValues({ key, holder });
      if (db.has(`SELECT 1 FROM slots WHERE ${isSlot}`, ...slot)) return "ok";
      if (holders(db, key) >= max) return "full";
      db.run(`INSERT INTO slots (${slotColumns}) VALUES (?, ?, ?, ?, ?, ?)`, ...slot);
      return "ok";
    }),
  free: (slot) => session.write((db) => void db.run(`DELETE FROM slots WHERE ${isSlot}`, ...slotValues(slot))),
  count: (keys) => session.read((db) => keys.map((key) => holders(db, key))),
  held: () =>
    session.read((db) => {
      const look = `SELECT limit_key AS key, ${refColumns}, epoch, claim_id AS claimId FROM slots`;
      return db.all<Attempt & { readonly key: string }>(look).map(({ key, ...holder }) => ({ key, holder }));
    }),
});

export const workerTable = (session: Session): WorkerDriver => ({
  announce: (worker, ttlMs) =>
    session.write((db, now) => {
      db.run("DELETE FROM workers WHERE until <= ?", now);
      const replace = "INSERT OR REPLACE INTO workers (id, record, until) VALUES (?, ?, ?)";
      db.run(replace, worker.id, JSON.stringify(worker), now + ttlMs);
    }),
  remove: (id) => session.write((db) => void db.run("DELETE FROM workers WHERE id = ?", id)),
  live: () =>
    session.read((db, now) =>
      db.all<Row>("SELECT record FROM workers WHERE until > ?", now).map(({ record }) => JSON.parse(record)),
    ),
});

export const deadLetterTable = (session: Session): DeadLetterDriver => ({
  add: (letter) =>
    session.write((db, now) => {
      const insert = "INSERT OR IGNORE INTO dead_letters (id, letter) VALUES (?, ?)";
      db.run(insert, letter.id, JSON.stringify({ ...letter, at: now }));
    }),
  list: (query) =>
    session.read((db) => {
      const look = "SELECT pk, letter FROM dead_letters WHERE pk < ? ORDER BY pk DESC LIMIT ? + 0";
      const read = (before: number, limit: number) => db.all<Row>(look, before, limit);
      return newestPage(query, read, ({ letter }): DeadLetter => JSON.parse(letter));
    }),
  remove: (id) => session.write((db) => db.run("DELETE FROM dead_letters WHERE id = ?", id).changes === 1),
});
