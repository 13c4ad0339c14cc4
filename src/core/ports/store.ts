import type { Metrics } from "../../definitions/index.ts";
import { FlowError, type Json, type JsonObject } from "../../errors/index.ts";
import type {
  Artifact,
  Attempt,
  AttemptReport,
  ClaimInit,
  DeadLetter,
  DispatchInit,
  EpochRef,
  Failure,
  NewArtifact,
  NewTask,
  Origin,
  ShardRecord,
  ShardRef,
  ShardStatus,
  TaskFailure,
  TaskRecord,
  TaskStatus,
  TaskSummary,
  VarsRecord,
  WorkerRecord,
  WriteAnswer,
} from "../model/records.ts";
import type { ExternalRows, PlainRows } from "./external-rows.ts";

/** How long a task that was given for a sweep isn't given again, at least, in ms. */
export const minSweepMs = 1;

/** What a reader finds that comes after the store has dropped what all consumers had read. */
export function artifactsDropped({ taskId, nodeId }: Pick<ShardRef, "taskId" | "nodeId">): FlowError {
  return new FlowError("ARTIFACTS_DROPPED", `the artifacts of node '${nodeId}' are not kept by this store any more`, {
    details: { taskId, nodeId },
  });
}

/** A page of a list; `cursor` is there when more follow, and means something to the same store only. */
export interface Page<TItem> {
  readonly items: readonly TItem[];
  readonly cursor?: string;
}

/** Which page of a list is asked for. */
export interface PageRequest {
  /** Where the page before ended. */
  readonly cursor?: string;
  /** 1 or more. */
  readonly limit: number;
}

/** How many may hold a slot of this name at once. */
export interface SlotLimit {
  readonly key: string;
  readonly max: number;
}

/** A slot and the claim that has it. The claim may be one that was never made, or lost: a sweep finds those. */
export interface HeldSlot {
  readonly key: string;
  readonly holder: Attempt;
}

/** An attempt that may be claimed. */
export interface QueuedRef extends EpochRef {
  readonly type: string;
}

/** Where a log stands: the next free seq, whether its complete marker is there, the last origin taken from each source. */
export interface Tail {
  readonly length: number;
  readonly closed: boolean;
  readonly origins: readonly Origin[];
}

/**
 * The truth. Every decision re-reads or compares-and-sets it.
 *
 * What an implementation promises:
 * - **Single-record atomicity.** A record is one task, one shard of a node, or one artifact. An operation that touches
 *   two of them may be interrupted in between; nothing needs two records to change together, and no read is a snapshot
 *   across records.
 * - **Its own clock.** Durations go in, never timestamps: only the store makes and judges deadlines.
 * - **Repeatable.** Every operation may be called again with the same arguments after an unknown outcome, and then gives
 *   the answer that the first call gave or would have given. For the writes of an attempt, (epoch, claim id) says "the
 *   same": the record keeps the claim id after the attempt ended.
 * - **Unreachable is not an answer.** A store that can't be reached rejects with `STORE_UNAVAILABLE` (retryable); what
 *   happened to the call is then unknown.
 * - **Values are shared.** What is given to a store belongs to it, and what it hands out may be frozen. JSON comes back as a
 *   JSON text would give it: -0 as 0, unpaired surrogates in strings and keys as they were.
 * - **Sizes are bounded.** A store may refuse a record that is larger than it can keep, with `RECORD_TOO_LARGE`, before
 *   anything of it is written.
 * - **Reads see** every write that this process was told of before they were called; of other processes, all that is
 *   settled. A write is judged by the latest state of its record, whoever wrote it, and what a process reads after a
 *   write of its own is never older than that write.
 * - **Settled before it leaves.** A store may acknowledge a write before it survives the process, as long as no other
 *   process can see or overtake it by then; what is told to the outside is settled first.
 */
export interface Store {
  // ---- tasks

  /** Inserts the task, `running`, due for a sweep at once. `exists` with the id that has it: same id or same idempotency key. */
  createTask(task: NewTask): Promise<{ readonly outcome: "created" | "exists"; readonly id: string }>;
  /** The task's record; `undefined` when there is none. */
  readTask(id: string): Promise<TaskRecord | undefined>;
  /** `running` without a failure -> `finished`. False: it was something else. */
  finishTask(id: string): Promise<boolean>;
  /** `running` -> `cancelling` with `failure`, due for a sweep now. False: it was something else; the first failure wins. */
  failTask(id: string, failure: TaskFailure): Promise<boolean>;
  /** `running` -> `cancelling` with the reason, due for a sweep now. */
  cancelTask(id: string, reason: string): Promise<"recorded" | "already" | "terminal" | "unknown">;
  /** `cancelling` -> `failed` when a failure is recorded, else `cancelled`. False: it was something else. */
  closeTask(id: string): Promise<boolean>;
  /**
   * Non-terminal tasks whose sweep is due, or will be within `aheadMs`, the first due first; each is then due in
   * `everyMs`, or in `minSweepMs` if that is more. So each is given to one caller only, and once, also where all call in
   * the same millisecond; `aheadMs` is less than `everyMs`, 0 unless it is given.
   */
  dueTasks(limit: number, everyMs: number, aheadMs?: number): Promise<string[]>;
  /** `running` tasks whose deadline has passed, and in how many ms the next one's does. */
  overdueTasks(limit: number): Promise<{ readonly overdue: string[]; readonly nextInMs: number | undefined }>;
  /** Tasks with one of these statuses, or all; the newest first. */
  listTasks(query: PageRequest & { readonly statuses?: readonly TaskStatus[] }): Promise<Page<TaskSummary>>;
  /**
   * Removes an ended task with all that is theirs, its idempotency key included. `borrowed`: a task that is still there
   * points at its artifacts. `open`: it hasn't ended. `unknown`: there is none, and nothing more of it: where a task and
   * its shards are several records, a dispatch that was on its way during the delete may have left one.
   */
  deleteTask(id: string): Promise<"deleted" | "unknown" | "open" | "borrowed">;
  /** Ids of up to `limit` tasks that ended at least `endedForMs` ago, the longest ended first. */
  endedTasks(query: { readonly endedForMs: number; readonly limit: number }): Promise<string[]>;
  /** The task's variables; `undefined` when there is no such task. */
  readVars(taskId: string): Promise<VarsRecord | undefined>;
  /**
   * Replaces the variables if they still have `version` and the task is `running`. `applied`: a change of this node is
   * in there already. `conflict`: another version. `closed`: the task isn't running any more.
   */
  writeVars(
    taskId: string,
    write: { readonly version: number; readonly vars: JsonObject; readonly appliedBy: string },
  ): Promise<"ok" | "applied" | "conflict" | "closed">;

  // ---- shards, by coordinators

  /** The shards of these nodes, or all of the task's, that have a record; by node in the order asked, then by shard. */
  readShards(taskId: string, nodeIds?: readonly string[]): Promise<ShardRecord[]>;
  /** Whether any shard of the node has stored a batch, in whatever generation. Once true, true for ever. */
  hasArtifacts(taskId: string, nodeId: string): Promise<boolean>;
  /** absent -> `queued`, epoch 1. `exists`: there is a record, a tombstone included. */
  dispatch(ref: ShardRef, init: DispatchInit): Promise<"dispatched" | "exists">;
  /** absent -> `finished`, with the artifacts, result and metrics of `finished`. `exists`: there is a record. */
  adopt(
    ref: ShardRef,
    from: { readonly type: string; readonly priority: number; readonly finished: ShardRecord },
  ): Promise<"adopted" | "exists">;
  /**
   * absent -> `cancelled` (a tombstone: a dispatch that was decided earlier then loses); `queued`, `deferred` ->
   * `cancelled`; `running` -> `cancelling`, to end within `graceMs`. Others stay. Returns the status afterwards.
   */
  cancelShard(ref: ShardRef, init: { readonly type: string; readonly graceMs: number }): Promise<ShardStatus>;
  /** Running or cancelling shards whose lease, or whose grace, ran out. A hint for `expire`. */
  expiredLeases(limit: number): Promise<EpochRef[]>;
  /**
   * Takes the lease away if it is still this epoch's and still run out, judged again at the write: `running` ->
   * `queued`, epoch + 1, lost + 1, or -> `failed` with `worker_lost` when it was lost more than `maxLost` times without
   * progress; a log longer than at every earlier loss is progress, and `lost` is 1 again. `cancelling` -> `cancelled`.
   * Returns the record afterwards; `undefined`: it was renewed or moved on.
   */
  expire(ref: EpochRef, maxLost: number): Promise<ShardRecord | undefined>;
  /** Deferred shards whose time has come, and in how many ms the next one's comes. */
  dueDeferred(limit: number): Promise<{ readonly due: EpochRef[]; readonly nextInMs: number | undefined }>;
  /** `deferred`, same epoch, due -> `queued`, epoch + 1. Returns the record afterwards; `undefined`: not so (any more). */
  requeue(ref: EpochRef): Promise<ShardRecord | undefined>;
  /**
   * `queued`, same epoch -> `queued`, epoch + 1: a claim of the old epoch that may still be on its way then can't win.
   * Returns the record afterwards; `undefined`: not so (any more).
   */
  supersede(ref: EpochRef): Promise<ShardRecord | undefined>;

  // ---- shards, by workers

  /**
   * Queued shards of these types, higher priority first, then earlier `readyAt`, then earlier queued; those of some
   * tasks left out, and with `onlyTasks` those of all others. A hint for `claim`.
   */
  peekQueue(
    types: readonly string[],
    limit: number,
    exceptTasks?: ReadonlySet<string>,
    onlyTasks?: ReadonlySet<string>,
  ): Promise<QueuedRef[]>;
  /** `queued`, same epoch -> `running` with a lease. One caller wins; the same claim id asks again and gets the same answer. */
  claim(ref: EpochRef, by: ClaimInit): Promise<ShardRecord | undefined>;
  /**
   * Moves the deadlines of held leases on to now + `leaseMs`, never back; a cancelling one is never renewed. One answer an
   * attempt, in order.
   */
  renew(attempts: readonly Attempt[], leaseMs: number): Promise<WriteAnswer[]>;
  /**
   * Holder, running: sets the generation and what it is built from, before the first append to it. The same values
   * again: `ok`. A generation below the record's, of a call that was long on its way, changes nothing: `fenced`.
   */
  restart(
    attempt: Attempt,
    to: { readonly generation: number; readonly sourceGens: Readonly<Record<string, number>> },
  ): Promise<WriteAnswer>;
  /**
   * Holder, running: sets what is given, in the record. About an output that is withdrawn, or overtaken by a later
   * report of the same attempt: `ok`, and nothing changes.
   */
  report(attempt: Attempt, report: AttemptReport): Promise<WriteAnswer>;
  /**
   * Reads the fence (the holder), then inserts the artifact at exactly the next seq. Its own artifact at that seq
   * already: `ok`. Another's, a closed log, or a seq that isn't the next: `conflict`. The uid is there under another
   * seq: `duplicate_uid`. A stale insert that was on its way when the lease was lost may land: it is a valid next entry.
   */
  append(
    attempt: Attempt,
    generation: number,
    artifact: NewArtifact,
  ): Promise<WriteAnswer | "conflict" | "duplicate_uid">;
  /**
   * Closes the log with the complete marker at seq `count`, then `running` -> `finished` with count, result and metrics.
   * `conflict`: the log's length isn't `count`. Recorded already: `ok`.
   */
  complete(
    attempt: Attempt,
    outcome: {
      readonly generation: number;
      readonly count: number;
      readonly result?: Json;
      readonly metrics?: Metrics;
    },
  ): Promise<WriteAnswer | "conflict">;
  /**
   * `running` -> `failed` when `permanent` or when this is failure number `maxFailures`, else `deferred` for `delayMs`;
   * failures + 1. Recorded already: `ok`.
   */
  fail(
    attempt: Attempt,
    how: {
      readonly failure: Failure;
      readonly permanent: boolean;
      readonly delayMs: number;
      readonly maxFailures: number;
    },
  ): Promise<WriteAnswer>;
  /** `running` -> `deferred` for `delayMs`, yields + 1: neither a failure nor a lost lease. Recorded already: `ok`. */
  release(attempt: Attempt, delayMs: number): Promise<WriteAnswer>;
  /** Holder, `cancelling` -> `cancelled`. Recorded already: `ok`. */
  confirmCancelled(attempt: Attempt): Promise<WriteAnswer>;

  // ---- artifacts

  /**
   * Up to `limit` artifacts from seq `from` on, in order, without gaps. Markers aren't artifacts. Rejects with
   * `ARTIFACTS_DROPPED` where a store that doesn't keep all of them has dropped the one at `from`.
   */
  readArtifacts(ref: ShardRef, generation: number, from: number, limit: number): Promise<readonly Artifact[]>;
  /** Where the log of this generation stands; an empty one when nothing was appended. */
  tail(ref: ShardRef, generation: number): Promise<Tail>;
  /**
   * Uids of up to `limit` artifacts from seq `from` on, in order, without gaps. None where a store that doesn't keep all
   * artifacts has dropped the one at `from`, though `storedUids` may still know it.
   */
  readUids(ref: ShardRef, generation: number, from: number, limit: number): Promise<readonly string[]>;
  /** Which of these uids the log has. */
  storedUids(ref: ShardRef, generation: number, uids: readonly string[]): Promise<Set<string>>;
  /** How many artifacts each shard of the task has in its current generation. For progress, not for decisions. */
  countArtifacts(
    taskId: string,
  ): Promise<{ readonly nodeId: string; readonly shard: number; readonly count: number }[]>;

  // ---- limits

  /**
   * Adds the holder to those of the limit `key`, which is one record. It is there already: `ok`, also when the limit was
   * lowered since. `full`: `max` others are there.
   */
  takeSlot(limit: SlotLimit, holder: Attempt): Promise<"ok" | "full">;
  /** Removes the holder; one that isn't there is no error. */
  freeSlot(slot: HeldSlot): Promise<void>;
  /** How many holders each of these limits has: a hint, for who asks only where there may be room. */
  countHolders(keys: readonly string[]): Promise<readonly number[]>;
  /** All holders of all limits. A hint for `freeSlot`, which a sweep calls when the shard's record has moved on. */
  heldSlots(): Promise<HeldSlot[]>;

  // ---- workers and dead letters

  /** Says that the worker is alive, for the next `ttlMs`. */
  announceWorker(worker: WorkerRecord, ttlMs: number): Promise<void>;
  /** The worker is gone; one that isn't known is no error. */
  removeWorker(id: string): Promise<void>;
  /** The workers that are alive by the store's clock. For people and for `explain`, not for decisions. */
  liveWorkers(): Promise<WorkerRecord[]>;
  /** Keeps the letter; one with the same id that is there already stays. */
  addDeadLetter(letter: Omit<DeadLetter, "at">): Promise<void>;
  /** The newest first. */
  listDeadLetters(query: PageRequest): Promise<Page<DeadLetter>>;
  /** False: there is none with this id. */
  removeDeadLetter(id: string): Promise<boolean>;

  /** Absent where no other program writes artifacts. */
  readonly externalRows?: ExternalRows | undefined;
  /** The artifacts alone, for a database of another program's coordinators. */
  readonly plainRows?: PlainRows | undefined;

  // ---- the store itself

  /** Connects and creates what is missing. Called once, before anything else. */
  open(): Promise<void>;
  /** Resolves when all that was acknowledged so far survives the end of this process. */
  settle(): Promise<void>;
  /** Ends the connection; later calls reject with `STORE_UNAVAILABLE`. May be called twice. */
  close(): Promise<void>;
  /** There where this process can hold a lock that other processes wait for: none is held while handler code runs. */
  readonly handlerGate?: HandlerGate | undefined;
}

/**
 * Handler code may compute for seconds, in which this process can release nothing. Synchronous, and no promise a call:
 * it is passed at every batch.
 */
export interface HandlerGate {
  /**
   * Asked before handler code is called. `undefined`: no lock is held, and none will be whenever such code goes on, until
   * it leaves. A promise: one is held, ask again when it resolves.
   */
  enter(): Promise<void> | undefined;
  /** The code has returned, or the promise that it returned has settled. */
  leave(): void;
}

/** What a worker asks of it. */
export interface WorkerStore
  extends Pick<
    Store,
    | "readVars"
    | "writeVars"
    | "readShards"
    | "peekQueue"
    | "claim"
    | "renew"
    | "restart"
    | "report"
    | "append"
    | "complete"
    | "fail"
    | "release"
    | "confirmCancelled"
    | "readArtifacts"
    | "tail"
    | "readUids"
    | "storedUids"
    | "takeSlot"
    | "freeSlot"
    | "countHolders"
    | "announceWorker"
    | "removeWorker"
    | "deleteTask"
    | "handlerGate"
  > {
  /** The task, or what is known of it so far. `undefined`: there is none. */
  readTask(id: string): Promise<WorkerTask | undefined>;
}

/** What a worker looks at of a task. */
export interface WorkerTask extends Pick<TaskRecord, "graph" | "params" | "traceparent"> {
  /** Only a part of its graph is known yet: read it again each time. */
  readonly isPartial?: true;
}
