import { realpathSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { isDeepStrictEqual } from "node:util";
import type { HandlerGate } from "../../core/ports/index.ts";
import { FlowError } from "../../errors/index.ts";
import { type ConnectionOptions, SqliteConnection, type Work } from "./connection.ts";

/**
 * The files that this process has open. All its stores on one file share the connection: two connections would wait for
 * each other's transaction on the one thread that both run on.
 */
export const openFiles = new Map<string, SqliteConnection>();

/** One store's use of a file, from its `open` to its `close`. */
export class Session implements HandlerGate {
  /** The store's clock. */
  readonly now: () => number;
  readonly #options: ConnectionOptions;
  /** To SQLite, these paths name a database that nobody else can open. */
  readonly #isPrivate: boolean;
  #connection: SqliteConnection | undefined;

  /** @throws FlowError `ENGINE_OPTIONS` when this process has the file open with other options */
  constructor(options: ConnectionOptions, now: () => number) {
    const { path } = options;
    this.#isPrivate = path === "" || path === ":memory:";
    this.#options = this.#isPrivate ? options : { ...options, path: absolute(path) };
    this.now = now;
    this.#shared();
  }

  async open(): Promise<void> {
    this.#connection ??= this.#shared() ?? new SqliteConnection(this.#options);
    this.#connection.users.add(this);
    if (!this.#isPrivate) openFiles.set(this.#options.path, this.#connection);
  }

  async close(): Promise<void> {
    if (!this.#connection?.users.delete(this) || this.#connection.users.size > 0) return;
    openFiles.delete(this.#options.path);
    this.#connection.close();
  }

  async read<T>(work: Work<T>): Promise<T> {
    return this.#opened().read(work, this.now);
  }

  /** Runs in a transaction; see {@link SqliteConnection.write}. */
  async write<T>(work: Work<T>): Promise<T> {
    return this.#opened().write(work, this.now);
  }

  async settle(): Promise<void> {
    await this.#opened().settled();
  }

  /** Also after `close`, like `leave`: cleanups still run, and other stores may use the connection. */
  enter(): Promise<void> | undefined {
    return this.#connection?.enter();
  }

  leave(): void {
    this.#connection?.leave();
  }

  #opened(): SqliteConnection {
    if (this.#connection !== undefined) return this.#connection;
    throw new FlowError("STORE_UNAVAILABLE", "this SQLite store is not open yet", { retryable: true });
  }

  #shared(): SqliteConnection | undefined {
    const connection = openFiles.get(this.#options.path);
    if (connection === undefined || isDeepStrictEqual(connection.options, this.#options)) return connection;
    throw new FlowError("ENGINE_OPTIONS", `sqliteStore: '${this.#options.path}' is in use here with other options`);
  }
}

/** The file may not exist yet, its folder must. */
function absolute(path: string): string {
  const full = resolve(path);
  try {
    return join(realpathSync(dirname(full)), basename(full));
  } catch {
    return full; // opening it reports what is wrong
  }
}
