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
import { ArtifactLogs } from "./artifact-logs.ts";
import { AttemptWrites } from "./attempt-writes.ts";
import { DeadLetterTable } from "./dead-letter-table.ts";
import { ExternalArtifacts } from "./external-artifacts.ts";
import { type CheckedOptions, checkedOptions, type MongoStoreOptions } from "./mongo-options.ts";
import { OrderKeys } from "./order-keys.ts";
import { PlainArtifacts } from "./plain-artifacts.ts";
import { Queue } from "./queue.ts";
import { Retention } from "./retention.ts";
import { Session } from "./session.ts";
import { ShardTable } from "./shard-table.ts";
import { SlotTable } from "./slot-table.ts";
import { checkedId, type StoreParts } from "./store-parts.ts";
import { TaskLists } from "./task-lists.ts";
import { removeTask } from "./task-removal.ts";
import { TaskTable } from "./task-table.ts";
import { WorkerTable } from "./worker-table.ts";

export interface MongoStore extends Store {
  /**
   * Creates the collections and indexes that are missing; to be called again, and by several processes, as one likes.
   *
   * @throws FlowError `STORE_UNAVAILABLE`, and `STORE_VERSION` for a database of a newer layout
   */
  migrate(): Promise<void>;
}

/**
 * A store in a MongoDB database, for any number of processes on any number of machines. It needs no transactions, so a
 * single server will do; deadlines are made and judged by the server's clock.
 *
 * @example
 * await using engine = await createEngine({ handlers: etl.handlers, store: mongoStore({ url: "mongodb://db/flowkit" }) })
 *
 * @throws FlowError `ENGINE_OPTIONS`; from `open`: `STORE_UNAVAILABLE`, and `STORE_VERSION` for a database of a newer
 *   layout, or without indexes when it may not create them
 */
export function mongoStore(options: MongoStoreOptions): MongoStore {
  return new DocumentStore(checkedOptions(options));
}

class DocumentStore implements MongoStore {
  readonly #parts: StoreParts;
  readonly #tasks: TaskTable;
  readonly #lists: TaskLists;
  readonly #retention: Retention;
  readonly #shards: ShardTable;
  readonly #queue: Queue;
  readonly #logs: ArtifactLogs;
  readonly #attempts: AttemptWrites;
  readonly #slots: SlotTable;
  readonly #workers: WorkerTable;
  readonly #deadLetters: DeadLetterTable;
  /** Other programs know the collections by their own names. */
  readonly externalRows: ExternalArtifacts | undefined;
  readonly plainRows: PlainArtifacts | undefined;

  constructor(options: CheckedOptions) {
    const parts: StoreParts = { session: new Session(options.session), orderKeys: new OrderKeys() };
    this.#parts = parts;
    this.#tasks = new TaskTable(parts);
    this.#lists = new TaskLists(parts);
    this.#retention = new Retention(parts, { lists: this.#lists, keptMs: options.keepEndedMs });
    this.#logs = new ArtifactLogs(parts);
    this.#shards = new ShardTable(parts, this.#logs);
    this.#queue = new Queue(parts);
    this.#attempts = new AttemptWrites(parts, this.#logs);
    this.externalRows =
      options.session.prefix === ""
        ? new ExternalArtifacts(parts, { logs: this.#logs, fence: (attempt) => this.#attempts.holds(attempt) })
        : undefined;
    this.plainRows = options.session.prefix === "" ? new PlainArtifacts(parts) : undefined;
    this.#slots = new SlotTable(parts);
    this.#workers = new WorkerTable(parts);
    this.#deadLetters = new DeadLetterTable(parts, { keptMs: options.keepDeadLettersMs });
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

  async dueTasks(limit: number, everyMs: number, aheadMs = 0): ReturnType<Store["dueTasks"]> {
    this.#retention.begin();
    return this.#lists.due(limit, { everyMs, aheadMs });
  }

  overdueTasks(limit: number): ReturnType<Store["overdueTasks"]> {
    return this.#lists.overdue(limit);
  }

  listTasks(query: Parameters<Store["listTasks"]>[0]): ReturnType<Store["listTasks"]> {
    return this.#lists.list(query);
  }

  async deleteTask(id: string): ReturnType<Store["deleteTask"]> {
    return removeTask(this.#parts, checkedId(id));
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
    return this.#logs.read(ref, { generation, from, limit });
  }

  tail(ref: ShardRef, generation: number): ReturnType<Store["tail"]> {
    return this.#logs.tail(ref, generation);
  }

  readUids(ref: ShardRef, generation: number, from: number, limit: number): ReturnType<Store["readUids"]> {
    return this.#logs.uids(ref, { generation, from, limit });
  }

  storedUids(ref: ShardRef, generation: number, uids: readonly string[]): ReturnType<Store["storedUids"]> {
    return this.#logs.stored(ref, generation, uids);
  }

  async countArtifacts(taskId: string): ReturnType<Store["countArtifacts"]> {
    return this.#logs.count(await this.#shards.read(taskId));
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
    await this.#parts.session.open();
  }

  async migrate(): Promise<void> {
    await this.#parts.session.migrate();
  }

  /** Nothing to do: what was acknowledged is on a majority of the servers. */
  async settle(): Promise<void> {
    this.#parts.session.check();
  }

  async close(): Promise<void> {
    await this.#parts.session.close();
    await this.#retention.settled();
  }
}
