import { realpathSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { FlowError } from "../../errors/index.ts";
import { type ConnectionOptions, SqliteConnection } from "./connection.ts";
import { RecordCache } from "./record-cache.ts";
import type { ShardRow, TaskRow } from "./rows.ts";

const mostTasks = 256;
const mostShards = 20_000;

/**
 * One file as this process has it open. All stores of a process over one file share the connection: two would wait for
 * each other's transaction, on the one thread that they both run on.
 */
export class SharedFile {
  readonly options: ConnectionOptions;
  readonly tasks = new RecordCache<TaskRow>(mostTasks);
  readonly shards = new RecordCache<ShardRow>(mostShards);
  readonly lengths = new RecordCache<number>(mostShards);
  readonly queue: { last: number | undefined } = { last: undefined };
  #connection: SqliteConnection | undefined;
  #users = 0;

  constructor(options: ConnectionOptions) {
    this.options = options;
  }

  get inUse(): boolean {
    return this.#users > 0;
  }

  open(): SqliteConnection {
    if (this.#connection === undefined) {
      this.#connection = new SqliteConnection(this.options);
      this.#connection.onExternalWrite(() => {
        this.tasks.clear();
        this.shards.clear();
        this.lengths.clear();
        this.queue.last = undefined;
      });
    }
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
  if (isPrivate(options.path)) return new SharedFile(options);
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

/** SQLite's names for a database that nobody else can open. */
const isPrivate = (path: string): boolean => path === "" || path === ":memory:";

/** The file may not be there yet, its folder must. */
function absolute(path: string): string {
  const full = resolve(path);
  try {
    return join(realpathSync(dirname(full)), basename(full));
  } catch {
    return full; // opening it will say what is wrong
  }
}
