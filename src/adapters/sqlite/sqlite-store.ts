import { realpathSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { isDeepStrictEqual } from "node:util";
import type { Store } from "../../core/ports/index.ts";
import { systemClock } from "../../core/ports/system.ts";
import { newestPage, pkBefore } from "../../core/store/collections.ts";
import { dueIds, entryOf, type RegistryDriver } from "../../core/store/driver.ts";
import { RecordStore } from "../../core/store/record-store.ts";
import { FlowError } from "../../errors/index.ts";
import { checkOptionNames } from "../../graph/format/near-name.ts";
import {
  type ConnectionOptions,
  type Session,
  SqliteConnection,
  type SqliteStoreOptions,
} from "./database/connection.ts";
import { artifactLogs } from "./driver/logs.ts";
import { shardTable, slotTable } from "./driver/shards.ts";
import { taskTable } from "./driver/tasks.ts";

const knownOptions: Readonly<Record<keyof SqliteStoreOptions, true>> = {
  commit: true,
  synchronous: true,
  busyMs: true,
  now: true,
};
const longestBusyMs = 60_000;

/**
 * A store in a SQLite file, with Node's own SQLite. Tasks survive the process; processes of one machine can share a file.
 *
 * @example
 * await using engine = await createEngine({ handlers: etl.handlers, store: sqliteStore("runs.db") })
 *
 * @param path - of the file, which is created if it does not exist. `":memory:"`: a private database of this store
 * @throws FlowError `ENGINE_OPTIONS`; from `open`: `STORE_UNAVAILABLE`, and `STORE_VERSION` for a file of a newer layout
 *   or of another program
 */
export function sqliteStore(path: string, options: SqliteStoreOptions = {}): Store {
  const { commit = "turn", synchronous = "normal", busyMs = 5_000, now = systemClock().now } = options;
  if (typeof path !== "string" || path === "")
    throw new FlowError("ENGINE_OPTIONS", 'sqliteStore needs a file path, or ":memory:"');
  checkOptionNames("sqliteStore", options, knownOptions);
  check("commit", commit, commit === "turn" || commit === "call", '"turn" or "call"');
  check("synchronous", synchronous, synchronous === "normal" || synchronous === "full", '"normal" or "full"');
  const isBusyMs = Number.isInteger(busyMs) && busyMs >= 0 && busyMs <= longestBusyMs;
  check("busyMs", busyMs, isBusyMs, `an integer from 0 to ${longestBusyMs}`);
  return storeOn(connectionTo({ path, commit, synchronous, busyMs }), now);
}

/**
 * The tasks in a file, to be read once: the file is not changed, and what other processes write later may be missing.
 *
 * @throws FlowError from `open`: `STORE_UNAVAILABLE`, and `STORE_VERSION` for a file of another layout or program
 */
export function sqliteSnapshot(path: string): Store {
  const options = { path, commit: "call", synchronous: "normal", busyMs: 5_000, readOnly: true } as const;
  return storeOn(new SqliteConnection(options), systemClock().now);
}

function storeOn(connection: SqliteConnection, now: () => number): Store {
  const session: Session = {
    read: async (work) => connection.read(work, now),
    write: async (work) => connection.write(work, now),
  };
  return new RecordStore({
    tasks: taskTable(session),
    shards: shardTable(session),
    logs: artifactLogs(session),
    slots: slotTable(session),
    registry: registryTable(session),
    handlerGate: connection,
    open: async () => connection.open(session),
    settle: () => connection.settled(),
    close: async () => connection.close(session),
  });
}

function check(option: string, value: unknown, isValid: boolean, expected: string): void {
  if (!isValid)
    throw new FlowError("ENGINE_OPTIONS", `sqliteStore: ${option} must be ${expected}, got ${String(value)}`);
}

const connections = new Map<string, WeakRef<SqliteConnection>>();

/**
 * The connection of this process to a file, shared by all its stores on that file: on a single thread, one connection
 * would block while it waits for the transaction of another one.
 *
 * @throws FlowError `ENGINE_OPTIONS` when the file is in use with other options
 */
export function connectionTo(options: ConnectionOptions): SqliteConnection {
  if (options.path === ":memory:") return new SqliteConnection(options); // private in SQLite
  const wanted = { ...options, path: absolute(options.path) };
  const known = connections.get(wanted.path)?.deref();
  if (known !== undefined && isDeepStrictEqual(known.options, wanted)) return known;
  const conflict = `sqliteStore: '${options.path}' is already open in this process with other options`;
  if (known?.inUse) throw new FlowError("ENGINE_OPTIONS", conflict);
  const connection = new SqliteConnection(wanted);
  connections.set(wanted.path, new WeakRef(connection));
  return connection;
}

/** The file may not exist yet, but its folder must. */
function absolute(path: string): string {
  const full = resolve(path);
  try {
    return join(realpathSync(dirname(full)), basename(full));
  } catch {
    return full; // opening the file reports the error
  }
}

type Row = Readonly<Record<"id" | "value", string> & Record<"pk" | "at" | "dueAt" | "until", number>>;

const keep = `INSERT INTO registry (kind, id, value, due_at, until) VALUES (?, ?, ?, ?, ?) ON CONFLICT (kind, id)
  DO UPDATE SET value = excluded.value, due_at = excluded.due_at, until = excluded.until`;
const columns = "pk, id, value, due_at AS dueAt, until";
const current = `SELECT ${columns} FROM registry WHERE kind = ? AND id = ? AND (until IS NULL OR until > ?)`;
const entries = `SELECT ${columns} FROM registry WHERE kind = ? AND (until IS NULL OR until > ?) AND pk < ?
  ORDER BY pk DESC LIMIT ? + 0`;
const firstDue = "SELECT id, due_at AS at FROM registry WHERE kind = ? AND due_at IS NOT NULL ORDER BY at LIMIT ? + 0";

const registryTable = (session: Session): RegistryDriver => ({
  update: ({ kind, id }, judge) =>
    session.write((db, now) => {
      const row = db.get<Row>(current, kind, id, now);
      const { answer, next } = judge(row && entryOf(JSON.parse(row.value), row), now);
      if (next === undefined) return answer;
      db.run("DELETE FROM registry WHERE until <= ?", now);
      if (next === null) db.run("DELETE FROM registry WHERE kind = ? AND id = ?", kind, id);
      else db.run(keep, kind, id, JSON.stringify(next.value), next.dueAt ?? null, next.until ?? null);
      return answer;
    }),
  list: (kind, query) =>
    session.read((db, now) => {
      const rows = db.all<Row>(entries, kind, now, pkBefore(query), query.limit + 1);
      return newestPage(rows, query, (row) => ({ id: row.id, ...entryOf(JSON.parse(row.value), row) }));
    }),
  due: (kind, limit) => session.read((db, now) => dueIds(db.all<Row>(firstDue, kind, limit + 1), limit, now)),
});
