import { FlowError, isInstance } from "../../../errors/index.ts";
import { AttemptError } from "../../model/attempt-error.ts";
import type { BatchFailure } from "../../model/records.ts";
import type { AttemptLog, BatchOutcome } from "./attempt-log.ts";
import type { TryCounts } from "./attempt-reports.ts";
import type { AttemptRun } from "./attempt-run.ts";
import type { BatchRunner, IncomingBatch } from "./batch-runner.ts";
import { type ClassifiedFailure, classifyFailure } from "./failure.ts";
import type { HandlerRuntime } from "./handler-code.ts";

/** A batch that is not stored yet. */
export interface OpenBatch {
  readonly batch: IncomingBatch;
  /** Failed tries. */
  failed: number;
  /** Monotonic time before which it is not tried again. */
  dueAt: number;
  /** That is when its node may begin another try. */
  awaitsToken: boolean;
  /** Present once it is to be stored. */
  outcome: BatchOutcome | undefined;
}

/** A batch failed for good, and with it the node. */
export class BatchFailed extends Error {
  override readonly name = "BatchFailed";
  readonly classified: ClassifiedFailure;

  constructor(classified: ClassifiedFailure) {
    super(classified.failure.message);
    this.classified = classified;
  }
}

export interface OutcomeQueueOptions {
  readonly run: AttemptRun;
  readonly runtime: HandlerRuntime;
  readonly runner: BatchRunner;
  readonly log: AttemptLog;
  readonly tries: TryCounts;
  /** The open batches in the order of the input; a stored one is removed. */
  readonly open: Set<OpenBatch>;
  /** The store has refused the output of this batch and is unchanged. */
  readonly onRefused: (open: OpenBatch, error: unknown) => Promise<void>;
  /** This batch cannot be stored, which ends all of them. */
  readonly onFailed: (open: OpenBatch, error: unknown) => void;
  /** A batch has been stored, or was not. */
  readonly onChange: () => void;
}

/**
 * Stores the outcomes of an attempt's batches, one after another: as the batches get done, or under `ordered` in the
 * order of the input.
 */
export class OutcomeQueue {
  readonly #options: OutcomeQueueOptions;
  readonly #ordered: boolean;
  /** In the order in which they are stored; not used under `ordered`. */
  readonly #processed: OpenBatch[] = [];
  #isStoring = false;
  /** The log has changed, or belongs to another attempt, or the outcome of an append is unknown. */
  #mayNotStore = false;

  constructor(options: OutcomeQueueOptions) {
    this.#options = options;
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

  async #store(first: OpenBatch | undefined): Promise<void> {
    const { runner, tries, open: allOpen, onRefused, onFailed, onChange } = this.#options;
    this.#isStoring = true;
    for (let open = first; open?.outcome !== undefined; open = this.#next()) {
      const { batch, outcome } = open;
      open.outcome = undefined;
      const excess = outcome.failure === undefined ? undefined : this.#excess(batch, outcome.failure);
      if (excess !== undefined) onFailed(open, excess);
      else {
        try {
          await runner.store(batch, outcome, open.failed);
          allOpen.delete(open);
          tries.over(batch.uid);
        } catch (error) {
          if (isRefused(error) && outcome.failure === undefined) await onRefused(open, error);
          else {
            this.#mayNotStore = true;
            onFailed(open, error);
          }
        }
      }
      onChange();
    }
    this.#isStoring = false;
  }

  #next(): OpenBatch | undefined {
    if (this.#mayNotStore) return undefined;
    if (!this.#ordered) return this.#processed.shift();
    const [first] = this.#options.open;
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
