import { FlowError, type JsonObject } from "../../errors/index.ts";
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
  NewSignal,
  NewTask,
  NextClaim,
  Origin,
  Outcome,
  OutcomeWithLast,
  RenewAnswer,
  ShardRecord,
  ShardRef,
  ShardStatus,
  Signal,
  SignalAnswer,
  TaskFailure,
  TaskRecord,
  TaskStatus,
  TaskSummary,
  VarsRecord,
  WorkerRecord,
  WriteAnswer,
} from "../model/records.ts";
import type { ExternalRows, PlainRows } from "./external-rows.ts";
import type { DueLook, Page, PageRequest, Registry } from "./registry.ts";

/** Minimum time between two sweeps of one task, in ms. */
export const minSweepMs = 1;

/** Which tasks a list contains. */
export interface TaskQuery extends PageRequest {
  readonly statuses?: readonly TaskStatus[];
  /** Child tasks: `all` includes them; `of` selects those of one task. @defaultValue none */
  readonly children?: "all" | { readonly of: string };
}

/** The error for reading artifacts that the store dropped after all consumers had read them. */
export function artifactsDropped({ taskId, nodeId }: Pick<ShardRef, "taskId" | "nodeId">): FlowError {
  return new FlowError("ARTIFACTS_DROPPED", `the artifacts of node '${nodeId}' are no longer kept by this store`, {
    details: { taskId, nodeId },
  });
}

/** The number of slots under this key. */
export interface SlotLimit {
  readonly key: string;
  readonly max: number;
}

/** A slot and the claim that has it. The claim may have failed, or its worker may have died: a sweep finds those. */
export interface HeldSlot {
  readonly key: string;
  readonly holder: Attempt;
}

/** An attempt that can be claimed. */
export interface QueuedRef extends EpochRef {
  readonly type: string;
  /** Of its task, where it is known. */
  readonly priority?: number;
}

/** What `completeAndClaim` answers. */
export interface CompleteAndClaimAnswer {
  readonly answer: WriteAnswer | "conflict" | "duplicate_uid";
  /** The record of the next shard, if this call claimed it. */
  readonly claimed?: ShardRecord | undefined;
}

/** The state of a log: its next free seq, whether it has its complete marker, and the last origin of each source. */
export interface Tail {
  readonly length: number;
  readonly closed: boolean;
  readonly origins: readonly Origin[];
}

/** Synchronous if the store has its records in memory. */
export type Answer<T> = T | Promise<T>;

/**
 * The source of truth. Every decision reads it again or compares-and-sets it.
 *
 * An implementation guarantees:
 * - **Single-record atomicity.** A record is one task, one shard of a node, or one artifact. An operation on two
 *   records may be interrupted in between; nothing requires two records to change together, and no read is a snapshot
 *   across records.
 * - **Its own clock.** Callers pass durations, never timestamps: only the store sets and judges deadlines.
 * - **Repeatable.** After an unknown outcome, every operation may be called again with the same arguments, and then
 *   returns the answer that the first call returned or would have returned. Writes of an attempt are identified by
 *   (epoch, claim id): the record keeps the claim id after the attempt has ended.
 * - **Unreachable is not an answer.** An unreachable store rejects with `STORE_UNAVAILABLE` (retryable); the outcome of
 *   the call is then unknown.
 * - **Values are shared.** A store owns the values it is given, and may return frozen ones. JSON is returned as after a
 *   round trip through JSON text: -0 as 0, unpaired surrogates in strings and keys unchanged.
 * - **Sizes are bounded.** A store may refuse a record above its size limit with `RECORD_TOO_LARGE`, before it writes
 *   any of it.
 * - **Reads see** every write that was acknowledged to this process before the call, and everything that other
 *   processes have settled. A write is judged by the latest state of its record, whichever process wrote it, and a
 *   process never reads anything older than its own writes.
 * - **Settled before it leaves.** A store may acknowledge a write before it is durable, as long as no other process can
 *   see or overtake it by then; callers settle before they send anything to the outside.
 */
export interface Store extends Registry {
  // ---- tasks

  /**
   * Inserts the task, `running`, due for a sweep immediately. `exists` with the id of the task that has the same id or
   * idempotency key.
   */
  createTask(task: NewTask): Promise<{ readonly outcome: "created" | "exists"; readonly id: string }>;
  /** The task's record; `undefined` if there is none. */
  readTask(id: string): Promise<TaskRecord | undefined>;
  /** `running` without a failure -> `finished`. False: it had another status. */
  finishTask(id: string): Promise<boolean>;
  /**
   * `running` -> `cancelling` with `failure`, due for a sweep now. False: it had another status; the first failure
   * wins. A failure without a node sets `cancelsAll`, also of a `cancelling` task past its deadline.
   */
  failTask(id: string, failure: TaskFailure): Promise<boolean>;
  /** `running` -> `cancelling` with the reason, due for a sweep now. With `all`, a `cancelling` one gets `cancelsAll`. */
  cancelTask(id: string, reason: string, all?: boolean): Promise<"recorded" | "already" | "terminal" | "unknown">;
  /**
   * Pauses or resumes a `running` task, due for a sweep now: while it is paused, shards are dispatched as `deferred`,
   * with the mark of a pause. `already`: it is in the requested state.
   */
  pauseTask(id: string, paused: boolean): Promise<"recorded" | "already" | "terminal" | "unknown">;
  /**
   * Stores the first outcome of a node's wait: its signal or, without a payload, its timeout. The task is due for a
   * sweep now. Returns the stored outcome, if there is one.
   */
  signalTask(id: string, signal: NewSignal): Promise<{ readonly answer: SignalAnswer; readonly signal?: Signal }>;
  /** `cancelling` -> `failed` if a failure is recorded, otherwise `cancelled`. False: it had another status. */
  closeTask(id: string): Promise<boolean>;
  /**
   * Non-terminal tasks whose sweep is due, or will be within `aheadMs`, in the order of their due times; each is next
   * due in `everyMs`, or in `minSweepMs` if that is more. So each is returned to one caller only, even if several call
   * in the same millisecond; `aheadMs` is less than `everyMs` and defaults to 0.
   */
  dueTasks(limit: number, everyMs: number, aheadMs?: number): Promise<string[]>;
  /** `running` tasks whose deadline has passed, and the time until the next deadline. */
  overdueTasks(limit: number): Promise<{ readonly overdue: string[]; readonly nextInMs: number | undefined }>;
  /** Tasks with one of these statuses, or all tasks; the newest first. */
  listTasks(query: TaskQuery): Promise<Page<TaskSummary>>;
  /**
   * Deletes an ended task with everything that belongs to it, including its idempotency key. `borrowed`: an existing
   * task refers to its artifacts, or a node of one runs it. `open`: it has not ended. `unknown`: it does not exist. If a task and its shards are
   * separate records, this also removes what a dispatch left that was in flight during the delete.
   */
  deleteTask(id: string): Promise<"deleted" | "unknown" | "open" | "borrowed">;
  /**
   * Ids of up to `limit` tasks that ended at least `endedForMs` ago, the oldest first. It may omit tasks that a node of
   * an existing task runs.
   */
  endedTasks(query: { readonly endedForMs: number; readonly limit: number }): Promise<string[]>;
  /** The task's variables; `undefined` if there is no such task. */
  readVars(taskId: string): Promise<VarsRecord | undefined>;
  /**
   * Replaces the variables if they still have `version` and the task has not ended. `applied`: they already contain this
   * node's update. `conflict`: the version differs. `closed`: the task has ended.
   */
  writeVars(
    taskId: string,
    write: { readonly version: number; readonly vars: JsonObject; readonly appliedBy: string },
  ): Promise<"ok" | "applied" | "conflict" | "closed">;

  // ---- shards, by coordinators

  /**
   * The records of these nodes' shards, or of all of the task; by node in the order requested, then by shard.
   * `mayDispatch`: a dispatch is likely to follow at once, so the store may read the task along with them.
   */
  readShards(taskId: string, nodeIds?: readonly string[], mayDispatch?: boolean): Promise<ShardRecord[]>;
  /** Whether any shard of the node has stored a batch, in any generation. Never changes from true to false. */
  hasArtifacts(taskId: string, nodeId: string): Promise<boolean>;
  /**
   * absent -> `queued`, epoch 1, in the generation of `carried`; with a delay, or if its task is paused, -> `deferred`.
   * `exists`: there is a record, possibly a tombstone. If it is `dispatched`, calls `announce` once others see the
   * record: possibly before it has the mark of a pause that was recorded during the call.
   */
  dispatch(ref: ShardRef, init: DispatchInit, announce?: () => Promise<void>): Promise<"dispatched" | "exists">;
  /**
   * `dispatch` and `claim` in one write: absent -> `running`, epoch 1, with a lease; `deferred` if its task is paused.
   * Returns the record if this call claimed it; a repeated call gets the same answer.
   */
  dispatchClaimed(next: NextClaim): Answer<ShardRecord | undefined>;
  /** absent -> `skipped`, with a closed, empty log. `exists`: likewise. */
  skip(ref: ShardRef, init: Pick<DispatchInit, "type" | "priority">): Promise<"skipped" | "exists">;
  /** absent -> `finished` or `skipped`, like `ended`, with its artifacts, result and metrics. `exists`: likewise. */
  adopt(
    ref: ShardRef,
    from: { readonly type: string; readonly priority: number; readonly ended: ShardRecord },
  ): Promise<"adopted" | "exists">;
  /**
   * absent -> `cancelled` (a tombstone, so that a dispatch decided earlier loses); `queued`, `deferred` -> `cancelled`;
   * `running` -> `cancelling`, to end within `graceMs`. Other statuses stay. Returns the status afterwards. A tombstone
   * keeps what a dispatch would have carried, for a retry of the retry.
   */
  cancelShard(
    ref: ShardRef,
    init: Pick<DispatchInit, "type" | "carried"> & { readonly graceMs: number },
  ): Promise<ShardStatus>;
  /** Running or cancelling shards whose lease or grace period has expired. A hint for `expire`. */
  expiredLeases(limit: number): Promise<EpochRef[]>;
  /**
   * Removes the lease if it still has this epoch and is still expired, as judged again by the write: `running` ->
   * `queued`, epoch + 1, lost + 1, or -> `failed` with `worker_lost` if it was lost more than `maxLost` times without
   * progress. A log longer than at every earlier loss is progress, and resets `lost` to 1. `cancelling` -> `cancelled`.
   * Returns the record afterwards; `undefined`: it was renewed or changed.
   */
  expire(ref: EpochRef, maxLost: number): Promise<ShardRecord | undefined>;
  /** `failed` -> `failed`, with its log closed at its current length. No effect if it is closed, or has another status. */
  closeFailed(ref: ShardRef): Promise<void>;
  /** Deferred shards that are due, and the time until the next one is. */
  dueDeferred(limit: number): Promise<{ readonly due: EpochRef[]; readonly nextInMs: number | undefined }>;
  /**
   * `deferred`, same epoch, due -> `queued`, epoch + 1. Returns the record afterwards; `undefined`: it was not in this
   * state.
   */
  requeue(ref: EpochRef): Promise<ShardRecord | undefined>;
  /** `deferred`, epoch 1 -> `queued`, epoch 2, before it is due. Returns the record afterwards, if it was in this state. */
  wake(ref: EpochRef): Promise<ShardRecord | undefined>;
  /**
   * Marks an open shard of a paused task: `queued` -> `deferred`, without a due time; a `deferred` one loses its due
   * time; a `running` one must end after its current batches, as renewals answer. Returns the record afterwards;
   * `undefined`: it was already marked, or is not open.
   */
  pauseShard(ref: ShardRef): Promise<ShardRecord | undefined>;
  /** Removes the mark: a `deferred` shard is due when it would have been. `undefined`: it was not marked. */
  resumeShard(ref: ShardRef): Promise<ShardRecord | undefined>;
  /**
   * `queued`, same epoch -> `queued`, epoch + 1, so that a claim of the old epoch that is still in flight cannot win.
   * Returns the record afterwards; `undefined`: it was not in this state.
   */
  supersede(ref: EpochRef): Promise<ShardRecord | undefined>;

  /** Which sweeps would find something, for tasks within `aheadMs`, in one request. A hint. Absent where sweeps are cheap. */
  lookForDue?(aheadMs: number): Promise<DueLook>;

  // ---- shards, by workers

  /**
   * Queued shards of these types: higher priority first, then earlier `readyAt`, then queued earlier. Omits
   * `exceptTasks`; with `onlyTasks`, all other tasks; with `below`, that priority and higher ones. A hint for `claim`.
   */
  peekQueue(
    types: readonly string[],
    limit: number,
    exceptTasks?: ReadonlySet<string>,
    onlyTasks?: ReadonlySet<string>,
    below?: number,
  ): Promise<QueuedRef[]>;
  /**
   * `queued`, same epoch -> `running` with a lease. One caller wins; a repeated call with its claim id gets the same
   * answer.
   */
  claim(ref: EpochRef, by: ClaimInit): Promise<ShardRecord | undefined>;
  /**
   * Extends the leases of these attempts to now + `leaseMs`, never shortens them; the lease of a cancelling one is not
   * renewed. One answer per attempt, in order.
   */
  renew(attempts: readonly Attempt[], leaseMs: number): Promise<RenewAnswer[]>;
  /**
   * Owner, running: sets the generation and the source generations that it is built from, before the first append to it.
   * Repeated with the same values: `ok`. A delayed call with a generation below the record's changes nothing: `fenced`.
   */
  restart(
    attempt: Attempt,
    to: { readonly generation: number; readonly sourceGens: Readonly<Record<string, number>> },
  ): Promise<WriteAnswer>;
  /**
   * Owner, running: sets the given fields in the record. A report about a withdrawn output, or overtaken by a later
   * report of the same attempt, changes nothing: `ok`.
   */
  report(attempt: Attempt, report: AttemptReport): Promise<WriteAnswer>;
  /**
   * Checks the fence, then inserts the artifact at exactly the next seq. `ok` also if the attempt's own artifact is
   * already there. `conflict`: another artifact is there, the log is closed, or the seq is not the next.
   * `duplicate_uid`: the uid exists at another seq. A stale insert that was in flight when the lease was lost may
   * succeed: it is a valid next entry.
   */
  append(
    attempt: Attempt,
    generation: number,
    artifact: NewArtifact,
  ): Answer<WriteAnswer | "conflict" | "duplicate_uid">;
  /**
   * Closes the log with the complete marker at seq `count`, then `running` -> `finished` with count, result and
   * metrics. `conflict`: the length of the log is not `count`. Already recorded: `ok`.
   */
  complete(attempt: Attempt, outcome: Outcome): Answer<WriteAnswer | "conflict">;
  /** `append` of `last`, `complete`, then `dispatchClaimed` of `next`; in one write if the store can. */
  completeAndClaim(attempt: Attempt, outcome: OutcomeWithLast, next?: NextClaim): Answer<CompleteAndClaimAnswer>;
  /**
   * `running` -> `failed` if `permanent` or if this is failure number `maxFailures`, otherwise `deferred` for
   * `delayMs`; failures + 1. Already recorded: `ok`.
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
  /** `running` -> `deferred` for `delayMs`, yields + 1: neither a failure nor a lost lease. Already recorded: `ok`. */
  release(attempt: Attempt, delayMs: number): Promise<WriteAnswer>;
  /** Owner, `cancelling` -> `cancelled`. Already recorded: `ok`. */
  confirmCancelled(attempt: Attempt): Promise<WriteAnswer>;

  // ---- artifacts

  /**
   * Up to `limit` artifacts from seq `from` on, in order, without gaps and without markers. Rejects with
   * `ARTIFACTS_DROPPED` if the store does not keep all artifacts and has dropped the one at `from`.
   */
  readArtifacts(ref: ShardRef, generation: number, from: number, limit: number): Promise<readonly Artifact[]>;
  /** The state of the log of this generation; an empty one if nothing was appended. */
  tail(ref: ShardRef, generation: number): Promise<Tail>;
  /**
   * Uids of up to `limit` artifacts from seq `from` on, in order, without gaps. Empty if the store does not keep all
   * artifacts and has dropped the one at `from`, though `storedUids` may still know it.
   */
  readUids(ref: ShardRef, generation: number, from: number, limit: number): Promise<readonly string[]>;
  /** The subset of these uids that are in the log. */
  storedUids(ref: ShardRef, generation: number, uids: readonly string[]): Promise<Set<string>>;
  /** How many artifacts each shard of the task has in its current generation. For progress, not for decisions. */
  countArtifacts(
    taskId: string,
  ): Promise<{ readonly nodeId: string; readonly shard: number; readonly count: number }[]>;

  // ---- limits

  /**
   * Adds a holder to the limit `key`, which is one record. `ok` also if it is already there, even if the limit was
   * lowered since. `full`: there are `max` other holders.
   */
  takeSlot(limit: SlotLimit, holder: Attempt): Promise<"ok" | "full">;
  /** Removes the holder; an unknown one is not an error. */
  freeSlot(slot: HeldSlot): Promise<void>;
  /** The number of holders of each of these limits: a hint, to request slots only where some may be free. */
  countHolders(keys: readonly string[]): Promise<readonly number[]>;
  /** All holders of all limits. A hint for `freeSlot`, which a sweep calls once the shard's record has changed. */
  heldSlots(): Promise<HeldSlot[]>;

  // ---- workers and dead letters

  /** Records that the worker is alive for the next `ttlMs`; with `isKept` (default), also keeps when that was, for longer. */
  announceWorker(worker: WorkerRecord, ttlMs: number, isKept?: boolean): Promise<void>;
  /** Removes the worker; an unknown one is not an error. */
  removeWorker(id: string): Promise<void>;
  /** The workers that are alive by the store's clock. For display and `explain`, not for decisions. */
  liveWorkers(): Promise<WorkerRecord[]>;
  /** Stores the letter, unless one with the same id exists. */
  addDeadLetter(letter: Omit<DeadLetter, "at">): Promise<void>;
  /** The newest first. */
  listDeadLetters(query: PageRequest): Promise<Page<DeadLetter>>;
  /** False: there is no letter with this id. */
  removeDeadLetter(id: string): Promise<boolean>;

  /** Absent if no external program writes artifacts. */
  readonly externalRows?: ExternalRows | undefined;
  /** Access to artifacts only, for a database of external coordinators. */
  readonly plainRows?: PlainRows | undefined;

  // ---- the store itself

  /** Connects and creates what is missing. Called once, before anything else. */
  open(): Promise<void>;
  /** Resolves when everything acknowledged so far is durable. */
  settle(): Promise<void>;
  /** Ends the connection; later calls reject with `STORE_UNAVAILABLE`. May be called twice. */
  close(): Promise<void>;
  /** Present if this process can hold a lock that others wait for: it is released before handler code runs. */
  readonly handlerGate?: HandlerGate | undefined;
}

/**
 * Handler code may compute for seconds, during which this process cannot release a lock. Synchronous where possible: it
 * is passed for every batch.
 */
export interface HandlerGate {
  /**
   * Called before handler code. `undefined`: no lock is held, and none will be acquired until the code leaves. A
   * promise: a lock is held; call again when it resolves.
   */
  enter(): Promise<void> | undefined;
  /** The code has returned, or the promise that it returned has settled. */
  leave(): void;
}
