import { type Artifact, type EpochRef, type ShardRecord, type ShardRef, shardKey } from "../../core/model/records.ts";
import type { Json } from "../../errors/index.ts";
import type { ProcessLife } from "../scheduler/scheduler.ts";
import { Archive } from "./archive.ts";
import { RateBook } from "./rate-book.ts";

interface DrawnCheckpoint {
  readonly checkpoint: number;
  readonly epoch: number;
}

/** Checkpoints of simulated handlers: numbers that increase in the order in which they are drawn. */
class CheckpointBook {
  #drawn = 0;
  /** By shard: the highest one confirmed as stored in the current log. */
  readonly #stored = new Map<string, DrawnCheckpoint>();
  /** By shard: the highest one that may belong to a withdrawn log, and the epoch that withdrew it. */
  readonly #withdrawn = new Map<string, DrawnCheckpoint>();

  draw(): number {
    return ++this.#drawn;
  }

  stored(ref: EpochRef, checkpoint: number): void {
    if (checkpoint > (this.#stored.get(shardKey(ref))?.checkpoint ?? 0)) {
      this.#stored.set(shardKey(ref), { checkpoint, epoch: ref.epoch });
    }
  }

  /** What this attempt must read; an attempt with an older epoch may not know. */
  storedOf(ref: EpochRef): number {
    const stored = this.#stored.get(shardKey(ref));
    return stored !== undefined && ref.epoch >= stored.epoch ? stored.checkpoint : 0;
  }

  /** Checkpoints belong to a log and are withdrawn with it. */
  restarted(ref: EpochRef): void {
    const key = shardKey(ref);
    this.#stored.delete(key);
    this.#withdrawn.set(key, { checkpoint: this.#drawn, epoch: ref.epoch });
  }

  /** Whether this attempt must not read this checkpoint any more; an attempt with an older epoch may not know. */
  isWithdrawn(ref: EpochRef, checkpoint: number): boolean {
    const withdrawn = this.#withdrawn.get(shardKey(ref));
    return withdrawn !== undefined && ref.epoch >= withdrawn.epoch && checkpoint <= withdrawn.checkpoint;
  }
}

interface FailedBatch {
  readonly failed: number;
  /** The epoch of the attempt that reported it. */
  readonly epoch: number;
  /** The shortest backoff before its next try. */
  readonly leastWaitMs: number;
}

/** In true time, and by the store's clock, which may be set in the meantime. */
interface BegunTry {
  readonly trueAt: number;
  readonly storeAt: number;
}

/** The failures of batches, as stored. */
class TriesBook {
  readonly #failed = new Map<string, Map<string, FailedBatch>>();
  /** By shard: the latest attempt that stored a failed try, or restarted the output. */
  readonly #latest = new Map<string, number>();
  readonly #begun = new Map<string, BegunTry>();

  failed(ref: ShardRef, uid: string, batch: FailedBatch): void {
    const batches = this.#failed.get(shardKey(ref)) ?? new Map();
    this.#failed.set(shardKey(ref), batches.set(uid, batch));
    this.#latest.set(shardKey(ref), batch.epoch);
  }

  /** What this attempt must know; an attempt with an older epoch may not. */
  of(ref: EpochRef, uid: string): FailedBatch | undefined {
    const batch = this.#failed.get(shardKey(ref))?.get(uid);
    return batch !== undefined && ref.epoch >= batch.epoch ? batch : undefined;
  }

  /** @returns when this try first began: it is repeated after a crash */
  begun(ref: ShardRef, uid: string, { tries, ...at }: BegunTry & { readonly tries: number }): BegunTry {
    const key = `${shardKey(ref)}/${uid}/${tries}`;
    const first = this.#begun.get(key) ?? at;
    this.#begun.set(key, first);
    return first;
  }

  restarted(ref: EpochRef): void {
    this.#failed.delete(shardKey(ref));
    this.#latest.set(shardKey(ref), ref.epoch);
  }

  /** Whether a later attempt has changed the tries, which this one, having lost its lease, cannot know. */
  isOvertaken(ref: EpochRef): boolean {
    return ref.epoch < (this.#latest.get(shardKey(ref)) ?? 0);
  }
}

/** At which index sources yielded their batches: once per attempt, or several times if it restarts its log. */
class PlaceBook {
  readonly #places = new Map<string, Set<number>>();

  yielded(ref: EpochRef, uid: string, index: number): void {
    const key = placeKey(ref, uid);
    this.#places.set(key, (this.#places.get(key) ?? new Set()).add(index));
  }

  /** `undefined` if no source yielded it. */
  of(ref: EpochRef, uid: string): ReadonlySet<number> | undefined {
    return this.#places.get(placeKey(ref, uid));
  }
}

const placeKey = (ref: EpochRef, uid: string): string => `${shardKey(ref)}/${ref.epoch}/${uid}`;

/** In retries: the carried artifacts of shards. */
class CarriedBook {
  readonly #begun = new Map<
    string,
    { readonly generation: number; readonly artifacts: readonly Artifact[]; uids: ReadonlySet<string> }
  >();

  begun(record: ShardRecord, artifacts: readonly Artifact[]): void {
    const uids = new Set(artifacts.map(({ uid }) => uid));
    this.#begun.set(shardKey(record), { generation: record.generation, artifacts, uids });
  }

  /** By seq, also for an insert that arrives after a restart. */
  of(ref: ShardRef, generation: number): readonly Artifact[] {
    const begun = this.#begun.get(shardKey(ref));
    return begun?.generation === generation ? begun.artifacts : [];
  }

  /** Whether no attempt may process this batch. */
  has(ref: ShardRef, uid: string): boolean {
    return this.#begun.get(shardKey(ref))?.uids.has(uid) ?? false;
  }

  restarted(ref: ShardRef): void {
    const begun = this.#begun.get(shardKey(ref));
    if (begun !== undefined) begun.uids = new Set();
  }
}

/** Requests of clients to running tasks, and the answers. */
class AskedBook {
  /** By task and node: the payloads that were sent, and the one that was accepted. */
  readonly #signals = new Map<string, { readonly sent: Set<string>; accepted?: string }>();
  /** By task: since when its pause is answered, in true time. */
  readonly #paused = new Map<string, number>();
  /** Tasks that are ending, or have ended: their handlers of outcomes run in spite of a pause. */
  readonly #ending = new Set<string>();

  sent({ taskId, nodeId }: Pick<ShardRef, "taskId" | "nodeId">, payload: Json): void {
    const key = `${taskId}:${nodeId}`;
    const asked = this.#signals.get(key) ?? { sent: new Set() };
    this.#signals.set(key, asked);
    asked.sent.add(JSON.stringify(payload));
  }

  /** @returns the payload that was accepted before, if it differs */
  accepted({ taskId, nodeId }: Pick<ShardRef, "taskId" | "nodeId">, payload: Json): string | undefined {
    const asked = this.#signals.get(`${taskId}:${nodeId}`);
    const before = asked?.accepted;
    if (asked !== undefined) asked.accepted ??= JSON.stringify(payload);
    return before === JSON.stringify(payload) ? undefined : before;
  }

  signalOf({ taskId, nodeId }: Pick<ShardRef, "taskId" | "nodeId">) {
    return this.#signals.get(`${taskId}:${nodeId}`);
  }

  paused(taskId: string, since: number | undefined): void {
    if (since === undefined || this.#ending.has(taskId)) this.#paused.delete(taskId);
    else this.#paused.set(taskId, since);
  }

  ending(taskId: string): void {
    this.#ending.add(taskId);
    this.#paused.delete(taskId);
  }

  pausedSince(taskId: string): number | undefined {
    return this.#paused.get(taskId);
  }
}

/** What a run injected and observed, for judging its outcome. */
export class Journal {
  /** By task and node: the error codes that its handler threw. */
  readonly #thrown = new Map<string, Set<string>>();
  /** Registered cleanups and those that ran, by process. */
  readonly cleanups = new Map<string, { registered: number; ran: number }>();
  /** By process: the step of the last failed `setup`. */
  readonly #failedSetups = new Map<string, number>();
  readonly violations: string[] = [];
  readonly archive = new Archive();
  readonly checkpoints = new CheckpointBook();
  readonly tries = new TriesBook();
  readonly places = new PlaceBook();
  readonly carried = new CarriedBook();
  readonly asked = new AskedBook();
  /** By shard: the batches that a handler has begun to process. */
  readonly #processed = new Map<string, Set<string>>();
  /** Shards whose dispatch has inserted them but not read their tasks again yet. */
  readonly dispatching = new Set<string>();
  /** Coordinators that have read the due retries and whose sweep is still running. */
  readonly sweeping = new Set<ProcessLife>();
  readonly counts = {
    claims: 0,
    appends: 0,
    /** Appends while an earlier batch of the same source was not stored. */
    outOfOrder: 0,
    /** Failed tries of batches that were followed by another try. */
    failedTries: 0,
    /** Tasks that failed because of a batch that fails at each try. */
    hopeless: 0,
    /** Batches that were set aside. */
    setAside: 0,
    /** Of these: the last try exceeded its time limit. */
    timedOut: 0,
    /** Of the batches set aside: those that another task was to retry. */
    retriedBatches: 0,
    /** Batches that nodes made from what others had set aside. */
    failuresRead: 0,
    /** Tasks that failed because too many batches were set aside. */
    notTolerated: 0,
    /** Nodes whose `where` left out artifacts, how many it left out, and how many artifacts such nodes took. */
    choosing: 0,
    leftOut: 0,
    chosen: 0,
    /** Appends to a log whose first artifacts had been dropped. */
    behindDropped: 0,
    lateAppends: 0,
    restarts: 0,
    adopted: 0,
    /** Nodes that were skipped, and those of them whose condition asks about parents. */
    skipped: 0,
    skippedByParents: 0,
    /** Shards that were adopted as skipped. */
    adoptedSkipped: 0,
    /** Shards of optional nodes that failed, and artifacts that they had stored before. */
    failedOptional: 0,
    keptOfFailed: 0,
    /** Handlers of outcomes that started; those of them in a task that failed or was cancelled. */
    startedOnEnd: 0,
    handled: 0,
    /** Descendants of these that ran in such a task. */
    behindHandlers: 0,
    /** Tasks that were cancelled with their handlers of outcomes. */
    cancelledAll: 0,
    /** Shards of retries that carried batches of the earlier task. */
    carried: 0,
    /** Of these: with a checkpoint, with batches left open, and with batches that the earlier task had not copied. */
    carriedCheckpoints: 0,
    carriedOpen: 0,
    carriedAgain: 0,
    /** Artifacts that were copied for them. */
    copied: 0,
    /** Child tasks, and those whose parents are child tasks, too. */
    children: 0,
    nestedChildren: 0,
    /** Of these: after one that had failed, for a task that retries another, and after a failure that was settled. */
    childrenRetried: 0,
    childrenContinued: 0,
    childrenSettled: 0,
    deleted: 0,
    /** Deletes that were refused because another task borrows artifacts. */
    borrowed: 0,
    setupsFailed: 0,
    leasesLost: 0,
    released: 0,
    /** Batches that earlier attempts left open and that were then stored. */
    resumedOpen: 0,
    /** Of these: attempts of a shard with earlier failures. */
    releasedAfterFailure: 0,
    /** Reads of due retries that found one that is not due yet. */
    earlyLooks: 0,
    /** Retries deferred after the current sweep had read the due ones. */
    deferredInSweep: 0,
    requeued: 0,
    handlerRuns: 0,
    /** Results of `finalize` that were compared with the metrics of the batches. */
    totalsChecked: 0,
    /** Calls of `totals` over more than one page. */
    totalsOverPages: 0,
    /** How often the wall clock was set forward and back. */
    setForward: 0,
    setBack: 0,
    /** Calls from attempts that had lost their lease. */
    staleCalls: 0,
    /** Of these: calls about a shard that was being cancelled and that another attempt owned. */
    staleConfirms: 0,
    /** Idempotency keys that were sent again: with the same input, and with different input. */
    keysRepeated: 0,
    keysRefused: 0,
    /** Signals that were accepted, those that came second, and those that came too late. */
    signalsAccepted: 0,
    signalsAlready: 0,
    signalsLate: 0,
    /** Of those accepted: before the node was dispatched. */
    signalsEarly: 0,
    /** Waits that timed out. */
    waitsTimedOut: 0,
    /** Nodes that were dispatched and claimed by the worker that ended their parent. */
    continued: 0,
    /** Artifacts that were stored with the outcome of their node. */
    storedAtEnd: 0,
    /** Ends that were stored in a log before their attempt was found to have lost its lease. */
    endsInFlight: 0,
    /** Shards whose task was paused or resumed while they were dispatched. */
    pausedInFlight: 0,
    /** Shards that started after a delay. */
    delayed: 0,
    /** Shards that were queued, deferred or running when their task was paused. */
    pausedQueued: 0,
    pausedDeferred: 0,
    pausedRunning: 0,
    resumed: 0,
    /** Claims that took the last slot of a limit's key, and those of another task than the previous claim. */
    keysFull: 0,
    keysShared: 0,
    /** Tokens taken, those that could not have been taken much earlier, and tries that took tokens of two rates. */
    tokens: 0,
    tokensAwaited: 0,
    triesOfTwoRates: 0,
  };
  readonly rates = new RateBook(this.counts);

  processes(ref: ShardRef, uid: string): void {
    const key = shardKey(ref);
    this.#processed.set(key, (this.#processed.get(key) ?? new Set()).add(uid));
    if (this.carried.has(ref, uid)) this.violated(`${key}: processes ${uid} again, which the task before had stored`);
  }

  hasProcessed(ref: ShardRef, uid: string): boolean {
    return this.#processed.get(shardKey(ref))?.has(uid) ?? false;
  }

  threw(ref: Pick<ShardRef, "taskId" | "nodeId">, code: string): void {
    const key = `${ref.taskId}:${ref.nodeId}`;
    this.#thrown.set(key, (this.#thrown.get(key) ?? new Set()).add(code));
  }

  hasThrown(ref: Pick<ShardRef, "taskId" | "nodeId">, code: string): boolean {
    return this.#thrown.get(`${ref.taskId}:${ref.nodeId}`)?.has(code) ?? false;
  }

  setupFailed(worker: string, step: number): void {
    this.counts.setupsFailed++;
    this.#failedSetups.set(worker, step);
  }

  /** Whether a `setup` of this worker has failed since this step; only then may an attempt fail because of it. */
  hasSetupFailedSince(worker: string, step: number): boolean {
    return (this.#failedSetups.get(worker) ?? -1) >= step;
  }

  readonly violated = (what: string): void => {
    if (this.violations.length < 5) this.violations.push(what);
  };
}
