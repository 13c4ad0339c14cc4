import { type EpochRef, type ShardRef, shardKey } from "../../core/model/records.ts";
import type { ProcessLife } from "../scheduler/scheduler.ts";
import { Archive } from "./archive.ts";

interface DrawnCheckpoint {
  readonly checkpoint: number;
  readonly epoch: number;
}

/** Checkpoints of simulated handlers: numbers that grow in the order in which they are drawn, whoever draws them. */
class CheckpointBook {
  #drawn = 0;
  /** By shard: the highest that its handler was told is stored, in the output at hand. */
  readonly #stored = new Map<string, DrawnCheckpoint>();
  /** By shard: the latest that may have been drawn for an output that is withdrawn, and the epoch that withdrew it. */
  readonly #withdrawn = new Map<string, DrawnCheckpoint>();

  draw(): number {
    return ++this.#drawn;
  }

  stored(ref: EpochRef, checkpoint: number): void {
    if (checkpoint > (this.#stored.get(shardKey(ref))?.checkpoint ?? 0)) {
      this.#stored.set(shardKey(ref), { checkpoint, epoch: ref.epoch });
    }
  }

  /** What this attempt must see; one that lost its shard before doesn't know. */
  storedOf(ref: EpochRef): number {
    const stored = this.#stored.get(shardKey(ref));
    return stored !== undefined && ref.epoch >= stored.epoch ? stored.checkpoint : 0;
  }

  /** They belong to an output, and go with it. */
  restarted(ref: EpochRef): void {
    const key = shardKey(ref);
    this.#stored.delete(key);
    this.#withdrawn.set(key, { checkpoint: this.#drawn, epoch: ref.epoch });
  }

  /** Whether nobody may see this one any more; an attempt that lost its shard before doesn't know. */
  isWithdrawn(ref: EpochRef, checkpoint: number): boolean {
    const withdrawn = this.#withdrawn.get(shardKey(ref));
    return withdrawn !== undefined && ref.epoch >= withdrawn.epoch && checkpoint <= withdrawn.checkpoint;
  }
}

/** Where sources have yielded their batches: once each in most attempts, again where one reads its log again. */
class PlaceBook {
  readonly #places = new Map<string, Set<number>>();

  yielded(ref: EpochRef, uid: string, index: number): void {
    const key = placeKey(ref, uid);
    this.#places.set(key, (this.#places.get(key) ?? new Set()).add(index));
  }

  /** `undefined`: no source has yielded it. */
  of(ref: EpochRef, uid: string): ReadonlySet<number> | undefined {
    return this.#places.get(placeKey(ref, uid));
  }
}

const placeKey = (ref: EpochRef, uid: string): string => `${shardKey(ref)}/${ref.epoch}/${uid}`;

/** What a run did on purpose, so that its end can be judged fairly. */
export class Journal {
  /** By task and node: the codes that its handler threw. */
  readonly #thrown = new Map<string, Set<string>>();
  /** Calls of `onCleanup`, and of what was registered, by process. */
  readonly cleanups = new Map<string, { registered: number; ran: number }>();
  /** By process and type: the step at which its `init` failed last. */
  readonly #failedInits = new Map<string, number>();
  readonly violations: string[] = [];
  readonly archive = new Archive();
  readonly checkpoints = new CheckpointBook();
  readonly places = new PlaceBook();
  /** Coordinators that have looked for retries that are due, and whose sweep goes on. */
  readonly sweeping = new Set<ProcessLife>();
  readonly counts = {
    claims: 0,
    appends: 0,
    /** To a log whose first artifacts the store had dropped by then. */
    behindDropped: 0,
    lateAppends: 0,
    restarts: 0,
    adopted: 0,
    deleted: 0,
    /** Deletes that were refused for the sake of another task. */
    borrowed: 0,
    initsFailed: 0,
    leasesLost: 0,
    released: 0,
    /** Of these: attempts of a shard that had failed before. */
    releasedAfterFailure: 0,
    /** Looks for retries that are due which found one that isn't yet. */
    earlyLooks: 0,
    /** Retries that became due only after the sweep at hand had looked for them. */
    deferredInSweep: 0,
    requeued: 0,
    handlerRuns: 0,
    /** Results of `finalize` that were held against what the batches had measured. */
    totalsChecked: 0,
    /** Calls of `totals` that read more than one page. */
    totalsOverPages: 0,
    /** How often the wall clock was set, each way. */
    setForward: 0,
    setBack: 0,
    /** Calls in the name of an attempt that had lost its shard. */
    staleCalls: 0,
    /** Of these: about a shard that another attempt held while it was being cancelled. */
    staleConfirms: 0,
    /** Idempotency keys that were sent again: with the same input, and with different input. */
    keysRepeated: 0,
    keysRefused: 0,
  };

  threw(ref: Pick<ShardRef, "taskId" | "nodeId">, code: string): void {
    const key = `${ref.taskId}:${ref.nodeId}`;
    this.#thrown.set(key, (this.#thrown.get(key) ?? new Set()).add(code));
  }

  hasThrown(ref: Pick<ShardRef, "taskId" | "nodeId">, code: string): boolean {
    return this.#thrown.get(`${ref.taskId}:${ref.nodeId}`)?.has(code) ?? false;
  }

  initFailed(worker: string, type: string, step: number): void {
    this.counts.initsFailed++;
    this.#failedInits.set(`${worker} ${type}`, step);
  }

  /** Whether an `init` of this worker has failed since this step: only then an attempt may fail of it. */
  hasInitFailedSince(worker: string, type: string, step: number): boolean {
    return (this.#failedInits.get(`${worker} ${type}`) ?? -1) >= step;
  }

  readonly violated = (what: string): void => {
    if (this.violations.length < 5) this.violations.push(what);
  };
}
