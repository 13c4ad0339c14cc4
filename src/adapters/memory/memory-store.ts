import type { Store } from "../../core/ports/index.ts";
import { systemClock } from "../../core/ports/system.ts";
import { RecordStore } from "../../core/store/record-store.ts";
import { FlowError } from "../../errors/index.ts";
import { logDriver } from "./logs.ts";
import { MemoryState, type MemoryStoreEvent, type StoreContext } from "./memory-state.ts";
import { deadLetterDriver, slotDriver, workerDriver } from "./registry.ts";
import { shardDriver } from "./shards.ts";
import { taskDriver } from "./tasks.ts";

/** What a {@link memoryStore} keeps, and for how long. */
export interface MemoryStoreOptions {
  /** Shared with other stores, as processes share a database. @defaultValue a state of its own */
  readonly state?: MemoryState;
  /** The store's clock, in milliseconds. @defaultValue the system's; where that is set back, time goes on from there */
  readonly now?: () => number;
  /**
   * Awaited between two record accesses of one operation, which then may be interrupted there as on a database without
   * transactions. Without it every operation is atomic, except a `cancelShard` of a shard that has no record yet.
   */
  readonly step?: (label: string) => Promise<void>;
  /** Called in the same step as each write. What it throws rejects the operation, whose effect stays. */
  readonly observe?: (event: MemoryStoreEvent) => void;
  /**
   * How many ended tasks are kept; the longest ended go first, with all that is theirs, their idempotency keys
   * included.
   *
   * @defaultValue 1000
   */
  readonly keepFinishedTasks?: number;
  /**
   * Forgets artifacts that no node of the graph reads any more.
   * - `true`: a finished node's, once every node that depends on it, or names it in its arguments, has finished too;
   *   nodes without such readers keep theirs.
   * - `"streaming"`: besides, while they run, each artifact that all these readers have stored what they made of. For
   *   readers that take batches as they come and resume, as nothing upstream of them may start over, and for nodes
   *   without `finalize`; elsewhere it is as `true`. With `max_pending_batches` on the producers the store stays as
   *   small as it was, however many batches there are.
   *
   * What it costs: `task.artifacts` of such a node, a function of your own that reads it without naming it in its
   * arguments, and a consumer that is deployed anew as one that can't resume, meet `ARTIFACTS_DROPPED`, and
   * `engine.retry` runs such nodes again. What is known of the artifacts stays true (`tail`, the shard's `count`,
   * `hasArtifacts`, `countArtifacts`). A source's uids are kept while it runs, since a retry of it asks for them: a bit
   * each for `"0"`, `"1"`, ..., which is what they are unless `iterBatches` names them.
   *
   * @defaultValue false
   */
  readonly dropConsumed?: boolean | "streaming";
  /**
   * Types of nodes whose outputs nobody wants, such as those that write to a database: where nothing reads such a node,
   * its artifacts are forgotten as they come. What its `finalize` returns is kept as ever; one that asks for the outputs,
   * `task.result` where there is no `finalize`, and `task.artifacts` meet `ARTIFACTS_DROPPED`.
   *
   * @defaultValue none
   */
  readonly sinks?: readonly string[];
}

/**
 * The store of one process: as fast as it gets, and gone with the process.
 *
 * @example
 * const store = memoryStore({ keepFinishedTasks: 10 })
 * await store.open()
 * await store.createTask({ id: "t1", graph, params: {}, priority: 0 }) // { outcome: "created", id: "t1" }
 *
 * @throws FlowError `ENGINE_OPTIONS` when an option is out of range
 */
export function memoryStore(options: MemoryStoreOptions = {}): Store {
  const context: StoreContext = {
    state: options.state ?? new MemoryState(),
    now: options.now ?? systemClock().now,
    step: options.step,
    observe: options.observe,
    keepFinishedTasks: checkedLimit(options.keepFinishedTasks ?? 1000),
    dropConsumed: options.dropConsumed ?? false,
    sinks: new Set(options.sinks),
  };
  return new RecordStore({
    tasks: taskDriver(context),
    shards: shardDriver(context),
    logs: logDriver(context),
    slots: slotDriver(context),
    workers: workerDriver(context),
    deadLetters: deadLetterDriver(context),
    open: nothing,
    settle: nothing,
    close: nothing,
  });
}

/** There is no connection, and nothing survives this process anyway. */
const nothing = async (): Promise<void> => {};

function checkedLimit(keepFinishedTasks: number): number {
  if (Number.isInteger(keepFinishedTasks) && keepFinishedTasks >= 0) return keepFinishedTasks;
  throw new FlowError("ENGINE_OPTIONS", `keepFinishedTasks must be an integer of at least 0, got ${keepFinishedTasks}`);
}
