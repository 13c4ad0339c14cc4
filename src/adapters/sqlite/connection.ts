import { existsSync } from "node:fs";
import { DatabaseSync, type StatementSync } from "node:sqlite";
import type { ShardRecord, TaskRecord } from "../../core/model/records.ts";
import type { HandlerGate } from "../../core/ports/index.ts";
import { FlowError } from "../../errors/index.ts";
import type { Keyed } from "./rows.ts";
import { migrate } from "./schema.ts";

export interface ConnectionOptions {
  readonly path: string;
  /** `turn`: writes of one turn of the event loop are one transaction; `call`: each operation is one. */
  readonly commit: "turn" | "call";
  readonly synchronous: "normal" | "full";
  /** How long a write waits for another process that writes, in ms. */
  readonly busyMs: number;
}

/** A turn with more operations than this is committed in pieces: other processes want to write too. */
const mostOperations = 1_000;
/** How long opening waits at least: for another process that opens the file and migrates it. */
const openingMs = 5_000;
const mostTasks = 256;
const mostShards = 20_000;

/**
 * A connection to one file. What it runs is synchronous, so operations never interleave.
 *
 * Group commit: in `turn` mode, the writes of one turn of the event loop are one transaction, and an operation is
 * answered before the commit. Nobody can act on the answer and survive the crash that takes it back: until the commit
 * no other process sees the change, and none can write, since the transaction holds the file's write lock. What leaves
 * the process is settled first.
 *
 * The lock is never held while handler code runs: other processes would wait for as long as it computes, and lose their
 * leases. Handler code starts when no transaction is open, together with everything that waits for the same commit;
 * while it runs, and may continue in any microtask, each operation is committed by itself.
 */
export class SqliteConnection implements HandlerGate {
  readonly tasks = new RecordCache<Keyed<TaskRecord>>(mostTasks);
  readonly shards = new RecordCache<Keyed<ShardRecord>>(mostShards);
  /** Lengths of logs, by `${shardPk}:${generation}`. */
  readonly lengths = new RecordCache<number>(mostShards);
  readonly #options: ConnectionOptions;
  readonly #database: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();
  #dataVersion: unknown;
  /** Unknown again when another process may have queued a shard. */
  #lastInQueue: number | undefined;
  #operations = 0;
  /** Calls of handler code that have not ended. */
  #handlers = 0;
  #broken: FlowError | undefined;
  /** There while somebody waits for the commit of the open transaction. */
  #waiting: PromiseWithResolvers<void> | undefined;

  /** @throws FlowError `STORE_UNAVAILABLE`, `STORE_VERSION` */
  constructor(options: ConnectionOptions) {
    this.#options = options;
    this.#database = opened(options);
  }

  /**
   * The prepared statement of this text. Limits are written `LIMIT ? + 0`: at a bare parameter SQLite plans anew whenever
   * it is bound, which takes ten times as long as the look.
   */
  sql(text: string): StatementSync {
    let statement = this.#statements.get(text);
    if (statement === undefined) {
      statement = this.#database.prepare(text);
      this.#statements.set(text, statement);
    }
    return statement;
  }

  read<T>(work: () => T): T {
    this.#checkUsable();
    try {
      if (!this.#database.isTransaction) this.#lookForExternalWrites();
      return work();
    } catch (error) {
      throw this.#translated(error);
    }
  }

  /** Runs in a transaction. It must have judged everything before its first statement that writes. */
  write<T>(work: () => T): T {
    this.#checkUsable();
    try {
      if (!this.#database.isTransaction) this.#begin();
      const result = work();
      const alone = this.#options.commit === "call" || this.#handlers > 0;
      if (alone || ++this.#operations >= mostOperations) this.#commit();
      return result;
    } catch (error) {
      throw this.#translated(error);
    }
  }

  /** A place in the queue behind all shards that are in it. */
  nextInQueue(): number {
    const look = this.sql("SELECT max(queue_order) AS last FROM shards WHERE queue_order IS NOT NULL");
    this.#lastInQueue ??= Number(look.get()?.last ?? 0);
    return ++this.#lastInQueue;
  }

  #commit(): void {
    if (!this.#database.isTransaction) return;
    this.#operations = 0;
    try {
      this.#database.exec("COMMIT");
    } catch (error) {
      throw this.#translated(error);
    }
    this.#waiting?.resolve();
    this.#waiting = undefined;
  }

  /** Resolves when what was written so far is committed: at the end of the turn, so that all who wait share a commit. */
  async settled(): Promise<void> {
    this.#checkUsable();
    if (!this.#database.isTransaction) return;
    this.#waiting ??= Promise.withResolvers();
    await this.#waiting.promise;
  }

  enter(): Promise<void> | undefined {
    if (this.#broken !== undefined || !this.#database.isTransaction) {
      this.#handlers++;
      return undefined;
    }
    // Behind the microtasks: what else can go on without handler code shares the commit.
    process.nextTick(() => this.#endTurn());
    // Nothing is locked after an error either, which every later operation throws.
    return this.settled().catch(() => undefined);
  }

  leave(): void {
    this.#handlers--;
  }

  close(): void {
    try {
      if (this.#broken === undefined) this.#commit();
    } finally {
      this.#statements.clear();
      this.#database.close();
      this.#broken ??= unavailable("this SQLite store is closed", { retryable: false });
    }
  }

  #begin(): void {
    this.#database.exec("BEGIN IMMEDIATE");
    this.#lookForExternalWrites();
    if (this.#options.commit === "turn") setImmediate(() => this.#endTurn());
  }

  /** Whoever waits for the answer of an operation has it already: an error is told to the next caller. */
  #endTurn(): void {
    if (this.#broken !== undefined || !this.#database.isTransaction) return;
    try {
      this.#commit();
    } catch {
      // It is in #broken, and every later call says so.
    }
  }

  #lookForExternalWrites(): void {
    const version = this.sql("PRAGMA data_version").get()?.data_version;
    if (version === this.#dataVersion) return;
    this.#dataVersion = version;
    this.#clearCaches();
  }

  #clearCaches(): void {
    this.tasks.clear();
    this.shards.clear();
    this.lengths.clear();
    this.#lastInQueue = undefined;
  }

  #checkUsable(): void {
    if (this.#broken !== undefined) throw this.#broken;
  }

  /**
   * A transaction that can't go on takes answered operations with it, so this connection stops for good: whoever opens
   * the file again finds the state before them, as after a crash.
   */
  #translated(error: unknown): unknown {
    if (!isSqliteError(error)) return error;
    if (isBusy(error) && !this.#database.isTransaction) {
      return unavailable("another process is writing to the SQLite file", { retryable: true, cause: error });
    }
    this.#clearCaches();
    const { path } = this.#options;
    this.#broken = unavailable(
      `the SQLite file '${path}' is no longer usable: ${error.message}; the last writes may be lost, reopen it to continue`,
      { retryable: false, cause: error },
    );
    if (this.#database.isTransaction) this.#database.exec("ROLLBACK");
    this.#waiting?.reject(this.#broken);
    this.#waiting = undefined;
    return this.#broken;
  }
}

function opened({ path, synchronous, busyMs }: ConnectionOptions): DatabaseSync {
  let database: DatabaseSync | undefined;
  try {
    endLeftovers(path);
    database = new DatabaseSync(path, { timeout: Math.max(busyMs, openingMs) });
    database.exec("PRAGMA journal_mode = WAL");
    database.exec(`PRAGMA synchronous = ${synchronous}`);
    database.exec("PRAGMA temp_store = MEMORY");
    migrate(database);
    database.exec(`PRAGMA busy_timeout = ${busyMs}`);
    return database;
  } catch (error) {
    database?.close();
    if (!isSqliteError(error)) throw error;
    throw unavailable(`the SQLite file '${path}' cannot be opened: ${error.message}`, {
      retryable: isBusy(error),
      cause: error,
    });
  }
}

const unavailable = (message: string, options: { readonly retryable: boolean; readonly cause?: unknown }): FlowError =>
  new FlowError("STORE_UNAVAILABLE", message, options);

const isSqliteError = (error: unknown): error is Error & { /** Extended result code. */ readonly errcode: number } =>
  error instanceof Error && "errcode" in error && typeof error.errcode === "number";

const busy = 5;

/** Whether another connection has the lock, of whichever kind: the extended code says more in the bits above. */
const isBusy = (error: unknown): boolean => isSqliteError(error) && (error.errcode & 0xff) === busy;

/** Ends leases and slots, and makes every open task due. Whether a lease may be taken is still for `expire` to judge. */
const endLeases = `
  UPDATE shards SET record = json_set(record, '$.lease.deadline', 0), expires_at = 0 WHERE expires_at IS NOT NULL;
  UPDATE tasks SET sweep_at = 0 WHERE sweep_at IS NOT NULL;
  DELETE FROM slots;
  DELETE FROM workers`;

/**
 * Lets a file's tasks continue at once after a crash, instead of when the leases of the dead process expire.
 *
 * Neither a clock nor a process id decides who is dead: an open connection holds a lock on the file, which the system
 * releases when a process dies. A process that gets the file exclusively knows that no owner of a lease is left. With
 * other processes on the file nothing is done: any of them may be the owner.
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

/** Records by key, while no other process changes them. The least recently used are dropped first. */
class RecordCache<TRecord> {
  readonly #most: number;
  readonly #records = new Map<string, TRecord>();

  constructor(most: number) {
    this.#most = most;
  }

  get(key: string): TRecord | undefined {
    const record = this.#records.get(key);
    if (record !== undefined) this.set(key, record);
    return record;
  }

  set(key: string, record: TRecord): void {
    this.#records.delete(key);
    this.#records.set(key, record);
    if (this.#records.size <= this.#most) return;
    const [oldest] = this.#records.keys();
    if (oldest !== undefined) this.#records.delete(oldest);
  }

  delete(key: string): void {
    this.#records.delete(key);
  }

  clear(): void {
    this.#records.clear();
  }
}
