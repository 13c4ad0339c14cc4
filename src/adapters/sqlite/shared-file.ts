import { realpathSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { isDeepStrictEqual } from "node:util";
import type { HandlerGate } from "../../core/ports/index.ts";
import { FlowError } from "../../errors/index.ts";
import { type ConnectionOptions, SqliteConnection } from "./connection.ts";

/**
 * One file as this process has it open. All stores of a process on one file share the connection: two connections would
 * wait for each other's transaction on the one thread that both run on.
 */
class SharedFile {
  readonly options: ConnectionOptions;
  #connection: SqliteConnection | undefined;
  #users = 0;

  constructor(options: ConnectionOptions) {
    this.options = options;
  }

  get inUse(): boolean {
    return this.#users > 0;
  }

  open(): SqliteConnection {
    this.#connection ??= new SqliteConnection(this.options);
    this.#users++;
    return this.#connection;
  }

  release(): void {
    if (--this.#users > 0) return;
    const connection = this.#connection;
    this.#connection = undefined;
    connection?.close();
  }
}

const files = new Map<string, WeakRef<SharedFile>>();

/** @throws FlowError `ENGINE_OPTIONS` when this process has the file open with other options */
export function sharedFile(options: ConnectionOptions): SharedFile {
  const isPrivate = options.path === "" || options.path === ":memory:"; // to SQLite: nobody else can open it
  if (isPrivate) return new SharedFile(options);
  const path = absolute(options.path);
  const there = files.get(path)?.deref();
  const wanted = { ...options, path };
  if (there !== undefined && isDeepStrictEqual(there.options, wanted)) return there;
  if (there?.inUse) {
    throw new FlowError(
      "ENGINE_OPTIONS",
      `sqliteStore: '${options.path}' is already open in this process with other options`,
    );
  }
  const file = new SharedFile(wanted);
  files.set(path, new WeakRef(file));
  return file;
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

type Work<T> = (connection: SqliteConnection, now: number) => T;

/** One store's use of a file, from its `open` to its `close`. */
export class Session implements HandlerGate {
  /** The store's clock. */
  readonly now: () => number;
  readonly #file: SharedFile;
  #connection: SqliteConnection | undefined;
  #isClosed = false;

  constructor(file: SharedFile, now: () => number) {
    this.#file = file;
    this.now = now;
  }

  async open(): Promise<void> {
    this.#connection ??= this.#file.open();
  }

  async close(): Promise<void> {
    const wasOpen = this.#connection !== undefined && !this.#isClosed;
    this.#isClosed = true;
    if (wasOpen) this.#file.release();
  }

  async read<T>(work: Work<T>): Promise<T> {
    const connection = this.#opened();
    return connection.read(() => work(connection, this.now()));
  }

  /** Runs in a transaction; see {@link SqliteConnection.write}. */
  async write<T>(work: Work<T>): Promise<T> {
    const connection = this.#opened();
    return connection.write(() => work(connection, this.now()));
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
}
