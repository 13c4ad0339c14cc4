import { existsSync } from "node:fs";
import { DatabaseSync, type SQLInputValue, type StatementResultingChanges, type StatementSync } from "node:sqlite";
import type { ShardRecord, TaskRecord } from "../../core/model/records.ts";
import type { HandlerGate } from "../../core/ports/index.ts";
import { steadyTime } from "../../core/ports/steady-time.ts";
import { systemClock } from "../../core/ports/system.ts";
import { RecordCache } from "../../core/store/record-cache.ts";
import { FlowError } from "../../errors/index.ts";
import { migrate } from "./schema.ts";

/** How `sqliteStore` writes its file. */
export interface SqliteStoreOptions {
  /**
   * `"turn"`: what is written in one turn of the event loop is one transaction, which makes the store several times as
   * fast. A crash can take back the last turn, as if it had not happened: its attempts run again. Nothing that the
   * engine has told its caller is ever taken back. `"call"`: each operation is a transaction of its own.
   *
   * @defaultValue "turn"
   */
  readonly commit?: "turn" | "call";
  /**
   * `"normal"`: a crash of the process loses nothing that was committed, a power failure may take back the last commits.
   * `"full"`: each commit waits until the disk has it. The file stays whole in both.
   *
   * @defaultValue "normal"
   */
  readonly synchronous?: "normal" | "full";
  /** How long a write waits while another process writes, in ms; the event loop waits with it. @defaultValue 5000 */
  readonly busyMs?: number;
  /**
   * The wall clock, in milliseconds. Where it is set back, store time continues from the latest that any process on the
   * file has seen.
   *
   * @defaultValue the system's
   */
  readonly now?: () => number;
}

export type ConnectionOptions = Required<Omit<SqliteStoreOptions, "now">> & { readonly path: string };

/** A record with the key of its row. */
export type Keyed<TRecord> = { readonly pk: number; readonly record: TRecord };

/** The most that SQLite takes as one value: a larger one would break the connection. */
export const mostBytes = 1_000_000_000;
/** An operation, with the time of its store. */
type Work<T> = (connection: SqliteConnection, now: number) => T;

/** A connection as one store uses it. */
export interface Session {
  read<T>(work: Work<T>): Promise<T>;
  write<T>(work: Work<T>): Promise<T>;
}

/** A turn with more operations than this is committed in pieces: other processes want to write too. */
const mostOperations = 1_000;
/**
 * By how much time must be ahead of the file's before a write raises it: writing it each time would cost every
 * transaction a page. A process that starts after a step back may be so far behind the others, until their next write.
 */
const fileTimeStepMs = 1_000;
/** How long opening waits at least: for another process that opens the file and migrates it. */
const openingMs = 5_000;
const mostTasks = 256;
const mostShards = 20_000;

/**
 * A connection to one file. What it runs is synchronous, so operations never interleave.
 *
 * Group commit: in `turn` mode, the writes of one turn of the event loop are one transaction, and each is answered
 * before the commit. Nobody can act on an answer and survive the crash that takes it back: the open transaction holds
 * the file's write lock, no other process sees the change, and what leaves the process is settled first.
 *
 * The lock is never held while handler code runs, since other processes would wait and lose their leases: such code
 * starts when no transaction is open, and while it runs, and may continue in any microtask, each write is committed alone.
 */
export class SqliteConnection implements HandlerGate {
  readonly options: ConnectionOptions;
  readonly tasks = new RecordCache<Keyed<TaskRecord>>(mostTasks);
  readonly shards = new RecordCache<Keyed<ShardRecord>>(mostShards);
  /** Lengths of logs. */
  readonly lengths = new RecordCache<number>(mostShards);
  readonly #database: DatabaseSync;
  readonly #users = new Set<Session>();
  readonly #statements = new Map<string, StatementSync>();
  /** Store time: the latest of this process's clock and the file's time, which all processes on the file raise. */
  readonly #timeOf = steadyTime(systemClock().monotonic);
  #dataVersion: unknown;
  /** The file's time, as far as this process knows. */
  #fileTime = 0;
  /** Unknown again when another process may have queued a shard. */
  #lastInQueue: number | undefined;
  #operations = 0;
  /** Calls of handler code that have not ended. */
  #handlers = 0;
  #broken: FlowError | undefined = unavailable("this SQLite store is not open yet", { retryable: true });
  /** There while somebody waits for the commit of the open transaction. */
  #waiting: PromiseWithResolvers<void> | undefined;

  constructor(options: ConnectionOptions) {
    this.options = options;
    this.#database = new DatabaseSync(options.path, { open: false, timeout: Math.max(options.busyMs, openingMs) });
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

  /** Closes the file when `user` was the last. */
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

  /** Limits are written `LIMIT ? + 0`: SQLite plans a statement anew whenever a bare one is bound, ten times the cost. */
  all<TRow>(sql: string, ...values: readonly SQLInputValue[]): TRow[] {
    return this.#prepared(sql).all(...values) as TRow[];
  }

  get<TRow>(sql: string, ...values: readonly SQLInputValue[]): TRow | undefined {
    return this.#prepared(sql).get(...values) as TRow | undefined;
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

  /** Runs in a transaction. It must have judged everything before its first statement that writes. */
  write<T>(work: Work<T>, now: () => number): T {
    return this.#guarded(() => {
      if (!this.#database.isTransaction) this.#begin(now);
      const time = this.#timeOf(now());
      if (time >= this.#fileTime + fileTimeStepMs) this.#raiseFileTime(time);
      const result = work(this, time);
      const alone = this.options.commit === "call" || this.#handlers > 0;
      if (alone || ++this.#operations >= mostOperations) this.#commit();
      return result;
    });
  }

  /** A place in the queue behind all shards that are in it. */
  nextInQueue(): number {
    const look = "SELECT max(queue_order) AS last FROM shards WHERE queue_order IS NOT NULL";
    this.#lastInQueue ??= this.get<{ last: number | null }>(look)?.last ?? 0;
    return ++this.#lastInQueue;
  }

  /** Resolves when what was written so far is committed: at the end of the turn, so that all who wait share a commit. */
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
    process.nextTick(() => this.#endTurn()); // after the microtasks: what they write shares the commit
    // Nothing is locked after an error either, which every later operation throws.
    return this.settled().catch(() => undefined);
  }

  leave(): void {
    this.#handlers--;
  }

  #prepared(sql: string): StatementSync {
    const known = this.#statements.get(sql);
    if (known !== undefined) return known;
    const statement = this.#database.prepare(sql);
    this.#statements.set(sql, statement);
    return statement;
  }

  #begin(now: () => number): void {
    this.#database.exec("BEGIN IMMEDIATE");
    this.#lookForExternalWrites(now);
    setImmediate(() => this.#endTurn()); // with `call`: for an operation that threw, and so was not committed
  }

  #raiseFileTime(time: number): void {
    this.run("UPDATE store_time SET latest = ? WHERE pk = 1", time);
    this.#fileTime = time;
  }

  #commit(): void {
    if (!this.#database.isTransaction) return;
    this.#operations = 0;
    this.#database.exec("COMMIT");
    this.#waiting?.resolve();
    this.#waiting = undefined;
  }

  /** The operations of the turn are answered already: an error is for every later one. */
  #endTurn(): void {
    try {
      if (this.#broken === undefined) this.#guarded(() => this.#commit());
    } catch {
      // In #broken now.
    }
  }

  #lookForExternalWrites(now: () => number): void {
    const version = this.get<{ data_version: number }>("PRAGMA data_version")?.data_version;
    if (version === this.#dataVersion) return;
    this.#dataVersion = version;
    this.#fileTime = this.get<{ latest: number }>("SELECT latest FROM store_time WHERE pk = 1")?.latest ?? 0;
    this.#timeOf(Math.max(this.#fileTime, now())); // from here on it is not behind
    this.tasks.clear();
    this.shards.clear();
    this.lengths.clear();
    this.#lastInQueue = undefined;
  }

  /**
   * A transaction that cannot continue takes answered operations with it, so the connection is broken for good: who opens
   * the file again finds the state before them, as after a crash.
   */
  #guarded<T>(work: () => T): T {
    if (this.#broken !== undefined) throw this.#broken;
    try {
      return work();
    } catch (error) {
      if (!isSqliteError(error)) throw error;
      const { isTransaction } = this.#database;
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

function openDatabase(database: DatabaseSync, { path, synchronous, busyMs }: ConnectionOptions): void {
  try {
    endLeftovers(path);
    database.open();
    database.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = ${synchronous}; PRAGMA temp_store = MEMORY`);
    migrate(database);
    database.exec(`PRAGMA busy_timeout = ${busyMs}`);
  } catch (error) {
    if (database.isOpen) database.close();
    if (!isSqliteError(error)) throw error;
    const what = `the SQLite file '${path}' cannot be opened: ${error.message}`;
    throw unavailable(what, { retryable: isBusy(error), cause: error });
  }
}

const unavailable = (message: string, options: { readonly retryable: boolean; readonly cause?: unknown }): FlowError =>
  new FlowError("STORE_UNAVAILABLE", message, options);

const isSqliteError = (error: unknown): error is Error & { readonly errcode: number } =>
  error instanceof Error && "errcode" in error && typeof error.errcode === "number";

/** Whether another connection has the lock: SQLITE_BUSY, of whichever kind the upper bits say. */
const isBusy = (error: unknown): boolean => isSqliteError(error) && (error.errcode & 0xff) === 5;

/** Ends leases and slots, and makes every open task due. Whether a lease may be taken is still for `expire` to judge. */
const endLeases = `
  UPDATE shards SET record = json_set(record, '$.lease.deadline', 0), expires_at = 0 WHERE expires_at IS NOT NULL;
  UPDATE tasks SET sweep_at = 0 WHERE sweep_at IS NOT NULL;
  DELETE FROM slots;
  DELETE FROM workers`;

/**
 * Lets a file's tasks continue at once after a crash, instead of when the leases of the dead process expire. Neither a
 * clock nor a process id decides who is dead: the system releases a process's lock on the file when it dies, so no owner
 * of a lease is left when this process gets the file exclusively. Otherwise nothing is done.
 */
function endLeftovers(path: string): void {
  if (!existsSync(path)) return;
  const database = new DatabaseSync(path, { timeout: 0 });
  try {
    database.exec("PRAGMA locking_mode = EXCLUSIVE"); // from the first access on until it is closed
    migrate(database);
    database.exec(`BEGIN EXCLUSIVE; ${endLeases}; COMMIT`);
  } catch (error) {
    if (!isBusy(error)) throw error;
  } finally {
    database.close();
  }
}
