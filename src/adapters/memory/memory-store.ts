import type { Store } from "../../core/ports/index.ts";
import { systemClock } from "../../core/ports/system.ts";
import { RecordStore } from "../../core/store/record-store.ts";
import { FlowError } from "../../errors/index.ts";
import { logDriver } from "./logs.ts";
import { MemoryState, type MemoryStoreEvent, type StoreContext } from "./memory-state.ts";
import { registryDriver, slotDriver } from "./registry.ts";
import { shardDriver } from "./shards.ts";
import { taskDriver } from "./tasks.ts";

/** Options of {@link memoryStore}. */
export interface MemoryStoreOptions {
  /** Data shared with other stores, as processes share a database. @defaultValue a new state */
  readonly state?: MemoryState;
  /** Store time, in milliseconds. @defaultValue the system's clock; it never goes back */
  readonly now?: () => number;
  /**
   * Awaited between two record accesses of one operation, so that it can be interrupted there, as on a database without
   * transactions. Without it every operation is atomic, except a `cancelShard` of a shard that has no record yet.
   */
  readonly step?: (label: string) => Promise<void>;
  /** Called in the same step as each write. If it throws, the operation rejects, but its effect remains. */
  readonly observe?: (event: MemoryStoreEvent) => void;
  /**
   * How many ended tasks are kept. Those that ended first are dropped first, with all their records and idempotency keys.
   *
   * @defaultValue 1000
   */
  readonly keepFinishedTasks?: number;
  /**
   * Drops artifacts that no node of the graph reads any more.
   * - `true`: the artifacts of a finished node, once every node that depends on it or names it in its arguments has
   *   finished too. Nodes without such readers keep theirs.
   * - `"streaming"`: also, while the readers run, each artifact whose outputs all of them have stored. This applies to
   *   readers that stream and resume, if nothing upstream starts over, and to nodes without `finalize`. With
   *   `max_pending_batches` on the producers, the size of the store does not depend on the number of batches.
   *
   * `ARTIFACTS_DROPPED` is then thrown by `task.artifacts` of such a node, in a custom coordinator function that reads it
   * without naming it in its arguments, and in a consumer whose new version cannot resume; `engine.retry` runs such nodes
   * again. The numbers of artifacts (`tail`, `count`, `hasArtifacts`, `countArtifacts`) stay correct. The uids of a source
   * are kept while it runs, because a retry looks them up: two bits each, unless `iterBatches` names them.
   *
   * @defaultValue false
   */
  readonly dropConsumed?: boolean | "streaming";
  /**
   * Types of nodes whose outputs are not needed, such as those that write to a database. If no node reads such a node,
   * its artifacts are dropped as they are stored, and `ARTIFACTS_DROPPED` is thrown by `task.artifacts`, by a `finalize`
   * that reads them and, without `finalize`, by `task.result`. The return value of `finalize` is kept.
   *
   * @defaultValue none
   */
  readonly sinks?: readonly string[];
}

/**
 * A store in the memory of this process: the fastest, and lost when the process ends.
 *
 * @example
 * const store = memoryStore({ keepFinishedTasks: 10 })
 * await store.open()
 * await store.createTask({ id: "t1", graph, params: {}, priority: 0 }) // { outcome: "created", id: "t1" }
 *
 * @throws FlowError `ENGINE_OPTIONS` when an option is out of range
 */
export function memoryStore(options: MemoryStoreOptions = {}): Store {
  const { state = new MemoryState(), now = systemClock().now, keepFinishedTasks = 1000 } = options;
  const { step, observe, dropConsumed = false } = options;
  const range = `keepFinishedTasks must be an integer of at least 0, got ${keepFinishedTasks}`;
  if (!Number.isInteger(keepFinishedTasks) || keepFinishedTasks < 0) throw new FlowError("ENGINE_OPTIONS", range);
  const sinks = new Set(options.sinks);
  const context: StoreContext = { state, now, step, observe, keepFinishedTasks, dropConsumed, sinks };
  return new RecordStore({
    tasks: taskDriver(context),
    shards: shardDriver(context),
    logs: logDriver(context),
    slots: slotDriver(context),
    registry: registryDriver(context),
    open: nothing,
    settle: nothing,
    close: nothing,
  });
}

/** There is no connection, and no record survives this process. */
const nothing = async (): Promise<void> => {};
