import { realpathSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { isDeepStrictEqual } from "node:util";
import type { Store } from "../../core/ports/index.ts";
import { systemClock } from "../../core/ports/system.ts";
import { RecordStore } from "../../core/store/record-store.ts";
import { FlowError } from "../../errors/index.ts";
import { type ConnectionOptions, type Session, SqliteConnection, type SqliteStoreOptions } from "./connection.ts";
import { artifactLogs } from "./logs.ts";
import { deadLetterTable, slotTable, workerTable } from "./registry.ts";
import { shardTable } from "./shards.ts";
import { taskTable } from "./tasks.ts";

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
  if (typeof path !== "string") throw new FlowError("ENGINE_OPTIONS", "sqliteStore needs a file path");
  check("commit", commit, commit === "turn" || commit === "call", '"turn" or "call"');
  check("synchronous", synchronous, synchronous === "normal" || synchronous === "full", '"normal" or "full"');
  const isBusyMs = Number.isInteger(busyMs) && busyMs >= 0 && busyMs <= longestBusyMs;
  check("busyMs", busyMs, isBusyMs, `an integer from 0 to ${longestBusyMs}`);
  const connection = connectionTo({ path, commit, synchronous, busyMs });
  const session: Session = {
    read: async (work) => connection.read(work, now),
    write: async (work) => connection.write(work, now),
  };
  return new RecordStore({
    tasks: taskTable(session),
    shards: shardTable(session),
    logs: artifactLogs(session),
    slots: slotTable(session),
    workers: workerTable(session),
    deadLetters: deadLetterTable(session),
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
  if (options.path === "" || options.path === ":memory:") return new SqliteConnection(options); // private in SQLite
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
