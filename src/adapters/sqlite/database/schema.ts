import { existsSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { pathToFileURL } from "node:url";
import { FlowError } from "../../../errors/index.ts";

/** "FLOW": identifies FlowKit's files, in the header field that SQLite reserves for it. */
const applicationId = 0x464c4f57;

/*
 * The statements of each version of the layout; an older file is migrated version by version, in one transaction. Times
 * are REAL: store time in milliseconds. A record is stored as JSON, beside the columns that indexes need.
 */
const migrations: readonly string[] = [
  `CREATE TABLE tasks (
     pk INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, status TEXT NOT NULL,
     record TEXT NOT NULL, graph TEXT NOT NULL, params TEXT NOT NULL,
     vars TEXT NOT NULL, vars_version INTEGER NOT NULL, applied_by TEXT NOT NULL,
     idempotency_key TEXT UNIQUE, sweep_at REAL, deadline_at REAL, ended_at REAL
   ) STRICT;
   CREATE INDEX tasks_by_status ON tasks (status, pk);
   CREATE INDEX tasks_by_sweep ON tasks (sweep_at) WHERE sweep_at IS NOT NULL;
   CREATE INDEX tasks_by_deadline ON tasks (deadline_at) WHERE deadline_at IS NOT NULL;
   CREATE INDEX tasks_by_end ON tasks (ended_at, pk) WHERE ended_at IS NOT NULL;
   CREATE TABLE loans (
     lender TEXT NOT NULL, borrower TEXT NOT NULL, PRIMARY KEY (lender, borrower)
   ) STRICT, WITHOUT ROWID;
   CREATE INDEX loans_by_borrower ON loans (borrower);
   CREATE TABLE shards (
     pk INTEGER PRIMARY KEY, task_id TEXT NOT NULL, node_id TEXT NOT NULL, shard INTEGER NOT NULL,
     status TEXT NOT NULL, record TEXT NOT NULL, type TEXT NOT NULL, priority INTEGER NOT NULL,
     ready_at REAL NOT NULL, queue_order INTEGER, due_at REAL, expires_at REAL, UNIQUE (task_id, node_id, shard)
   ) STRICT;
   CREATE INDEX shards_by_queue ON shards (type, priority DESC, ready_at, queue_order) WHERE status = 'queued';
   CREATE INDEX shards_by_order ON shards (queue_order) WHERE queue_order IS NOT NULL;
   CREATE INDEX shards_by_due ON shards (due_at) WHERE due_at IS NOT NULL;
   CREATE INDEX shards_by_expiry ON shards (expires_at) WHERE expires_at IS NOT NULL;
   CREATE TABLE artifacts (
     shard_pk INTEGER NOT NULL, generation INTEGER NOT NULL, seq INTEGER NOT NULL,
     uid TEXT NOT NULL, epoch INTEGER NOT NULL, claim_id TEXT NOT NULL,
     origin_source TEXT NOT NULL, origin_seq INTEGER NOT NULL, origin_chunk INTEGER NOT NULL,
     meta TEXT NOT NULL, metrics TEXT NOT NULL, PRIMARY KEY (shard_pk, generation, seq)
   ) STRICT, WITHOUT ROWID;
   CREATE UNIQUE INDEX artifacts_by_uid ON artifacts (shard_pk, generation, uid);
   CREATE INDEX artifacts_by_origin ON artifacts (shard_pk, generation, origin_source, seq);
   CREATE TABLE complete_markers (
     shard_pk INTEGER NOT NULL, generation INTEGER NOT NULL, PRIMARY KEY (shard_pk, generation)
   ) STRICT, WITHOUT ROWID;
   CREATE TABLE slots (
     limit_key TEXT NOT NULL, task_id TEXT NOT NULL, node_id TEXT NOT NULL, shard INTEGER NOT NULL,
     epoch INTEGER NOT NULL, claim_id TEXT NOT NULL,
     PRIMARY KEY (limit_key, task_id, node_id, shard, epoch, claim_id)
   ) STRICT, WITHOUT ROWID;
   CREATE TABLE workers (id TEXT PRIMARY KEY, record TEXT NOT NULL, until REAL NOT NULL) STRICT, WITHOUT ROWID;
   CREATE TABLE dead_letters (
     pk INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, letter TEXT NOT NULL
   ) STRICT;`,
  // The latest store time that any process has seen, from which all continue after a step back of the wall clock.
  `CREATE TABLE store_time (pk INTEGER PRIMARY KEY CHECK (pk = 1), latest REAL NOT NULL) STRICT;
   INSERT INTO store_time (pk, latest) SELECT 1, coalesce(max(at), 0) FROM (
     SELECT json_extract(record, '$.history[#-1].at') AS at FROM shards
     UNION ALL SELECT json_extract(record, '$.createdAt') FROM tasks
     UNION ALL SELECT ended_at FROM tasks
   );`,
  // The other fields of an origin. The new name stops older processes that have the file open: they would ignore it.
  `ALTER TABLE artifacts RENAME origin_chunk TO chunk; ALTER TABLE artifacts ADD more TEXT NOT NULL DEFAULT '{}';
   CREATE TABLE registry (
     pk INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, id TEXT NOT NULL, value TEXT NOT NULL, due_at REAL,
     until REAL, UNIQUE (kind, id)
   ) STRICT;
   CREATE INDEX registry_by_order ON registry (kind, pk);
   CREATE INDEX registry_by_due ON registry (kind, due_at) WHERE due_at IS NOT NULL;
   CREATE INDEX registry_by_end ON registry (until) WHERE until IS NOT NULL;
   INSERT INTO registry (kind, id, value) SELECT 'dead_letter', id, letter FROM dead_letters ORDER BY pk;
   DROP TABLE dead_letters; DROP TABLE workers`,
  // The new name stops older processes that have the file open: they rely on indexes of all artifacts.
  `ALTER TABLE artifacts RENAME more TO details; DROP INDEX artifacts_by_uid; DROP INDEX artifacts_by_origin;
   CREATE UNIQUE INDEX artifacts_by_uid ON artifacts (shard_pk, generation, uid) WHERE seq >= 8;
   CREATE INDEX artifacts_by_origin ON artifacts (shard_pk, generation, origin_source, seq) WHERE seq >= 8`,
  // The new names stop older processes that have the file open: they would not find the artifacts in rows of shards.
  `ALTER TABLE artifacts RENAME details TO extras;
   CREATE TABLE shards_by_task (
     pk INTEGER PRIMARY KEY, task_pk INTEGER NOT NULL, task_id TEXT NOT NULL, node_id TEXT NOT NULL, shard INTEGER NOT NULL,
     status TEXT NOT NULL, record TEXT NOT NULL, type TEXT NOT NULL, priority INTEGER NOT NULL, ready_at REAL NOT NULL,
     queue_order INTEGER, due_at REAL, expires_at REAL, only_artifact TEXT, UNIQUE (task_pk, node_id, shard)
   ) STRICT;
   INSERT INTO shards_by_task SELECT shards.pk, tasks.pk, task_id, node_id, shard, shards.status, shards.record, type,
     priority, ready_at, queue_order, due_at, expires_at, NULL FROM shards JOIN tasks ON tasks.id = task_id;
   DROP TABLE shards;
   ALTER TABLE shards_by_task RENAME TO shards;
   CREATE INDEX shards_by_queue ON shards (type, priority DESC, ready_at, queue_order) WHERE status = 'queued';
   CREATE INDEX shards_by_order ON shards (queue_order) WHERE queue_order IS NOT NULL;
   CREATE INDEX shards_by_due ON shards (due_at) WHERE due_at IS NOT NULL;
   CREATE INDEX shards_by_expiry ON shards (expires_at) WHERE expires_at IS NOT NULL`,
  // The new name stops older processes that have the file open: they would not find leases that are not indexed yet, and
  // the state has no field that is a column. In rows of earlier versions it has all fields.
  `ALTER TABLE shards RENAME record TO state; ALTER TABLE shards ADD fresh_until REAL;
   ALTER TABLE store_time ADD fresh_from INTEGER; ALTER TABLE store_time ADD fresh_until REAL`,
];

/** The indexes of artifacts begin at this seq: most logs are shorter, and each index adds a page to a transaction. */
export const indexedFrom = 8;

const latest = migrations.length;

/** The file's layout, 0 for a new one. @throws FlowError `STORE_VERSION` for a newer layout or another program's file */
function layoutOf(database: DatabaseSync): number {
  const numberOf = (pragma: string) => Number(database.prepare(`PRAGMA ${pragma}`).get()?.[pragma]);
  const version = numberOf("user_version");
  const isNew = database.prepare("SELECT count(*) AS n FROM sqlite_schema").get()?.n === 0;
  if (!isNew && numberOf("application_id") !== applicationId) {
    throw refused("belongs to another program: use a new file");
  }
  const known = `this version of flowkit supports layouts up to ${latest}`;
  if (version > latest) throw refused(`has layout ${version}, ${known}: update flowkit`);
  return version;
}

/** @throws FlowError `STORE_VERSION` for any other layout, or a file of another program */
export function checkLayout(database: DatabaseSync): void {
  const version = layoutOf(database);
  if (version === latest) return;
  const why = `has layout ${version}, this version of flowkit needs layout ${latest}`;
  throw refused(why, { olderLayout: version });
}

/**
 * Creates the tables of a new file, or migrates an older file.
 *
 * @throws FlowError `STORE_VERSION` for a file of a newer layout, or of another program
 */
export function migrate(database: DatabaseSync): void {
  database.exec("BEGIN IMMEDIATE");
  try {
    const version = layoutOf(database);
    for (const statements of migrations.slice(version)) database.exec(statements);
    if (version < latest) database.exec(`PRAGMA application_id = ${applicationId}; PRAGMA user_version = ${latest}`);
    database.exec("COMMIT");
  } catch (error) {
    if (database.isTransaction) database.exec("ROLLBACK"); // SQLite itself rolls back on some errors
    throw error;
  }
}

const refused = (why: string, details = {}): FlowError =>
  new FlowError("STORE_VERSION", `this SQLite file ${why}`, { details });

/** Expires all leases, frees all slots, and makes every open task due for a sweep. */
const endLeases = `
  UPDATE shards SET expires_at = fresh_until, fresh_until = NULL
    WHERE pk >= (SELECT fresh_from FROM store_time) AND fresh_until IS NOT NULL;
  UPDATE store_time SET fresh_from = NULL, fresh_until = NULL;
  UPDATE shards SET state = json_set(state, '$.lease.deadline', 0), expires_at = 0 WHERE expires_at IS NOT NULL;
  UPDATE tasks SET sweep_at = 0 WHERE sweep_at IS NOT NULL;
  DELETE FROM slots;
  DELETE FROM registry WHERE kind = 'worker'`;

/**
 * Lets tasks continue immediately after a crash, without waiting for the leases of the dead process. The system releases
 * a process's lock on the file when it dies, so if this process can lock the file exclusively, no owner of a lease is
 * alive. Otherwise this does nothing.
 */
export function endLeftovers(path: string): void {
  if (!existsSync(path)) return;
  const database = new DatabaseSync(path, { timeout: 0 });
  try {
    database.exec("PRAGMA locking_mode = EXCLUSIVE"); // from the first access until it is closed
    migrate(database);
    database.exec(`BEGIN EXCLUSIVE; ${endLeases}; COMMIT`);
  } catch (error) {
    if (!isBusy(error)) throw error;
  } finally {
    database.close();
  }
}

/**
 * A read-only connection to a file in WAL mode creates the log and its index, and leaves them behind. Without a log, no
 * process has the file open: marked as immutable, it is read without one, which is valid until a process writes to it.
 */
export function toReadOnly(path: string): string | URL {
  if (!existsSync(path) || existsSync(`${path}-wal`)) return path;
  const url = pathToFileURL(path);
  url.search = "immutable=1";
  return url;
}

/** SQLite has one message for everything that keeps it from opening a file. */
export function whyNotOpened(path: string, error: Error & { readonly errcode: number }): string {
  if ((error.errcode & 0xff) !== 14) return error.message;
  if (!existsSync(dirname(path))) return "its folder does not exist";
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ? "it is a folder" : error.message;
}

export const isSqliteError = (error: unknown): error is Error & { readonly errcode: number } =>
  error instanceof Error && "errcode" in error && typeof error.errcode === "number";

/** Whether another connection has the lock: SQLITE_BUSY or one of its extended codes. */
export const isBusy = (error: unknown): boolean => isSqliteError(error) && (error.errcode & 0xff) === 5;
