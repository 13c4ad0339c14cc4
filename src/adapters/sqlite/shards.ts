import { keepShard } from "../../core/codec/index.ts";
import { expiresAt, renewLease } from "../../core/model/index.ts";
import { epochRef, type ShardRecord, type ShardRef, shardKey } from "../../core/model/records.ts";
import type { Judged, ShardDriver } from "../../core/store/driver.ts";
import { splitDue } from "../../core/store/lists.ts";
import type { Keyed, Session, SqliteConnection } from "./connection.ts";
import { readTask } from "./tasks.ts";

const refColumns = "task_id AS taskId, node_id AS nodeId, shard";

export const shardTable = (session: Session): ShardDriver => ({
  read: (taskId, nodeIds) =>
    session.read((db) => {
      if (nodeIds !== undefined) return nodeIds.flatMap((nodeId) => shardsOfNode(db, taskId, nodeId));
      const firsts = "min(pk) OVER (PARTITION BY node_id) AS first"; // nodes in the order of their first shard
      const look = `SELECT ${refColumns}, ${firsts} FROM shards WHERE task_id = ? ORDER BY first, shard`;
      return recordsAt(db, db.all<ShardRef>(look, taskId));
    }),
  hasArtifacts: (taskId, nodeId) =>
    session.read((db) => {
      const look = `SELECT 1 FROM shards s WHERE s.task_id = ? AND s.node_id = ?
         AND EXISTS (SELECT 1 FROM artifacts a WHERE a.shard_pk = s.pk) LIMIT 1`;
      if (db.get(look, taskId, nodeId) !== undefined) return true;
      return shardsOfNode(db, taskId, nodeId).some(({ count = 0 }) => count > 0); // adopted: stored by another task
    }),
  insert: (ref, create) =>
    session.write((db, now) => {
      if (readTask(db, ref.taskId) === undefined) return "gone";
      if (readShard(db, ref) !== undefined) return "exists";
      const record = create(now);
      const { taskId, nodeId, shard, type } = record;
      const insert = `INSERT INTO shards (task_id, node_id, shard, type, status, record, priority, ready_at, queue_order,
         due_at, expires_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`;
      const { lastInsertRowid } = db.run(insert, taskId, nodeId, shard, type, ...columnsOf(db, record));
      db.shards.set(shardKey(record), { pk: Number(lastInsertRowid), record: keepShard(record) });
      return "inserted";
    }),
  update: (ref, _, judge) => session.write((db, now) => updateShard(db, ref, (row) => judge(row?.record, now))),
  updateWithLength: (ref, _, judge) =>
    session.write((db, now) => updateShard(db, ref, (row) => judge(row?.record, now, lengthOf(db, row)))),
  renew: (attempts, leaseMs) =>
    session.write((db, now) =>
      attempts.map((attempt) => updateShard(db, attempt, (row) => renewLease(row?.record, attempt, { leaseMs, now }))),
    ),
  expiredLeases: (limit) =>
    session.read((db, now) => {
      const look = `SELECT ${refColumns} FROM shards WHERE expires_at <= ? ORDER BY expires_at LIMIT ? + 0`;
      return recordsAt(db, db.all<ShardRef>(look, now, limit)).map(epochRef);
    }),
  dueDeferred: (limit) =>
    session.read((db, now) => {
      const look = `SELECT ${refColumns}, due_at AS at FROM shards WHERE due_at IS NOT NULL ORDER BY due_at LIMIT ? + 0`;
      const { due, nextInMs } = splitDue(db.all<ShardRef & { readonly at: number }>(look, limit + 1), limit, now);
      return { due: recordsAt(db, due).map(epochRef), nextInMs };
    }),
  peekQueue: (types, limit, exceptTasks, onlyTasks) =>
    session.read((db) => {
      // Only a condition that is needed: the table function costs as much as the look.
      const excepts = exceptTasks === undefined || exceptTasks.size === 0 ? [] : [JSON.stringify([...exceptTasks])];
      const onlys = onlyTasks === undefined ? [] : [JSON.stringify([...onlyTasks])];
      const except = excepts.map(() => " AND task_id NOT IN (SELECT value FROM json_each(?))").join("");
      const only = onlys.map(() => " AND task_id IN (SELECT value FROM json_each(?))").join("");
      const look = `SELECT ${refColumns}, priority, ready_at, queue_order FROM shards WHERE status = 'queued' AND type = ?${except}${only}
         ORDER BY priority DESC, ready_at, queue_order LIMIT ? + 0`;
      // One look a type, each along the index, merged here: a single one for all types would sort everything queued.
      const rows = types.flatMap((type) => db.all<QueuedRow>(look, type, ...excepts, ...onlys, limit));
      if (types.length > 1) rows.sort(byTurn);
      return recordsAt(db, rows.slice(0, limit)).map((record) => ({ ...epochRef(record), type: record.type }));
    }),
});

/** Records are cached, and handed out as they are. */
export const readShard = (db: SqliteConnection, ref: ShardRef): Keyed<ShardRecord> | undefined =>
  db.shards.load(shardKey(ref), () => {
    const look = "SELECT pk, record FROM shards WHERE task_id = ? AND node_id = ? AND shard = ?";
    const row = db.get<{ pk: number; record: string }>(look, ref.taskId, ref.nodeId, ref.shard);
    return row && { pk: row.pk, record: keepShard(JSON.parse(row.record)) };
  });

export function updateShard<TAnswer>(
  db: SqliteConnection,
  ref: ShardRef,
  judge: (row: Keyed<ShardRecord> | undefined) => Judged<TAnswer, ShardRecord>,
): TAnswer {
  const row = readShard(db, ref);
  const { answer, next } = judge(row);
  if (row === undefined || next === undefined) return answer;
  const replace = `UPDATE shards SET status = ?, record = ?, priority = ?, ready_at = ?, queue_order = ?, due_at = ?,
     expires_at = ? WHERE pk = ?`;
  db.run(replace, ...columnsOf(db, next), row.pk);
  db.shards.set(shardKey(next), { pk: row.pk, record: keepShard(next) });
  return answer;
}

export const logKey = (pk: number, generation: number): string => `${pk}:${generation}`;

/** How many artifacts the log of a generation has. */
export const logLength = (db: SqliteConnection, pk: number, generation: number): number =>
  db.lengths.load(logKey(pk, generation), () => {
    const look = "SELECT max(seq) AS last FROM artifacts WHERE shard_pk = ? AND generation = ?";
    return (db.get<{ last: number | null }>(look, pk, generation)?.last ?? -1) + 1;
  });

export const lengthOf = (db: SqliteConnection, row: Keyed<ShardRecord> | undefined): number =>
  row === undefined ? 0 : logLength(db, row.pk, row.record.generation);

function columnsOf(db: SqliteConnection, record: ShardRecord) {
  const { status, priority, readyAt, dueAt = null } = record;
  const order = status === "queued" ? db.nextInQueue() : null;
  return [status, JSON.stringify(record), priority, readyAt, order, dueAt, expiresAt(record) ?? null] as const;
}

const recordsAt = (db: SqliteConnection, refs: readonly ShardRef[]): ShardRecord[] =>
  refs.flatMap((ref) => readShard(db, ref)?.record ?? []);

function shardsOfNode(db: SqliteConnection, taskId: string, nodeId: string): ShardRecord[] {
  const look = `SELECT ${refColumns} FROM shards WHERE task_id = ? AND node_id = ? ORDER BY shard`;
  return recordsAt(db, db.all<ShardRef>(look, taskId, nodeId));
}

type QueuedRow = ShardRef & Readonly<Record<"priority" | "ready_at" | "queue_order", number>>;

const byTurn = (a: QueuedRow, b: QueuedRow): number =>
  b.priority - a.priority || a.ready_at - b.ready_at || a.queue_order - b.queue_order;
