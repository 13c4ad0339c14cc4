import type { Attempt, DeadLetter, EpochRef, ShardRef, TaskFailure, WorkerRecord } from "../../core/model/records.ts";
import type {
  AttemptReport,
  DispatchInit,
  HandlerGate,
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
import { Queue } from "./queue.ts";
import { Session } from "./session.ts";
import { ShardTable } from "./shard-table.ts";
import { sharedFile } from "./shared-file.ts";
import { SlotTable } from "./slot-table.ts";
import type { StoreParts } from "./store-parts.ts";
import { TaskLists } from "./task-lists.ts";
import { TaskTable } from "./task-table.ts";
import { WorkerTable } from "./worker-table.ts";

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
  if (commit !== "turn" && commit !== "call") {
    throw new FlowError("ENGINE_OPTIONS", `sqliteStore: commit must be "turn" or "call", got ${String(commit)}`);
  }
  if (synchronous !== "normal" && synchronous !== "full") {
    throw new FlowError(
      "ENGINE_OPTIONS",
      `sqliteStore: synchronous must be "normal" or "full", got ${String(synchronous)}`,
    );
  }
  if (!Number.isInteger(busyMs) || busyMs < 0 || busyMs > longestBusyMs) {
    throw new FlowError(
      "ENGINE_OPTIONS",
      `sqliteStore: busyMs must be an integer from 0 to ${longestBusyMs}, got ${busyMs}`,
    );
  }
  const file = sharedFile({ path, commit, synchronous, busyMs });
  const { tasks, shards, lengths, queue } = file;
  return new SqliteStore({ connection: new Session(file), now, tasks, shards, lengths, queue });
}

class SqliteStore implements Store {
  readonly #session: Session;
  readonly #tasks: TaskTable;
  readonly #lists: TaskLists;
  readonly #shards: ShardTable;
  readonly #queue: Queue;
  readonly #attempts: AttemptWrites;
  readonly #artifacts: ArtifactReads;
  readonly #slots: SlotTable;
  readonly #workers: WorkerTable;
  readonly #deadLetters: DeadLetterTable;

  constructor(parts: StoreParts) {
    this.#session = parts.connection;
    this.#tasks = new TaskTable(parts);
    this.#lists = new TaskLists(parts);
    this.#shards = new ShardTable(parts);
    this.#queue = new Queue(parts);
    this.#attempts = new AttemptWrites(parts);
    this.#artifacts = new ArtifactReads(parts);
    this.#slots = new SlotTable(parts);
    this.#workers = new WorkerTable(parts);
    this.#deadLetters = new DeadLetterTable(parts);
  }

  // ---- tasks

  createTask(task: NewTask): ReturnType<Store["createTask"]> {
    return this.#tasks.create(task);
  }

  readTask(id: string): ReturnType<Store["readTask"]> {
    return this.#tasks.read(id);
  }

  finishTask(id: string): ReturnType<Store["finishTask"]> {
    return this.#tasks.finish(id);
  }

  failTask(id: string, failure: TaskFailure): ReturnType<Store["failTask"]> {
    return this.#tasks.fail(id, failure);
  }

  cancelTask(id: string, reason: string): ReturnType<Store["cancelTask"]> {
    return this.#tasks.cancel(id, reason);
  }

  closeTask(id: string): ReturnType<Store["closeTask"]> {
    return this.#tasks.close(id);
  }

  dueTasks(limit: number, everyMs: number, aheadMs = 0): ReturnType<Store["dueTasks"]> {
    return this.#lists.due(limit, { everyMs, aheadMs });
  }

  overdueTasks(limit: number): ReturnType<Store["overdueTasks"]> {
    return this.#lists.overdue(limit);
  }

  listTasks(query: Parameters<Store["listTasks"]>[0]): ReturnType<Store["listTasks"]> {
    return this.#lists.list(query);
  }

  deleteTask(id: string): ReturnType<Store["deleteTask"]> {
    return this.#tasks.delete(id);
  }

  endedTasks(query: Parameters<Store["endedTasks"]>[0]): ReturnType<Store["endedTasks"]> {
    return this.#lists.ended(query);
  }

  readVars(taskId: string): ReturnType<Store["readVars"]> {
    return this.#tasks.readVars(taskId);
  }

  writeVars(taskId: string, write: Parameters<Store["writeVars"]>[1]): ReturnType<Store["writeVars"]> {
    return this.#tasks.writeVars(taskId, write);
  }

  // ---- shards, by coordinators

  readShards(taskId: string, nodeIds?: readonly string[]): ReturnType<Store["readShards"]> {
    return this.#shards.read(taskId, nodeIds);
  }

  hasArtifacts(taskId: string, nodeId: string): ReturnType<Store["hasArtifacts"]> {
    return this.#shards.hasArtifacts(taskId, nodeId);
  }

  dispatch(ref: ShardRef, init: DispatchInit): ReturnType<Store["dispatch"]> {
    return this.#shards.dispatch(ref, init);
  }

  adopt(ref: ShardRef, from: Parameters<Store["adopt"]>[1]): ReturnType<Store["adopt"]> {
    return this.#shards.adopt(ref, from);
  }

  cancelShard(ref: ShardRef, init: Parameters<Store["cancelShard"]>[1]): ReturnType<Store["cancelShard"]> {
    return this.#shards.cancel(ref, init);
  }

  expiredLeases(limit: number): ReturnType<Store["expiredLeases"]> {
    return this.#queue.expired(limit);
  }

  expire(ref: EpochRef, maxLost: number): ReturnType<Store["expire"]> {
    return this.#shards.expire(ref, maxLost);
  }

  dueDeferred(limit: number): ReturnType<Store["dueDeferred"]> {
    return this.#queue.dueDeferred(limit);
  }

  requeue(ref: EpochRef): ReturnType<Store["requeue"]> {
    return this.#shards.requeue(ref);
  }

  supersede(ref: EpochRef): ReturnType<Store["supersede"]> {
    return this.#shards.supersede(ref);
  }

  // ---- shards, by workers

  peekQueue(...args: Parameters<Store["peekQueue"]>): ReturnType<Store["peekQueue"]> {
    return this.#queue.peek(...args);
  }

  claim(ref: EpochRef, by: Parameters<Store["claim"]>[1]): ReturnType<Store["claim"]> {
    return this.#attempts.claim(ref, by);
  }

  renew(attempts: readonly Attempt[], leaseMs: number): ReturnType<Store["renew"]> {
    return this.#attempts.renew(attempts, leaseMs);
  }

  restart(attempt: Attempt, to: Parameters<Store["restart"]>[1]): ReturnType<Store["restart"]> {
    return this.#attempts.restart(attempt, to);
  }

  report(attempt: Attempt, report: AttemptReport): ReturnType<Store["report"]> {
    return this.#attempts.report(attempt, report);
  }

  append(attempt: Attempt, generation: number, artifact: NewArtifact): ReturnType<Store["append"]> {
    return this.#attempts.append(attempt, generation, artifact);
  }

  complete(attempt: Attempt, outcome: Parameters<Store["complete"]>[1]): ReturnType<Store["complete"]> {
    return this.#attempts.complete(attempt, outcome);
  }

  fail(attempt: Attempt, how: Parameters<Store["fail"]>[1]): ReturnType<Store["fail"]> {
    return this.#attempts.fail(attempt, how);
  }

  release(attempt: Attempt, delayMs: number): ReturnType<Store["release"]> {
    return this.#attempts.release(attempt, delayMs);
  }

  confirmCancelled(attempt: Attempt): ReturnType<Store["confirmCancelled"]> {
    return this.#attempts.confirmCancelled(attempt);
  }

  // ---- artifacts

  readArtifacts(ref: ShardRef, generation: number, from: number, limit: number): ReturnType<Store["readArtifacts"]> {
    return this.#artifacts.read(ref, { generation, from, limit });
  }

  tail(ref: ShardRef, generation: number): ReturnType<Store["tail"]> {
    return this.#artifacts.tail(ref, generation);
  }

  readUids(ref: ShardRef, generation: number, from: number, limit: number): ReturnType<Store["readUids"]> {
    return this.#artifacts.readUids(ref, { generation, from, limit });
  }

  storedUids(ref: ShardRef, generation: number, uids: readonly string[]): ReturnType<Store["storedUids"]> {
    return this.#artifacts.storedUids(ref, generation, uids);
  }

  countArtifacts(taskId: string): ReturnType<Store["countArtifacts"]> {
    return this.#artifacts.count(taskId);
  }

  // ---- limits

  takeSlot(limit: SlotLimit, holder: Attempt): ReturnType<Store["takeSlot"]> {
    return this.#slots.take(limit, holder);
  }

  freeSlot(slot: HeldSlot): ReturnType<Store["freeSlot"]> {
    return this.#slots.free(slot);
  }

  countHolders(keys: readonly string[]): ReturnType<Store["countHolders"]> {
    return this.#slots.count(keys);
  }

  heldSlots(): ReturnType<Store["heldSlots"]> {
    return this.#slots.held();
  }

  // ---- workers and dead letters

  announceWorker(worker: WorkerRecord, ttlMs: number): ReturnType<Store["announceWorker"]> {
    return this.#workers.announce(worker, ttlMs);
  }

  removeWorker(id: string): ReturnType<Store["removeWorker"]> {
    return this.#workers.remove(id);
  }

  liveWorkers(): ReturnType<Store["liveWorkers"]> {
    return this.#workers.live();
  }

  addDeadLetter(letter: Omit<DeadLetter, "at">): ReturnType<Store["addDeadLetter"]> {
    return this.#deadLetters.add(letter);
  }

  listDeadLetters(query: PageRequest): ReturnType<Store["listDeadLetters"]> {
    return this.#deadLetters.list(query);
  }

  removeDeadLetter(id: string): ReturnType<Store["removeDeadLetter"]> {
    return this.#deadLetters.remove(id);
  }

  // ---- the store itself

  async open(): Promise<void> {
    this.#session.open();
  }

  get handlerGate(): HandlerGate {
    return this.#session;
  }

  async settle(): Promise<void> {
    await this.#session.settled();
  }

  async close(): Promise<void> {
    this.#session.close();
  }
}
