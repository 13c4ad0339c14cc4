import { DatabaseSync, type StatementSync } from "node:sqlite";
import type { HandlerGate } from "../../core/ports/index.ts";
import { FlowError } from "../../errors/index.ts";
import { endLeftovers } from "./leftovers.ts";
import { migrate } from "./schema.ts";
import { isBusy, isSqliteError } from "./sqlite-error.ts";

export interface ConnectionOptions {
  readonly path: string;
  /** `turn`: writes of one turn of the event loop are one transaction; `call`: each operation is one. */
  readonly commit: "turn" | "call";
  readonly synchronous: "normal" | "full";
  /** How long a write waits for another process that writes, in ms. */
  readonly busyMs: number;
}

/** A turn that goes on for longer than this is committed in pieces: other processes want to write too. */
const mostOperations = 1_000;
/** How long opening waits at least: for another process that opens the file, and brings it up to date. */
const openingMs = 5_000;

/**
 * A connection to one file. What it runs is synchronous, so operations never interleave; what it batches is the commit.
 *
 * In `turn` mode an operation is answered before its transaction is committed, which is right because nobody can act
 * on the answer and survive the crash that takes it back: until the commit no other process sees the change, and none
 * can write, since the transaction holds the file's write lock. What leaves the process is settled first.
 *
 * The lock is never held while handler code runs: other processes would wait for as long as it computes, and lose their
 * leases. Such code comes in when nothing is open, together with all that wait for the same commit; while some of it
 * runs, and may go on in any microtask, each operation is committed by itself.
 */
export class SqliteConnection implements HandlerGate {
  readonly #options: ConnectionOptions;
  readonly #database: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();
  readonly #onExternalWrite: (() => void)[] = [];
  #dataVersion: unknown;
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

  /** Calls back when another process may have changed what this one remembers. */
  onExternalWrite(forget: () => void): void {
    this.#onExternalWrite.push(forget);
  }

  /**
   * The prepared statement of this text. A limit is written `LIMIT ? + 0`: at a bare parameter SQLite looks into its
   * value while it plans, and so plans anew each time that one is bound, which takes ten times as long as the look.
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
      if (alone || ++this.#operations >= mostOperations) this.settle();
      return result;
    } catch (error) {
      throw this.#translated(error);
    }
  }

  /** Commits what is open. */
  settle(): void {
    this.#checkUsable();
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
      if (this.#broken === undefined) this.settle();
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
      this.settle();
    } catch {
      // It is in #broken, and every later call says so.
    }
  }

  #lookForExternalWrites(): void {
    const version = this.sql("PRAGMA data_version").get()?.data_version;
    if (version === this.#dataVersion) return;
    this.#dataVersion = version;
    for (const forget of this.#onExternalWrite) forget();
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
    for (const forget of this.#onExternalWrite) forget();
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
