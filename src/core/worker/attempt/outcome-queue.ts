import { FlowError, isInstance } from "../../../errors/index.ts";
import { AttemptError } from "../../model/attempt-error.ts";
import type { BatchFailure } from "../../model/records.ts";
import type { Clock } from "../../ports/index.ts";
import type { AttemptScope } from "./attempt-handle.ts";
import type { AttemptLog, BatchOutcome } from "./attempt-log.ts";
import type { TryCounts } from "./attempt-reports.ts";
import type { AttemptRun } from "./attempt-run.ts";
import type { BatchRunner, IncomingBatch } from "./batch-runner.ts";
import { type ClassifiedFailure, classifyFailure } from "./failure.ts";
import type { HandlerRuntime } from "./handler-code.ts";
import type { LeftoverTries } from "./timed-try.ts";

/** A batch that is not stored yet. */
export interface OpenBatch {
  readonly batch: IncomingBatch;
  /** Failed tries. */
  failed: number;
  /** Monotonic time before which it is not tried again. */
  dueAt: number;
  /** Whether `dueAt` is when its node may begin another try. */
  awaitsToken: boolean;
  /** Present once it is to be stored. */
  outcome: BatchOutcome | undefined;
}

/** A batch failed for good, and so did its node. */
export class BatchFailed extends Error {
  override readonly name = "BatchFailed";
  readonly classified: ClassifiedFailure;

  constructor(classified: ClassifiedFailure) {
    super(classified.failure.message);
    this.classified = classified;
  }
}

export interface BatchPoolOptions {
  readonly run: AttemptRun;
  readonly runtime: HandlerRuntime;
  readonly runner: BatchRunner;
  readonly log: AttemptLog;
  readonly tries: TryCounts;
  /** If tries have a time limit. */
  readonly leftover: LeftoverTries | undefined;
  /** What a batch that fails for good ends: the input and the other batches. */
  readonly part: AttemptScope;
  readonly concurrency: number;
  /** Whether the attempt keeps its slot while all of its batches wait. */
  readonly mayStay: (wouldLoseWork: boolean) => Promise<boolean>;
}

/** Receives what happened to the outcomes. */
export interface OutcomeListener {
  /** The store has refused the output of this batch and is unchanged. */
  refused(open: OpenBatch, error: unknown): Promise<void>;
  /** This batch cannot be stored, which ends all of them. */
  failed(open: OpenBatch, error: unknown): void;
  /** A batch has been stored, or could not be. */
  changed(): void;
}

/**
 * Stores the outcomes of an attempt's batches, one after another: as the batches end, or under `ordered` in the order
 * of the input.
 */
export class OutcomeQueue {
  readonly #options: BatchPoolOptions;
  readonly #open: Set<OpenBatch>;
  readonly #listener: OutcomeListener;
  readonly #ordered: boolean;
  /** In the order in which they are stored; not used under `ordered`. */
  readonly #processed: OpenBatch[] = [];
  #isStoring = false;
  /** The log has changed, or belongs to another attempt, or the outcome of an append is unknown. */
  #mayNotStore = false;

  /** @param open - the open batches in the order of the input; a stored one is removed */
  constructor(options: BatchPoolOptions, open: Set<OpenBatch>, listener: OutcomeListener) {
    this.#options = options;
    this.#open = open;
    this.#listener = listener;
    this.#ordered = options.run.node.batches.ordered;
  }

  get isStoring(): boolean {
    return this.#isStoring;
  }

  /** Outcomes that are waiting or being stored; under `ordered` only the latter. */
  get length(): number {
    return this.#processed.length + (this.#isStoring ? 1 : 0);
  }

  /** The batch has an outcome. Resolves when all that can be stored is; `undefined` if another call is storing. */
  add(open: OpenBatch): Promise<void> | undefined {
    if (!this.#isStoring) return this.#store(this.#ordered || this.#mayNotStore ? this.#next() : open);
    if (!this.#ordered) this.#processed.push(open);
    return undefined;
  }

  /** Stores this outcome, and those after it. `undefined`: they are stored. */
  #store(first: OpenBatch | undefined): Promise<void> | undefined {
    this.#isStoring = true;
    for (let open = first; open?.outcome !== undefined; open = this.#next()) {
      const storing = this.#storeOne(open, open.outcome);
      if (storing !== undefined) return this.#storeRest(storing);
      this.#listener.changed();
    }
    this.#isStoring = false;
    return undefined;
  }

  async #storeRest(first: Promise<void>): Promise<void> {
    for (let storing: Promise<void> | undefined = first; ; ) {
      if (storing !== undefined) await storing;
      this.#listener.changed();
      const next = this.#next();
      if (next?.outcome === undefined) break;
      storing = this.#storeOne(next, next.outcome);
    }
    this.#isStoring = false;
  }

  /** Never rejects. */
  #storeOne(open: OpenBatch, outcome: BatchOutcome): Promise<void> | undefined {
    const { batch } = open;
    open.outcome = undefined;
    const excess = outcome.failure === undefined ? undefined : this.#excess(batch, outcome.failure);
    if (excess !== undefined) {
      this.#listener.failed(open, excess);
      return undefined;
    }
    let storing: Promise<void> | undefined;
    try {
      storing = this.#options.runner.store(batch, outcome, open.failed);
    } catch (error) {
      return this.#notStored(open, outcome, error);
    }
    if (storing === undefined) return this.#stored(open);
    return storing.then(
      () => this.#stored(open),
      (error: unknown) => this.#notStored(open, outcome, error),
    );
  }

  #stored(open: OpenBatch): undefined {
    this.#open.delete(open);
    this.#options.tries.over(open.batch.uid);
  }

  #notStored(open: OpenBatch, outcome: BatchOutcome, error: unknown): Promise<void> | undefined {
    if (isRefused(error) && outcome.failure === undefined) return this.#listener.refused(open, error);
    this.#mayNotStore = true;
    this.#listener.failed(open, error);
    return undefined;
  }

  #next(): OpenBatch | undefined {
    if (this.#mayNotStore) return undefined;
    if (!this.#ordered) return this.#processed.shift();
    const [first] = this.#open;
    return first;
  }

  /** The node's failure if it tolerates no further batch. Judged just before it is stored, so that the number is exact. */
  #excess({ uid }: IncomingBatch, failure: BatchFailure): BatchFailed | undefined {
    const { run, log, runtime } = this.#options;
    const { maxAside } = run.node.batches;
    const { newlyAside } = log;
    if (newlyAside < maxAside) return undefined;
    const { reasonCode, message } = failure;
    const before = newlyAside === 1 ? "1 batch was" : `${newlyAside} batches were`;
    const error = new AttemptError(
      "too_many_failed_batches",
      `${reasonCode}: ${message} (${before} set aside before it, which is as many as tolerated)`,
    );
    const { attempt } = run.held;
    return new BatchFailed(classifyFailure({ error, attempt, at: { batchUid: uid }, handler: runtime.definition }));
  }
}

/** The store has refused this artifact and is unchanged. */
const isRefused = (error: unknown): boolean =>
  FlowError.is(error, "RECORD_TOO_LARGE") || (isInstance(error, AttemptError) && error.code === "duplicate_uid");

/** Wakes waiters at the next change. */
export class Changes {
  count = 0;
  #wakers: (() => void)[] | undefined;

  next(): Promise<void> {
    this.#wakers ??= [];
    const wakers = this.#wakers;
    return new Promise((resolve) => wakers.push(resolve));
  }

  note(): void {
    this.count++;
    if (this.#wakers === undefined) return;
    const wakers = this.#wakers;
    this.#wakers = undefined;
    for (const wake of wakers) wake();
  }
}

/** Calls `ring` at the earliest of the times that it was set to. */
export class Alarm {
  readonly #clock: Clock;
  readonly #ring: () => void;
  #next: { readonly at: number; readonly abort: AbortController } | undefined;

  constructor(clock: Clock, ring: () => void) {
    this.#clock = clock;
    this.#ring = ring;
  }

  get isSet(): boolean {
    return this.#next !== undefined;
  }

  clear(): void {
    this.#next?.abort.abort(cleared);
  }

  /** @param at - monotonic time, which is in `inMs` */
  set(at: number, inMs: number): void {
    if (this.#next !== undefined && this.#next.at <= at) return;
    this.clear();
    const next = { at, abort: new AbortController() };
    this.#next = next;
    void this.#clock.sleep(inMs, next.abort.signal).then(() => {
      if (this.#next === next) this.#next = undefined;
      if (!next.abort.signal.aborted) this.#ring();
    });
  }
}

/** An explicit reason: without one, each abort creates a DOMException with a stack. */
const cleared = Symbol("cleared");
