import type { Attempt, DeadLetter, EpochRef, ShardRef, TaskFailure, WorkerRecord } from "../../core/model/records.ts";
import type {
  AttemptReport,
  DispatchInit,
  HeldSlot,
  NewArtifact,
  NewTask,
  PageRequest,
  SlotLimit,
  Store,
} from "../../core/ports/index.ts";
import { systemClock } from "../../core/ports/system.ts";
import { FlowError } from "../../errors/index.ts";
import { ArtifactReads } from "./artifact-reads.ts";
import { AttemptWrites } from "./attempt-writes.ts";
import { DeadLetterTable } from "./dead-letter-table.ts";
import { MemoryState } from "./memory-state.ts";
import { ShardTable } from "./shard-table.ts";
import { SlotTable } from "./slot-table.ts";
import type { MemoryStoreEvent, StoreContext } from "./store-context.ts";
import { TaskTable } from "./task-table.ts";
import { WorkerTable } from "./worker-table.ts";

/** What a {@link memoryStore} keeps, and for how long. */
export interface MemoryStoreOptions {
  /** Shared with other stores, as processes share a database. @defaultValue a state of its own */
  readonly state?: MemoryState;
  /** The store's clock, in milliseconds. @defaultValue the system's; where that is set back, time goes on from there */
  readonly now?: () => number;
  /**
   * Awaited between two record accesses of one operation, which then may be interrupted there as on a database without
   * transactions. Without it every operation is atomic.
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
  return new MemoryStore(options);
}

class MemoryStore implements Store {
  readonly #tasks: TaskTable;
  readonly #shards: ShardTable;
  readonly #attempts: AttemptWrites;
  readonly #artifacts: ArtifactReads;
  readonly #slots: SlotTable;
  readonly #workers: WorkerTable;
  readonly #deadLetters: DeadLetterTable;
  #closed = false;

  constructor(options: MemoryStoreOptions) {
    const context: StoreContext = {
      state: options.state ?? new MemoryState(),
      now: options.now ?? systemClock().now,
      step: options.step,
      observe: options.observe,
      keepFinishedTasks: checkedLimit(options.keepFinishedTasks ?? 1000),
      dropConsumed: options.dropConsumed ?? false,
      sinks: new Set(options.sinks),
    };
    this.#tasks = new TaskTable(context);
    this.#shards = new ShardTable(context);
    this.#attempts = new AttemptWrites(context);
    this.#artifacts = new ArtifactReads(context);
    this.#slots = new SlotTable(context);
    this.#workers = new WorkerTable(context);
    this.#deadLetters = new DeadLetterTable(context);
  }

  // ---- tasks

  createTask(task: NewTask): ReturnType<Store["createTask"]> {
    return this.#closed ? unavailable() : this.#tasks.create(task);
  }

  readTask(id: string): ReturnType<Store["readTask"]> {
    return this.#closed ? unavailable() : this.#tasks.read(id);
  }

  finishTask(id: string): ReturnType<Store["finishTask"]> {
    return this.#closed ? unavailable() : this.#tasks.finish(id);
  }

  failTask(id: string, failure: TaskFailure): ReturnType<Store["failTask"]> {
    return this.#closed ? unavailable() : this.#tasks.fail(id, failure);
  }

  cancelTask(id: string, reason: string): ReturnType<Store["cancelTask"]> {
    return this.#closed ? unavailable() : this.#tasks.cancel(id, reason);
  }

  closeTask(id: string): ReturnType<Store["closeTask"]> {
    return this.#closed ? unavailable() : this.#tasks.close(id);
  }

  dueTasks(limit: number, everyMs: number, aheadMs = 0): ReturnType<Store["dueTasks"]> {
    return this.#closed ? unavailable() : this.#tasks.due(limit, { everyMs, aheadMs });
  }

  overdueTasks(limit: number): ReturnType<Store["overdueTasks"]> {
    return this.#closed ? unavailable() : this.#tasks.overdue(limit);
  }

  listTasks(query: Parameters<Store["listTasks"]>[0]): ReturnType<Store["listTasks"]> {
    return this.#closed ? unavailable() : this.#tasks.list(query);
  }

  deleteTask(id: string): ReturnType<Store["deleteTask"]> {
    return this.#closed ? unavailable() : this.#tasks.delete(id);
  }

  endedTasks(query: Parameters<Store["endedTasks"]>[0]): ReturnType<Store["endedTasks"]> {
    return this.#closed ? unavailable() : this.#tasks.ended(query);
  }

  readVars(taskId: string): ReturnType<Store["readVars"]> {
    return this.#closed ? unavailable() : this.#tasks.readVars(taskId);
  }

  writeVars(taskId: string, write: Parameters<Store["writeVars"]>[1]): ReturnType<Store["writeVars"]> {
    return this.#closed ? unavailable() : this.#tasks.writeVars(taskId, write);
  }

  // ---- shards, by coordinators

  readShards(taskId: string, nodeIds?: readonly string[]): ReturnType<Store["readShards"]> {
    return this.#closed ? unavailable() : this.#shards.read(taskId, nodeIds);
  }

  hasArtifacts(taskId: string, nodeId: string): ReturnType<Store["hasArtifacts"]> {
    return this.#closed ? unavailable() : this.#shards.hasArtifacts(taskId, nodeId);
  }

  dispatch(ref: ShardRef, init: DispatchInit): ReturnType<Store["dispatch"]> {
    return this.#closed ? unavailable() : this.#shards.dispatch(ref, init);
  }

  adopt(ref: ShardRef, from: Parameters<Store["adopt"]>[1]): ReturnType<Store["adopt"]> {
    return this.#closed ? unavailable() : this.#shards.adopt(ref, from);
  }

  cancelShard(ref: ShardRef, init: Parameters<Store["cancelShard"]>[1]): ReturnType<Store["cancelShard"]> {
    return this.#closed ? unavailable() : this.#shards.cancel(ref, init);
  }

  expiredLeases(limit: number): ReturnType<Store["expiredLeases"]> {
    return this.#closed ? unavailable() : this.#shards.expiredLeases(limit);
  }

  expire(ref: EpochRef, maxLost: number): ReturnType<Store["expire"]> {
    return this.#closed ? unavailable() : this.#shards.expire(ref, maxLost);
  }

  dueDeferred(limit: number): ReturnType<Store["dueDeferred"]> {
    return this.#closed ? unavailable() : this.#shards.dueDeferred(limit);
  }

  requeue(ref: EpochRef): ReturnType<Store["requeue"]> {
    return this.#closed ? unavailable() : this.#shards.requeue(ref);
  }

  supersede(ref: EpochRef): ReturnType<Store["supersede"]> {
    return this.#closed ? unavailable() : this.#shards.supersede(ref);
  }

  // ---- shards, by workers

  peekQueue(...args: Parameters<Store["peekQueue"]>): ReturnType<Store["peekQueue"]> {
    return this.#closed ? unavailable() : this.#shards.peekQueue(...args);
  }

  claim(ref: EpochRef, by: Parameters<Store["claim"]>[1]): ReturnType<Store["claim"]> {
    return this.#closed ? unavailable() : this.#attempts.claim(ref, by);
  }

  renew(attempts: readonly Attempt[], leaseMs: number): ReturnType<Store["renew"]> {
    return this.#closed ? unavailable() : this.#attempts.renew(attempts, leaseMs);
  }

  restart(attempt: Attempt, to: Parameters<Store["restart"]>[1]): ReturnType<Store["restart"]> {
    return this.#closed ? unavailable() : this.#attempts.restart(attempt, to);
  }

  report(attempt: Attempt, report: AttemptReport): ReturnType<Store["report"]> {
    return this.#closed ? unavailable() : this.#attempts.report(attempt, report);
  }

  append(attempt: Attempt, generation: number, artifact: NewArtifact): ReturnType<Store["append"]> {
    return this.#closed ? unavailable() : this.#attempts.append(attempt, generation, artifact);
  }

  complete(attempt: Attempt, outcome: Parameters<Store["complete"]>[1]): ReturnType<Store["complete"]> {
    return this.#closed ? unavailable() : this.#attempts.complete(attempt, outcome);
  }

  fail(attempt: Attempt, how: Parameters<Store["fail"]>[1]): ReturnType<Store["fail"]> {
    return this.#closed ? unavailable() : this.#attempts.fail(attempt, how);
  }

  release(attempt: Attempt, delayMs: number): ReturnType<Store["release"]> {
    return this.#closed ? unavailable() : this.#attempts.release(attempt, delayMs);
  }

  confirmCancelled(attempt: Attempt): ReturnType<Store["confirmCancelled"]> {
    return this.#closed ? unavailable() : this.#attempts.confirmCancelled(attempt);
  }

  // ---- artifacts

  readArtifacts(ref: ShardRef, generation: number, from: number, limit: number): ReturnType<Store["readArtifacts"]> {
    return this.#closed ? unavailable() : this.#artifacts.read(ref, { generation, from, limit });
  }

  tail(ref: ShardRef, generation: number): ReturnType<Store["tail"]> {
    return this.#closed ? unavailable() : this.#artifacts.tail(ref, generation);
  }

  readUids(ref: ShardRef, generation: number, from: number, limit: number): ReturnType<Store["readUids"]> {
    return this.#closed ? unavailable() : this.#artifacts.readUids(ref, { generation, from, limit });
  }

  storedUids(ref: ShardRef, generation: number, uids: readonly string[]): ReturnType<Store["storedUids"]> {
    return this.#closed ? unavailable() : this.#artifacts.storedUids(ref, generation, uids);
  }

  countArtifacts(taskId: string): ReturnType<Store["countArtifacts"]> {
    return this.#closed ? unavailable() : this.#artifacts.count(taskId);
  }

  // ---- limits

  takeSlot(limit: SlotLimit, holder: Attempt): ReturnType<Store["takeSlot"]> {
    return this.#closed ? unavailable() : this.#slots.take(limit, holder);
  }

  freeSlot(slot: HeldSlot): ReturnType<Store["freeSlot"]> {
    return this.#closed ? unavailable() : this.#slots.free(slot);
  }

  countHolders(keys: readonly string[]): ReturnType<Store["countHolders"]> {
    return this.#closed ? unavailable() : this.#slots.count(keys);
  }

  heldSlots(): ReturnType<Store["heldSlots"]> {
    return this.#closed ? unavailable() : this.#slots.held();
  }

  // ---- workers and dead letters

  announceWorker(worker: WorkerRecord, ttlMs: number): ReturnType<Store["announceWorker"]> {
    return this.#closed ? unavailable() : this.#workers.announce(worker, ttlMs);
  }

  removeWorker(id: string): ReturnType<Store["removeWorker"]> {
    return this.#closed ? unavailable() : this.#workers.remove(id);
  }

  liveWorkers(): ReturnType<Store["liveWorkers"]> {
    return this.#closed ? unavailable() : this.#workers.live();
  }

  addDeadLetter(letter: Omit<DeadLetter, "at">): ReturnType<Store["addDeadLetter"]> {
    return this.#closed ? unavailable() : this.#deadLetters.add(letter);
  }

  listDeadLetters(query: PageRequest): ReturnType<Store["listDeadLetters"]> {
    return this.#closed ? unavailable() : this.#deadLetters.list(query);
  }

  removeDeadLetter(id: string): ReturnType<Store["removeDeadLetter"]> {
    return this.#closed ? unavailable() : this.#deadLetters.remove(id);
  }

  // ---- the store itself

  async open(): Promise<void> {
    if (this.#closed) await unavailable();
  }

  /** Nothing survives this process anyway. */
  async settle(): Promise<void> {
    if (this.#closed) await unavailable();
  }

  async close(): Promise<void> {
    this.#closed = true;
  }
}

const unavailable = (): Promise<never> =>
  Promise.reject(new FlowError("STORE_UNAVAILABLE", "this memory store is closed", { retryable: true }));

function checkedLimit(keepFinishedTasks: number): number {
  if (Number.isInteger(keepFinishedTasks) && keepFinishedTasks >= 0) return keepFinishedTasks;
  throw new FlowError("ENGINE_OPTIONS", `keepFinishedTasks must be an integer of at least 0, got ${keepFinishedTasks}`);
}
