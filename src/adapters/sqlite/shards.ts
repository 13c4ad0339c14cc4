import { keepShard } from "../../core/codec/index.ts";
import { expiresAt, renewLease } from "../../core/model/index.ts";
import { type EpochRef, type ShardRecord, type ShardRef, shardKey } from "../../core/model/records.ts";
import type { QueuedRef } from "../../core/ports/index.ts";
import type { Judged, ShardDriver } from "../../core/store/driver.ts";
import type { SqliteConnection } from "./connection.ts";
import { type Keyed, type Row, refAt, splitDue } from "./rows.ts";
import type { Session } from "./shared-file.ts";
import { readTask } from "./tasks.ts";

const columns = "task_id, node_id, shard, queue_order";

export const shardTable = (session: Session): ShardDriver => ({
  read: (taskId, nodeIds) =>
    session.read((db) => {
      if (nodeIds !== undefined) return nodeIds.flatMap((nodeId) => shardsOfNode(db, taskId, nodeId));
      const rows = db
        .sql(
          "SELECT node_id, shard, min(pk) OVER (PARTITION BY node_id) AS first FROM shards WHERE task_id = ? ORDER BY first, shard",
        )
        .all(taskId);
      return rows.flatMap((row) => recordAt(db, { ...row, task_id: taskId }));
    }),

  hasArtifacts: (taskId, nodeId) =>
    session.read((db) => {
      const stored = db.sql(
        `SELECT 1 FROM shards s WHERE s.task_id = ? AND s.node_id = ?
           AND EXISTS (SELECT 1 FROM artifacts a WHERE a.shard_pk = s.pk) LIMIT 1`,
      );
      if (stored.get(taskId, nodeId) !== undefined) return true;
      return shardsOfNode(db, taskId, nodeId).some(({ count = 0 }) => count > 0); // adopted: the artifacts are elsewhere
    }),

  insert: (ref, create) =>
    session.write((db, now) => {
      if (readTask(db, ref.taskId) === undefined) return "gone";
      if (readShard(db, ref) !== undefined) return "exists";
      const record = create(now);
      const insert = db.sql(
        `INSERT INTO shards (task_id, node_id, shard, type, status, record, priority, ready_at, queue_order, due_at,
           expires_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      );
      const { taskId, nodeId, shard, type } = record;
      const { lastInsertRowid } = insert.run(taskId, nodeId, shard, type, ...columnsOf(db, record));
      db.shards.set(shardKey(record), { pk: Number(lastInsertRowid), record: keepShard(record) });
      return "inserted";
    }),

  update: (ref, _, judge) => session.write((db, now) => updateShard(db, ref, (row) => judge(row?.record, now))),

  updateWithLength: (ref, _, judge) =>
    session.write((db, now) =>
      updateShard(db, ref, (row) => {
        const length = row === undefined ? 0 : logLength(db, row.pk, row.record.generation);
        return judge(row?.record, now, length);
      }),
    ),

  renew: (attempts, leaseMs) =>
    session.write((db, now) =>
      attempts.map((attempt) => updateShard(db, attempt, (row) => renewLease(row?.record, attempt, { leaseMs, now }))),
    ),

  expiredLeases: (limit) =>
    session.read((db, now) =>
      db
        .sql(`SELECT ${columns} FROM shards WHERE expires_at <= ? ORDER BY expires_at LIMIT ? + 0`)
        .all(now, limit)
        .flatMap((row) => recordAt(db, row))
        .map(epochRef),
    ),

  dueDeferred: (limit) =>
    session.read((db, now) => {
      const look = db.sql(
        `SELECT ${columns}, due_at AS at FROM shards WHERE due_at IS NOT NULL ORDER BY due_at LIMIT ? + 0`,
      );
      const { due, nextInMs } = splitDue(look.all(limit + 1), limit, now);
      return { due: due.flatMap((row) => recordAt(db, row)).map(epochRef), nextInMs };
    }),

  // One look a type, each along the index, merged here: a single one for all types would sort everything queued.
  peekQueue: (types, limit, exceptTasks = new Set(), onlyTasks = undefined) =>
    session.read((db) => {
      // Without exceptions, the usual case, the table function is not paid for.
      const among = [
        ...(exceptTasks.size === 0 ? [] : [{ operator: "NOT IN", tasks: exceptTasks }]),
        ...(onlyTasks === undefined ? [] : [{ operator: "IN", tasks: onlyTasks }]),
      ];
      const where = among.map(({ operator }) => ` AND task_id ${operator} (SELECT value FROM json_each(?))`).join("");
      const look = db.sql(
        `SELECT ${columns} FROM shards WHERE status = 'queued' AND type = ?${where} ORDER BY priority DESC, ready_at, queue_order LIMIT ? + 0`,
      );
      const tasks = among.map((each) => JSON.stringify([...each.tasks]));
      const queued = types.flatMap((type) =>
        look.all(type, ...tasks, limit).flatMap((row) => {
          const order = Number(row.queue_order);
          return recordAt(db, row).map((record) => ({ record, order }));
        }),
      );
      if (types.length > 1) queued.sort(byTurn);
      return queued.slice(0, limit).map(({ record }): QueuedRef => ({ ...epochRef(record), type: record.type }));
    }),
});

/** Records are cached, and handed out as they are. */
export function readShard(db: SqliteConnection, ref: ShardRef): Keyed<ShardRecord> | undefined {
  const key = shardKey(ref);
  const known = db.shards.get(key);
  if (known !== undefined) return known;
  const row = db
    .sql("SELECT pk, record FROM shards WHERE task_id = ? AND node_id = ? AND shard = ?")
    .get(ref.taskId, ref.nodeId, ref.shard);
  if (row === undefined) return undefined;
  const read = { pk: Number(row.pk), record: keepShard(JSON.parse(String(row.record))) };
  db.shards.set(key, read);
  return read;
}

export function updateShard<TAnswer>(
  db: SqliteConnection,
  ref: ShardRef,
  judge: (row: Keyed<ShardRecord> | undefined) => Judged<TAnswer, ShardRecord>,
): TAnswer {
  const row = readShard(db, ref);
  const { answer, next } = judge(row);
  if (row === undefined || next === undefined) return answer;
  db.sql(
    `UPDATE shards SET status = ?, record = ?, priority = ?, ready_at = ?, queue_order = ?, due_at = ?,
       expires_at = ? WHERE pk = ?`,
  ).run(...columnsOf(db, next), row.pk);
  db.shards.set(shardKey(next), { pk: row.pk, record: keepShard(next) });
  return answer;
}

/** How many artifacts the log of a generation has. */
export function logLength(db: SqliteConnection, pk: number, generation: number): number {
  const key = `${pk}:${generation}`;
  const known = db.lengths.get(key);
  if (known !== undefined) return known;
  const found = db.sql("SELECT max(seq) AS last FROM artifacts WHERE shard_pk = ? AND generation = ?");
  const last = found.get(pk, generation)?.last ?? -1;
  const length = Number(last) + 1;
  db.lengths.set(key, length);
  return length;
}

function columnsOf(db: SqliteConnection, record: ShardRecord) {
  const { status, priority, readyAt, dueAt = null } = record;
  const order = status === "queued" ? db.nextInQueue() : null;
  return [status, JSON.stringify(record), priority, readyAt, order, dueAt, expiresAt(record) ?? null] as const;
}

function shardsOfNode(db: SqliteConnection, taskId: string, nodeId: string): ShardRecord[] {
  const rows = db.sql("SELECT shard FROM shards WHERE task_id = ? AND node_id = ? ORDER BY shard").all(taskId, nodeId);
  return rows.flatMap(({ shard }) => readShard(db, { taskId, nodeId, shard: Number(shard) })?.record ?? []);
}

function recordAt(db: SqliteConnection, row: Row): ShardRecord[] {
  const found = readShard(db, refAt(row));
  return found === undefined ? [] : [found.record];
}

const epochRef = ({ taskId, nodeId, shard, epoch }: ShardRecord): EpochRef => ({ taskId, nodeId, shard, epoch });

interface Queued {
  readonly record: ShardRecord;
  readonly order: number;
}

const byTurn = (a: Queued, b: Queued): number =>
  b.record.priority - a.record.priority || a.record.readyAt - b.record.readyAt || a.order - b.order;
