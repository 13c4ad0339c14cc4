import type { Store } from "../../core/ports/index.ts";
import { systemClock } from "../../core/ports/system.ts";
import { RecordStore } from "../../core/store/record-store.ts";
import { FlowError } from "../../errors/index.ts";
import { artifactLogs } from "./logs.ts";
import { deadLetterTable, slotTable, workerTable } from "./registry.ts";
import { shardTable } from "./shards.ts";
import { Session, sharedFile } from "./shared-file.ts";
import { taskTable } from "./tasks.ts";

/** How a {@link sqliteStore} writes its file. */
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
  /** The store's clock, in milliseconds. @defaultValue the system's; where that is set back, time goes on from there */
  readonly now?: () => number;
}

const longestBusyMs = 60_000;

/**
 * A store in a SQLite file, with Node's own SQLite: tasks survive the process. Several processes may use one file, on
 * one machine.
 *
 * @example
 * await using engine = await createEngine({ handlers: etl.handlers, store: sqliteStore("runs.db") })
 *
 * @param path - of the file; it is made when it isn't there. `":memory:"`: in this process only
 * @throws FlowError `ENGINE_OPTIONS`; from `open`: `STORE_UNAVAILABLE`, and `STORE_VERSION` for a file of a newer layout
 *   or of another program
 */
export function sqliteStore(path: string, options: SqliteStoreOptions = {}): Store {
  const { commit = "turn", synchronous = "normal", busyMs = 5_000, now = systemClock().now } = options;
  if (typeof path !== "string") throw new FlowError("ENGINE_OPTIONS", "sqliteStore needs a file path");
  if (commit !== "turn" && commit !== "call") throw invalid("commit", commit, '"turn" or "call"');
  if (synchronous !== "normal" && synchronous !== "full") {
    throw invalid("synchronous", synchronous, '"normal" or "full"');
  }
  if (!Number.isInteger(busyMs) || busyMs < 0 || busyMs > longestBusyMs) {
    throw invalid("busyMs", busyMs, `an integer from 0 to ${longestBusyMs}`);
  }
  const session = new Session(sharedFile({ path, commit, synchronous, busyMs }), now);
  return new RecordStore({
    tasks: taskTable(session),
    shards: shardTable(session),
    logs: artifactLogs(session),
    slots: slotTable(session),
    workers: workerTable(session),
    deadLetters: deadLetterTable(session),
    handlerGate: session,
    open: () => session.open(),
    settle: () => session.settle(),
    close: () => session.close(),
  });
}

const invalid = (option: string, value: unknown, expected: string): FlowError =>
  new FlowError("ENGINE_OPTIONS", `sqliteStore: ${option} must be ${expected}, got ${String(value)}`);
