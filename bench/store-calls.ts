import type { Store } from "flowkit/engine";

/** Number of calls by store operation. */
export type StoreCalls = Readonly<Record<string, number>>;

const reads: ReadonlySet<string> = new Set([
  "readTask",
  "dueTasks",
  "overdueTasks",
  "listTasks",
  "endedTasks",
  "readVars",
  "readShards",
  "hasArtifacts",
  "expiredLeases",
  "dueDeferred",
  "peekQueue",
  "readArtifacts",
  "tail",
  "readUids",
  "storedUids",
  "countArtifacts",
  "countHolders",
  "heldSlots",
  "liveWorkers",
  "listDeadLetters",
]);
/** Calls unrelated to tasks: periodic ones, or one per process. */
const housekeeping: ReadonlySet<string> = new Set([
  "open",
  "settle",
  "close",
  "announceWorker",
  "removeWorker",
  "renew",
  "dueTasks",
  "overdueTasks",
  "expiredLeases",
  "dueDeferred",
  "heldSlots",
]);

export const isWrite = (operation: string): boolean => !reads.has(operation);

/** Wraps a store so that its calls are counted in `calls`. */
export function countingStore(store: Store, calls: Record<string, number>): Store {
  return new Proxy(store, {
    get(target, name: string) {
      const member: unknown = Reflect.get(target, name);
      if (typeof member !== "function") return member;
      return (...args: unknown[]): unknown => {
        if (!housekeeping.has(name)) calls[name] = (calls[name] ?? 0) + 1;
        return member.apply(target, args);
      };
    },
  });
}
