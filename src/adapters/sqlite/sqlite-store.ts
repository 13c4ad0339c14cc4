import type { Store } from "../../core/ports/index.ts";
import { systemClock } from "../../core/ports/system.ts";
import { RecordStore } from "../../core/store/record-store.ts";
import { FlowError } from "../../errors/index.ts";
import type { SqliteStoreOptions } from "./connection.ts";
import { artifactLogs } from "./logs.ts";
import { deadLetterTable, slotTable, workerTable } from "./registry.ts";
import { shardTable } from "./shards.ts";
import { Session } from "./shared-file.ts";
import { taskTable } from "./tasks.ts";

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
  if (typeof path !== "string") throw new FlowError("ENGINE_OPTIONS", "sqliteStore needs the path of a file");
  check("commit", commit, commit === "turn" || commit === "call", 'give "turn" or "call"');
  check("synchronous", synchronous, synchronous === "normal" || synchronous === "full", 'give "normal" or "full"');
  const isBusyMs = Number.isInteger(busyMs) && busyMs >= 0 && busyMs <= longestBusyMs;
  check("busyMs", busyMs, isBusyMs, `give an integer from 0 to ${longestBusyMs}`);
  const session = new Session({ path, commit, synchronous, busyMs }, now);
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

function check(option: string, value: unknown, isValid: boolean, advice: string): void {
  if (!isValid) throw new FlowError("ENGINE_OPTIONS", `sqliteStore: ${option} is ${String(value)}: ${advice}`);
}
