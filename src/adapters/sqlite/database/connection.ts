import { DatabaseSync, type SQLInputValue, type StatementResultingChanges, type StatementSync } from "node:sqlite";
import type { ShardRecord, TaskRecord } from "../../../core/model/records.ts";
import type { HandlerGate } from "../../../core/ports/index.ts";
import { steadyTime, systemClock } from "../../../core/ports/system.ts";
import { RecordCache } from "../../../core/store/driver.ts";
import { FlowError } from "../../../errors/index.ts";
import { checkLayout, endLeftovers, isBusy, isSqliteError, migrate, toReadOnly, whyNotOpened } from "./schema.ts";

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

/**
 * Leases of shards that were inserted with a lease, for about a second: most of them end sooner, and the index would cost
 * two changes of a page. All are on rows from the key `from` on, and none ends before `until`.
 */
interface FreshLeases {
  readonly from: number;
  readonly until: number;
}

type TimeRow = { readonly latest: number; readonly from: number | null; readonly until: number | null };

const storeTime = 'SELECT latest, fresh_from AS "from", fresh_until AS until FROM store_time WHERE pk = 1';
const indexFresh = `UPDATE shards SET expires_at = fresh_until, fresh_until = NULL
  WHERE pk >= ? AND fresh_until IS NOT NULL`;

const greatest = {
  pk: "SELECT max(pk) AS last FROM shards",
  queue_order: "SELECT max(queue_order) AS last FROM shards WHERE queue_order IS NOT NULL",
};

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
  /** The numbers of a node's shards, in order. */
  readonly shardsOfNode = new RecordCache<readonly number[]>(20_000);
  readonly #database: DatabaseSync;
  readonly #users = new Set<Session>();
  readonly #statements = new Map<string, StatementSync>();
  /** Store time: the latest of this process's clock and the file's time, which all processes on the file raise. */
  readonly #timeOf = steadyTime(systemClock().monotonic);
  #dataVersion: unknown;
  #lookAtVersion: StatementSync | undefined;
  /** The file's time, as far as this process knows. */
  #fileTime = 0;
  /** The same as in the file. */
  #fresh: FreshLeases | undefined;
  #isInTransaction = false;
  /** Empty after another process has written. */
  readonly #greatest = new Map<string, number>();
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
      this.#lookAtVersion = undefined;
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

  /** Like `run`, for callers that need no result. */
  execute(sql: string, ...values: readonly SQLInputValue[]): void {
    this.#prepared(sql).get(...values);
  }

  read<T>(work: Work<T>, now: () => number): T {
    return this.#guarded(() => {
      if (!this.#isInTransaction) this.#lookForExternalWrites(now);
      return work(this, this.#timeOf(now()));
    });
  }

  /** Runs `work` in a transaction. It must not throw after its first statement that writes. */
  write<T>(work: Work<T>, now: () => number): T {
    return this.#guarded(() => {
      if (!this.#isInTransaction) {
        this.execute(this.options.readOnly ? "BEGIN" : "BEGIN IMMEDIATE");
        this.#isInTransaction = true;
        this.#lookForExternalWrites(now);
        this.#planEnd(); // in `call` mode, for an operation that threw before its commit
      }
      const time = this.#timeOf(now());
      if (!this.options.readOnly && time >= this.#fileTime + fileTimeStepMs) this.#raiseTime(time);
      const result = work(this, time);
      const alone = this.options.commit === "call" || this.#handlers > 0;
      if (alone || ++this.#operations >= mostOperations) this.#commit();
      return result;
    });
  }

  /** The key of a new shard, or the position after all queued ones. */
  next(column: "pk" | "queue_order"): number {
    const look = () => this.get<{ last: number | null }>(greatest[column])?.last ?? 0;
    const next = (this.#greatest.get(column) ?? look()) + 1;
    this.#greatest.set(column, next);
    return next;
  }

  get fresh(): FreshLeases | undefined {
    return this.#fresh;
  }

  /** A new row has a lease that is not indexed. Few rows change the two values. */
  addFresh(pk: number, until: number): void {
    const known = this.#fresh;
    if (known !== undefined && pk >= known.from && until >= known.until) return;
    this.#fresh = { from: Math.min(pk, known?.from ?? pk), until: Math.min(until, known?.until ?? until) };
    this.execute(
      "UPDATE store_time SET fresh_from = ?, fresh_until = ? WHERE pk = 1",
      this.#fresh.from,
      this.#fresh.until,
    );
  }

  /** Drops everything cached from the file. */
  forget(): void {
    this.tasks.clear();
    this.shards.clear();
    this.shardsOfNode.clear();
    this.#greatest.clear();
  }

  /** Resolves when all writes so far are committed: at the end of the turn, so that all callers share a commit. */
  async settled(): Promise<void> {
    if (this.#broken !== undefined) throw this.#broken;
    if (!this.#isInTransaction) return;
    this.#waiting ??= Promise.withResolvers();
    await this.#waiting.promise;
  }

  enter(): Promise<void> | undefined {
    if (this.#broken !== undefined || !this.#isInTransaction) {
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
    const known = this.#statements.get(sql);
    if (known !== undefined) return known;
    const statement = this.#database.prepare(sql);
    this.#statements.set(sql, statement);
    return statement;
  }

  #commit(): void {
    if (!this.#isInTransaction) return;
    this.#operations = 0;
    this.execute("COMMIT");
    this.#isInTransaction = false;
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
    this.#lookAtVersion ??= versionStatement(this.#database);
    const version = this.#lookAtVersion.get()?.[0];
    if (version === this.#dataVersion) return;
    this.#dataVersion = version;
    const { latest = 0, from, until } = this.get<TimeRow>(storeTime) ?? {};
    this.#fileTime = latest;
    this.#fresh = from == null || until == null ? undefined : { from, until };
    this.#timeOf(Math.max(this.#fileTime, now())); // it continues from there
    this.forget();
  }

  #raiseTime(time: number): void {
    if (this.#fresh !== undefined) this.execute(indexFresh, this.#fresh.from);
    this.execute("UPDATE store_time SET latest = ?, fresh_from = NULL, fresh_until = NULL WHERE pk = 1", time);
    this.#fresh = undefined;
    this.#fileTime = time;
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
        this.#isInTransaction = false;
        throw unavailable("this SQLite store is read-only", { retryable: false, cause: error });
      }
      if (isBusy(error) && !isTransaction) {
        throw unavailable("another process is writing to the SQLite file", { retryable: true, cause: error });
      }
      const what = `the SQLite file '${this.options.path}' is no longer usable: ${error.message}`;
      const advice = "the last writes may be lost, reopen it to continue";
      this.#broken = unavailable(`${what}; ${advice}`, { retryable: false, cause: error });
      if (isTransaction) this.#database.exec("ROLLBACK");
      this.#isInTransaction = false;
      this.#waiting?.reject(this.#broken);
      this.#waiting = undefined;
      throw this.#broken;
    }
  }
}

/** Its row is an array: reading a field of an object from SQLite takes as long as the statement. */
function versionStatement(database: DatabaseSync): StatementSync {
  const statement = database.prepare("PRAGMA data_version");
  statement.setReturnArrays(true);
  return statement;
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

const unavailable = (message: string, options: { readonly retryable: boolean; readonly cause?: unknown }): FlowError =>
  new FlowError("STORE_UNAVAILABLE", message, options);
