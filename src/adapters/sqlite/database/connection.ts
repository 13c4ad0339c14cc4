import { existsSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync, type SQLInputValue, type StatementResultingChanges, type StatementSync } from "node:sqlite";
import { pathToFileURL } from "node:url";
import type { ShardRecord, TaskRecord } from "../../../core/model/records.ts";
import type { HandlerGate } from "../../../core/ports/index.ts";
import { steadyTime, systemClock } from "../../../core/ports/system.ts";
import { RecordCache } from "../../../core/store/driver.ts";
import { FlowError } from "../../../errors/index.ts";
import { checkLayout, migrate } from "./schema.ts";

/** Options of `sqliteStore`. */
export interface SqliteStoreOptions {
  /**
   * `"turn"`: the writes of one turn of the event loop are one transaction, which is several times as fast. A crash can
   * undo the last turn, whose attempts then run again, but nothing that the engine has returned to its caller.
   * `"call"`: each operation is a separate transaction.
   *
   * @defaultValue "turn"
   */
  readonly commit?: "turn" | "call";
  /**
   * `"normal"`: committed writes survive a crash of the process; a power failure may undo the last commits. `"full"`:
   * each commit waits for the disk. Neither can corrupt the file.
   *
   * @defaultValue "normal"
   */
  readonly synchronous?: "normal" | "full";
  /** How long a write blocks the event loop while another process writes, in ms. @defaultValue 5000 */
  readonly busyMs?: number;
  /** The wall clock, in ms; store time does not go back with it. @defaultValue the system's clock */
  readonly now?: () => number;
}

export type ConnectionOptions = Required<Omit<SqliteStoreOptions, "now">> & {
  readonly path: string;
  /** The file is not changed: leases of dead processes do not end, and an older layout is rejected. */
  readonly readOnly?: boolean;
};

/** A task's record with the key of its row. */
export type TaskRow = { readonly pk: number; readonly record: TaskRecord };

/** A shard's record with the key of its row, changed in place when the row is. */
export interface ShardRow {
  readonly pk: number;
  record: ShardRecord;
  /** The log of one generation, if it was needed. */
  log: LogHead | undefined;
}

export interface LogHead {
  readonly generation: number;
  /** Number of artifacts. */
  readonly length: number;
  readonly closed: boolean;
  /** The uids of the artifacts that are not indexed. */
  readonly firstUids: readonly string[];
}

/** SQLite's limit for one value: a larger one would break the connection. */
export const mostBytes = 1_000_000_000;
/** An operation, at a store time. */
type Work<T> = (connection: SqliteConnection, now: number) => T;

/** The access of one store to its connection. */
export interface Session {
  read<T>(work: Work<T>): Promise<T>;
  write<T>(work: Work<T>): Promise<T>;
}

/** A longer turn is committed in parts, so that other processes can write in between. */
const mostOperations = 1_000;
/** A write raises the file's time only when it is this far behind, since that costs a page of the transaction. */
const fileTimeStepMs = 1_000;
/** The least time that opening waits for another process, which may be migrating the file. */
const openingMs = 5_000;

/**
 * A connection to one file. Operations are synchronous, so they never interleave.
 *
 * Group commit: in `turn` mode, the writes of one turn of the event loop are one transaction, and each operation
 * returns before the commit. A crash does not undo anything that others have acted on: until the commit, no other
 * process sees or writes anything, and the engine settles the store before anything leaves the process.
 *
 * No transaction is open while handler code runs, because other processes would wait for it and lose their leases. Such code
 * starts when none is open; until it returns, each write is committed separately, since the code may continue in any microtask.
 */
export class SqliteConnection implements HandlerGate {
  readonly options: ConnectionOptions;
  readonly tasks = new RecordCache<TaskRow>(256);
  readonly shards = new RecordCache<ShardRow>(20_000);
  readonly #database: DatabaseSync;
  readonly #users = new Set<Session>();
  readonly #statements = new Map<string, StatementSync>();
  /** Store time: the latest of this process's clock and the file's time, which all processes on the file raise. */
  readonly #timeOf = steadyTime(systemClock().monotonic);
  #dataVersion: unknown;
  /** The file's time, as far as this process knows. */
  #fileTime = 0;
  /** Unknown after another process has written. */
  #lastInQueue: number | undefined;
  #operations = 0;
  #isEndPlanned = false;
  /** Calls of handler code in progress. */
  #handlers = 0;
  #broken: FlowError | undefined = unavailable("this SQLite store is not open yet", { retryable: true });
  /** Set while a caller waits for the commit of the open transaction. */
  #waiting: PromiseWithResolvers<void> | undefined;

  constructor(options: ConnectionOptions) {
    this.options = options;
    const { readOnly = false, busyMs } = options;
    const settings = { open: false, readOnly, timeout: Math.max(busyMs, openingMs) };
    this.#database = new DatabaseSync(readOnly ? toReadOnly(options.path) : options.path, settings);
  }

  get inUse(): boolean {
    return this.#users.size > 0;
  }

  /** @throws FlowError `STORE_UNAVAILABLE`, `STORE_VERSION` */
  open(user: Session): void {
    if (!this.inUse) {
      openDatabase(this.#database, this.options);
      this.#broken = undefined;
      this.#dataVersion = undefined;
    }
    this.#users.add(user);
  }

  /** Closes the file if `user` is the last one. */
  close(user: Session): void {
    if (!this.#users.delete(user) || this.inUse) return;
    try {
      if (this.#broken === undefined) this.#guarded(() => this.#commit());
    } finally {
      this.#statements.clear();
      this.#database.close();
      this.#broken = unavailable("this SQLite store is closed", { retryable: false });
    }
  }

  /*
   * Statements are cached by text. A text that is built on each call would be hashed each time. Limits are written
   * `LIMIT ? + 0`: when a bare one is bound, SQLite prepares the statement again, at ten times the cost.
   */

  all<TRow>(sql: string, ...values: readonly SQLInputValue[]): TRow[] {
    return this.#prepared(sql).all(...values) as TRow[];
  }

  get<TRow>(sql: string, ...values: readonly SQLInputValue[]): TRow | undefined {
    return this.#prepared(sql).get(...values) as TRow | undefined;
  }

  has(sql: string, ...values: readonly SQLInputValue[]): boolean {
    return this.get(sql, ...values) !== undefined;
  }

  run(sql: string, ...values: readonly SQLInputValue[]): StatementResultingChanges {
    return this.#prepared(sql).run(...values);
  }

  read<T>(work: Work<T>, now: () => number): T {
    return this.#guarded(() => {
      if (!this.#database.isTransaction) this.#lookForExternalWrites(now);
      return work(this, this.#timeOf(now()));
    });
  }

  /** Runs `work` in a transaction. It must not throw after its first statement that writes. */
  write<T>(work: Work<T>, now: () => number): T {
    return this.#guarded(() => {
      if (!this.#database.isTransaction) {
        this.run(this.options.readOnly ? "BEGIN" : "BEGIN IMMEDIATE");
        this.#lookForExternalWrites(now);
        this.#planEnd(); // in `call` mode, for an operation that threw before its commit
      }
      const time = this.#timeOf(now());
      if (!this.options.readOnly && time >= this.#fileTime + fileTimeStepMs) {
        this.run("UPDATE store_time SET latest = ? WHERE pk = 1", time);
        this.#fileTime = time;
      }
      const result = work(this, time);
      const alone = this.options.commit === "call" || this.#handlers > 0;
      if (alone || ++this.#operations >= mostOperations) this.#commit();
      return result;
    });
  }

  /** The position after all queued shards. */
  nextInQueue(): number {
    const look = "SELECT max(queue_order) AS last FROM shards WHERE queue_order IS NOT NULL";
    this.#lastInQueue ??= this.get<{ last: number | null }>(look)?.last ?? 0;
    return ++this.#lastInQueue;
  }

  /** Drops everything cached from the file. */
  forget(): void {
    this.tasks.clear();
    this.shards.clear();
    this.#lastInQueue = undefined;
  }

  /** Resolves when all writes so far are committed: at the end of the turn, so that all callers share a commit. */
  async settled(): Promise<void> {
    if (this.#broken !== undefined) throw this.#broken;
    if (!this.#database.isTransaction) return;
    this.#waiting ??= Promise.withResolvers();
    await this.#waiting.promise;
  }

  enter(): Promise<void> | undefined {
    if (this.#broken !== undefined || !this.#database.isTransaction) {
      this.#handlers++;
      return undefined;
    }
    process.nextTick(() => this.#endTurn()); // after the microtasks, whose writes share the commit
    // An error ends the transaction too; every later operation throws it.
    return this.settled().catch(() => undefined);
  }

  leave(): void {
    this.#handlers--;
  }

  #prepared(sql: string): StatementSync {
    const statement = this.#statements.get(sql) ?? this.#database.prepare(sql);
    this.#statements.set(sql, statement);
    return statement;
  }

  #commit(): void {
    if (!this.#database.isTransaction) return;
    this.#operations = 0;
    this.run("COMMIT");
    this.#waiting?.resolve();
    this.#waiting = undefined;
  }

  /** Once a turn, however many transactions it has. */
  #planEnd(): void {
    if (this.#isEndPlanned) return;
    this.#isEndPlanned = true;
    setImmediate(() => {
      this.#isEndPlanned = false;
      this.#endTurn();
    });
  }

  /** The operations of the turn have returned: an error of the commit is thrown by later ones. */
  #endTurn(): void {
    try {
      if (this.#broken === undefined) this.#guarded(() => this.#commit());
    } catch {
      // Kept in #broken.
    }
  }

  #lookForExternalWrites(now: () => number): void {
    const version = this.get<{ data_version: number }>("PRAGMA data_version")?.data_version;
    if (version === this.#dataVersion) return;
    this.#dataVersion = version;
    this.#fileTime = this.get<{ latest: number }>("SELECT latest FROM store_time WHERE pk = 1")?.latest ?? 0;
    this.#timeOf(Math.max(this.#fileTime, now())); // it continues from there
    this.forget();
  }

  /**
   * An error in a transaction also undoes operations that have returned, so the connection stays broken. When reopened,
   * the file has the state before them, as after a crash.
   */
  #guarded<T>(work: () => T): T {
    if (this.#broken !== undefined) throw this.#broken;
    try {
      return work();
    } catch (error) {
      if (!isSqliteError(error)) throw error;
      const { isTransaction } = this.#database;
      if (this.options.readOnly && (error.errcode & 0xff) === 8) {
        if (isTransaction) this.#database.exec("ROLLBACK");
        throw unavailable("this SQLite store is read-only", { retryable: false, cause: error });
      }
      if (isBusy(error) && !isTransaction) {
        throw unavailable("another process is writing to the SQLite file", { retryable: true, cause: error });
      }
      const what = `the SQLite file '${this.options.path}' is no longer usable: ${error.message}`;
      const advice = "the last writes may be lost, reopen it to continue";
      this.#broken = unavailable(`${what}; ${advice}`, { retryable: false, cause: error });
      if (isTransaction) this.#database.exec("ROLLBACK");
      this.#waiting?.reject(this.#broken);
      this.#waiting = undefined;
      throw this.#broken;
    }
  }
}

/**
 * A read-only connection to a file in WAL mode creates the log and its index, and leaves them behind. Without a log, no
 * process has the file open: marked as immutable, it is read without one, which is valid until a process writes to it.
 */
function toReadOnly(path: string): string | URL {
  if (!existsSync(path) || existsSync(`${path}-wal`)) return path;
  const url = pathToFileURL(path);
  url.search = "immutable=1";
  return url;
}

function openDatabase(database: DatabaseSync, { path, synchronous, busyMs, readOnly }: ConnectionOptions): void {
  try {
    if (!readOnly) endLeftovers(path);
    database.open();
    if (readOnly) {
      checkLayout(database);
      return;
    }
    // Pages that change often are copied from the log to the file once in many transactions.
    database.exec(
      `PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 4000; PRAGMA synchronous = ${synchronous}; PRAGMA temp_store = MEMORY`,
    );
    migrate(database);
    database.exec(`PRAGMA busy_timeout = ${busyMs}`);
  } catch (error) {
    if (database.isOpen) database.close();
    if (!isSqliteError(error)) throw error;
    const what = `the SQLite file '${path}' cannot be opened: ${whyNotOpened(path, error)}`;
    throw unavailable(what, { retryable: isBusy(error), cause: error });
  }
}

/** SQLite has one message for everything that keeps it from opening a file. */
function whyNotOpened(path: string, error: Error & { readonly errcode: number }): string {
  if ((error.errcode & 0xff) !== 14) return error.message;
  if (!existsSync(dirname(path))) return "its folder does not exist";
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ? "it is a folder" : error.message;
}

const unavailable = (message: string, options: { readonly retryable: boolean; readonly cause?: unknown }): FlowError =>
  new FlowError("STORE_UNAVAILABLE", message, options);

const isSqliteError = (error: unknown): error is Error & { readonly errcode: number } =>
  error instanceof Error && "errcode" in error && typeof error.errcode === "number";

/** Whether another connection has the lock: SQLITE_BUSY or one of its extended codes. */
const isBusy = (error: unknown): boolean => isSqliteError(error) && (error.errcode & 0xff) === 5;

/** Expires all leases, frees all slots, and makes every open task due for a sweep. */
const endLeases = `
  UPDATE shards SET record = json_set(record, '$.lease.deadline', 0), expires_at = 0 WHERE expires_at IS NOT NULL;
  UPDATE tasks SET sweep_at = 0 WHERE sweep_at IS NOT NULL;
  DELETE FROM slots;
  DELETE FROM registry WHERE kind = 'worker'`;

/**
 * Lets tasks continue immediately after a crash, without waiting for the leases of the dead process. The system releases
 * a process's lock on the file when it dies, so if this process can lock the file exclusively, no owner of a lease is
 * alive. Otherwise this does nothing.
 */
function endLeftovers(path: string): void {
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
