import { keepShard } from "../../../core/codec/index.ts";
import { expiresAt, renewLease } from "../../../core/model/index.ts";
import {
  type Artifact,
  type Cause,
  epochRef,
  type HistoryEntry,
  isShardTerminal,
  queuedRef,
  type ShardRecord,
  type ShardRef,
  shardKey,
} from "../../../core/model/records.ts";
import type { HeldSlot } from "../../../core/ports/index.ts";
import { type Judged, type ShardDriver, type SlotDriver, splitDue } from "../../../core/store/driver.ts";
import type { LogHead, Session, ShardRow, SqliteConnection } from "../database/connection.ts";
import { indexedFrom, isSqliteError } from "../database/schema.ts";
import { ofTask, readTask } from "./tasks.ts";

export const refColumns = "task_id AS taskId, node_id AS nodeId, shard";
const firsts = "min(pk) OVER (PARTITION BY node_id) AS first"; // nodes in the order of their first shard
// The columns of one index, so that the rows, which are long, are not read.
const shardsOfTask = `SELECT node_id AS nodeId, shard, ${firsts} FROM shards WHERE ${ofTask} ORDER BY first, shard`;
const shardsOfNodes = `SELECT node_id AS nodeId, shard FROM json_each(?2) AS asked CROSS JOIN shards
  ON task_pk = (SELECT pk FROM tasks WHERE id = ?1) AND node_id = asked.value ORDER BY asked.key, shard`;
const artifactOfNode = `SELECT 1 FROM shards s WHERE s.${ofTask} AND s.node_id = ?
  AND EXISTS (SELECT 1 FROM artifacts a WHERE a.shard_pk = s.pk) LIMIT 1`;
const insert = `INSERT INTO shards (pk, task_pk, task_id, node_id, shard, type, status, state, priority, ready_at, queue_order,
  due_at, fresh_until) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`;
const replace = `UPDATE shards SET status = ?, state = ?, priority = ?, ready_at = ?, queue_order = ?, due_at = ?,
  expires_at = ?, fresh_until = NULL, only_artifact = ifnull(?, only_artifact) WHERE pk = ?`;
/** SQLITE_CONSTRAINT_UNIQUE */
const notUnique = 2_067;
/** Quicker, for the end of an attempt: its row is neither queued nor due, and keeps its other columns. */
const end = `UPDATE shards SET status = ?, state = ?, expires_at = NULL, fresh_until = NULL,
  only_artifact = ifnull(?, only_artifact) WHERE pk = ?`;
const expired = `SELECT ${refColumns} FROM shards WHERE expires_at <= ? ORDER BY expires_at LIMIT ? + 0`;
const expiredAlsoFresh = `SELECT ${refColumns}, expires_at AS at FROM shards WHERE expires_at <= ?1 UNION ALL
  SELECT ${refColumns}, fresh_until FROM shards WHERE pk >= ?2 AND fresh_until <= ?1 ORDER BY at LIMIT ? + 0`;
const deferred = `SELECT ${refColumns}, due_at AS at FROM shards WHERE due_at IS NOT NULL ORDER BY due_at LIMIT ? + 0`;
const queued = `SELECT ${refColumns}, priority, ready_at, queue_order FROM shards WHERE status = 'queued' AND type = ?1
  AND (?2 IS NULL OR task_id NOT IN (SELECT value FROM json_each(?2)))
  AND (?3 IS NULL OR task_id IN (SELECT value FROM json_each(?3))) AND priority < ?4
  ORDER BY priority DESC, ready_at, queue_order LIMIT ? + 0`;

export const isLog = "shard_pk = ? AND generation = ?";
const uidsUnindexed = `SELECT uid FROM artifacts WHERE ${isLog} AND seq < ${indexedFrom} ORDER BY seq`;
const lastSeq = `SELECT max(seq) AS seq FROM artifacts WHERE ${isLog}`;

export const shardTable = (session: Session): ShardDriver => ({
  read: (taskId, nodeIds) =>
    session.read((db) => {
      if (nodeIds !== undefined) return recordsOfNodes(db, taskId, nodeIds);
      const rows = db.all<ShardRef>(shardsOfTask, taskId);
      return rows.flatMap(({ nodeId, shard }) => readShard(db, { taskId, nodeId, shard })?.record ?? []);
    }),
  hasArtifacts: (taskId, nodeId) =>
    session.read((db) => {
      if (db.has(artifactOfNode, taskId, nodeId)) return true;
      return recordsOfNodes(db, taskId, [nodeId]).some(({ count = 0 }) => count > 0); // adopted: stored by another task
    }),
  insert: (ref, create) =>
    session.write((db, now) => {
      const task = readTask(db, ref.taskId);
      if (task === undefined) return "gone";
      if (db.shards.get(shardKey(ref)) !== undefined) return "exists";
      return insertShard(db, task.pk, create(now, task.record.paused)) ? "inserted" : "exists";
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
      const { fresh } = db;
      const areKnown = fresh === undefined || fresh.until > now;
      const refs = areKnown
        ? db.all<ShardRef>(expired, now, limit)
        : db.all<ShardRef>(expiredAlsoFresh, now, fresh.from, limit);
      return recordsOf(db, refs).map(epochRef);
    }),
  dueDeferred: (limit) =>
    session.read((db, now) => {
      const rows = db.all<ShardRef & { readonly at: number }>(deferred, limit + 1);
      const { due, nextInMs } = splitDue(rows, limit, now);
      return { due: recordsOf(db, due).map(epochRef), nextInMs };
    }),
  peekQueue: (types, limit, exceptTasks, onlyTasks, below = Number.MAX_SAFE_INTEGER) =>
    session.read((db) => {
      const except = exceptTasks?.size === 0 ? null : listOf(exceptTasks); // an empty list would double the cost
      // One query for each type, along the index, merged here: a single query would sort all queued shards.
      const rows = types.flatMap((type) => db.all<QueuedRow>(queued, type, except, listOf(onlyTasks), below, limit));
      if (types.length > 1) rows.sort(byTurn);
      return recordsOf(db, rows.slice(0, limit)).map(queuedRef);
    }),
});

/** Records are cached, and returned without a copy. */
export const readShard = (db: SqliteConnection, ref: ShardRef): ShardRow | undefined =>
  db.shards.load(shardKey(ref), () => {
    const row = db.get<StoredShard>(stored, ref.taskId, ref.nodeId, ref.shard);
    return row && { pk: row.pk, record: keepShard(shardOf(row)), log: undefined };
  });

/** Returns false if the shard exists. */
export function insertShard(db: SqliteConnection, taskPk: number, record: ShardRecord): boolean {
  const { taskId, nodeId, shard, type, generation } = record;
  const values = [taskId, nodeId, shard, type, ...columnsOf(db, record)];
  const pk = db.next("pk");
  try {
    db.execute(insert, pk, taskPk, ...values);
  } catch (error) {
    if (isSqliteError(error) && error.errcode === notUnique) return false; // which undoes this statement only
    throw error;
  }
  const until = expiresAt(record);
  if (until !== undefined) db.addFresh(pk, until);
  const siblings = db.shardsOfNode.get(nodeKey(record));
  if (siblings !== undefined)
    db.shardsOfNode.set(
      nodeKey(record),
      [...siblings, shard].sort((a, b) => a - b),
    );
  const log = { generation, length: 0, closed: false, firstUids: [] };
  db.shards.set(shardKey(record), { pk, record: keepShard(record), log });
  return true;
}

/** @param onlyArtifact - the JSON of the only artifact of its log, to be stored in the row */
export function replaceShard(
  db: SqliteConnection,
  row: ShardRow,
  next: ShardRecord,
  onlyArtifact: string | null = null,
): void {
  if (row.record.lease !== undefined && isShardTerminal(next.status))
    db.execute(end, next.status, stateText(next), onlyArtifact, row.pk);
  else db.execute(replace, ...columnsOf(db, next), onlyArtifact, row.pk);
  row.record = keepShard(next);
}

export function updateShard<TAnswer>(
  db: SqliteConnection,
  ref: ShardRef,
  judge: (row: ShardRow | undefined) => Judged<TAnswer, ShardRecord>,
): TAnswer {
  const row = readShard(db, ref);
  const { answer, next } = judge(row);
  if (row !== undefined && next !== undefined) replaceShard(db, row, next);
  return answer;
}

/** The log of a generation. */
export function logHead(db: SqliteConnection, row: ShardRow, generation: number): LogHead {
  if (row.log?.generation === generation) return row.log;
  const stored = db.all<{ uid: string }>(uidsUnindexed, row.pk, generation).map(({ uid }) => uid);
  const only = onlyArtifact(db, row, generation);
  const firstUids = only === undefined ? stored : [only.uid];
  const last = firstUids.length < indexedFrom ? undefined : db.get<{ seq: number }>(lastSeq, row.pk, generation)?.seq;
  const closed = db.has(`SELECT 1 FROM complete_markers WHERE ${isLog}`, row.pk, generation);
  const log = { generation, length: last === undefined ? firstUids.length : last + 1, closed, firstUids };
  keepLog(row, log);
  return log;
}

/** Keeps one log: that of the record's generation is needed next, but an earlier one that is kept may still change. */
export function keepLog(row: ShardRow, log: LogHead): void {
  const { generation } = log;
  if (generation === row.record.generation || generation === row.log?.generation) row.log = log;
}

export const lengthOf = (db: SqliteConnection, row: ShardRow | undefined): number =>
  row === undefined ? 0 : logHead(db, row, row.record.generation).length;

/** The artifact that is stored in the row of a finished shard, if it is there. */
export function onlyArtifact(db: SqliteConnection, row: ShardRow, generation: number): Artifact | undefined {
  const { count, generation: last, artifactsOf } = row.record;
  if (count !== 1 || generation !== last || artifactsOf !== undefined) return undefined;
  const look = "SELECT only_artifact AS text FROM shards WHERE pk = ?";
  const text = db.get<{ text: string | null }>(look, row.pk)?.text;
  return text == null ? undefined : { seq: 0, claimId: row.record.lastClaimId, metrics: {}, ...JSON.parse(text) };
}

function columnsOf(db: SqliteConnection, record: ShardRecord) {
  const { status, priority, readyAt, dueAt = null } = record;
  const order = status === "queued" ? db.next("queue_order") : null;
  return [status, stateText(record), priority, readyAt, order, dueAt, expiresAt(record) ?? null] as const;
}

type Columns = Pick<ShardRecord, "taskId" | "nodeId" | "shard" | "type" | "status" | "priority" | "readyAt">;
type StoredShard = Columns & { readonly pk: number; readonly state: string; readonly dueAt: number | null };

const stored = `SELECT pk, ${refColumns}, type, status, priority, ready_at AS readyAt, due_at AS dueAt, state FROM shards
  WHERE ${ofTask} AND node_id = ? AND shard = ?`;
const usual = { failures: 0, lost: 0, yields: 0, generation: 0, sourceGens: {} };

/** Whether a field is not part of a shard's state, because it is a column or has its usual value. */
function isLeftOut(record: ShardRecord, key: keyof ShardRecord): boolean {
  switch (key) {
    case "taskId":
    case "nodeId":
    case "shard":
    case "type":
    case "status":
    case "priority":
    case "readyAt":
    case "dueAt":
      return true;
    case "failures":
    case "lost":
    case "yields":
    case "generation":
      return record[key] === 0;
    case "sourceGens":
      return isEmpty(record.sourceGens);
    default:
      return record[key] === undefined;
  }
}

/**
 * The rest of a shard's record, as JSON. It is short, because each commit writes whole pages, and pieced together, because
 * `JSON.stringify` takes twice as long for small values.
 */
function stateText(record: ShardRecord): string {
  let text = "";
  for (const name in record) {
    const key = name as keyof ShardRecord;
    if (key === "history" || isLeftOut(record, key)) continue;
    const value = record[key];
    text += `"${key}":${Number.isInteger(value) ? value : JSON.stringify(value)},`;
  }
  return `{${text}"history":${historyText(record.history)}}`;
}

/** A worker is named once. */
function historyText(history: readonly HistoryEntry[]): string {
  let text = "";
  let named: string | undefined;
  for (const { n, epoch, from, to, at, cause, workerId, reasonCode, message } of history) {
    text += `${text === "" ? "" : ","}[${n},${epoch},"${from}","${to}",${at},"${cause}"`;
    const hasReason = reasonCode !== undefined || message !== undefined;
    if (workerId !== undefined && workerId === named) text += ",1";
    else if (workerId !== undefined) text += `,${JSON.stringify(workerId)}`;
    else if (hasReason) text += ",null";
    text += hasReason ? `,${JSON.stringify(reasonCode ?? null)},${JSON.stringify(message ?? null)}]` : "]";
    named = workerId ?? named;
  }
  return `[${text}]`;
}

type StoredEntry = [
  ...[n: number, epoch: number, from: HistoryEntry["from"], to: HistoryEntry["to"], at: number, cause: Cause],
  ...rest: [workerId?: string | 1 | null, reasonCode?: string | null, message?: string | null],
];

function historyOf(stored: readonly (HistoryEntry | StoredEntry)[]): HistoryEntry[] {
  let named: string | undefined;
  return stored.map((values) => {
    if (!Array.isArray(values)) return values; // of an earlier layout
    const [n, epoch, from, to, at, cause, worker, reasonCode, message] = values;
    const workerId = worker === 1 ? named : worker;
    named = workerId ?? named;
    return {
      ...{ n, epoch, from, to, at, cause },
      ...(workerId != null && { workerId }),
      ...(reasonCode != null && { reasonCode }),
      ...(message != null && { message }),
    };
  });
}

function shardOf({ pk: _, state, dueAt, ...columns }: StoredShard): ShardRecord {
  const { history, ...rest } = JSON.parse(state);
  return { ...usual, ...columns, ...(dueAt !== null && { dueAt }), ...rest, history: historyOf(history) };
}

/** The quickest test. */
export function isEmpty(object: object): boolean {
  for (const _ in object) return false;
  return true;
}

function recordsOfNodes(db: SqliteConnection, taskId: string, nodeIds: readonly string[]): ShardRecord[] {
  const cached = nodeIds.map((nodeId) => db.shardsOfNode.get(nodeKey({ taskId, nodeId })));
  const others = nodeIds.filter((_, index) => cached[index] === undefined);
  const found = new Map<string, number[]>(others.map((nodeId) => [nodeId, []]));
  const rows = others.length === 0 ? [] : db.all<ShardRef>(shardsOfNodes, taskId, JSON.stringify(others));
  for (const { nodeId, shard } of rows) found.get(nodeId)?.push(shard);
  for (const [nodeId, shards] of found) db.shardsOfNode.set(nodeKey({ taskId, nodeId }), shards);
  return nodeIds.flatMap((nodeId, index) =>
    (cached[index] ?? found.get(nodeId) ?? []).flatMap(
      (shard) => readShard(db, { taskId, nodeId, shard })?.record ?? [],
    ),
  );
}

const nodeKey = ({ taskId, nodeId }: Omit<ShardRef, "shard">) => `${taskId}:${nodeId}`;

const recordsOf = (db: SqliteConnection, refs: readonly ShardRef[]): ShardRecord[] =>
  refs.flatMap((ref) => readShard(db, ref)?.record ?? []);

const listOf = (taskIds: ReadonlySet<string> | undefined): string | null =>
  taskIds === undefined ? null : JSON.stringify([...taskIds]);

type QueuedRow = ShardRef & Readonly<Record<"priority" | "ready_at" | "queue_order", number>>;

const byTurn = (a: QueuedRow, b: QueuedRow): number =>
  b.priority - a.priority || a.ready_at - b.ready_at || a.queue_order - b.queue_order;

const slotColumns = "limit_key, task_id, node_id, shard, epoch, claim_id";
const isSlot = `(${slotColumns}) = (?, ?, ?, ?, ?, ?)`;
const slotValues = ({ key, holder: { taskId, nodeId, shard, epoch, claimId } }: HeldSlot) =>
  [key, taskId, nodeId, shard, epoch, claimId] as const;

const holders = (db: SqliteConnection, key: string): number =>
  db.get<{ n: number }>("SELECT count(*) AS n FROM slots WHERE limit_key = ?", key)?.n ?? 0;

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
      return db.all<HeldSlot["holder"] & { readonly key: string }>(look).map(({ key, ...holder }) => ({ key, holder }));
    }),
});
