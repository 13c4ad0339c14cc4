import type { Metrics } from "../../../definitions/index.ts";
import type { Json } from "../../../errors/index.ts";
import { addMetrics, type MetricSums } from "../../codec/index.ts";
import { AttemptError } from "../../model/attempt-error.ts";
import type { Artifact, Attempt, Origin, ShardRecord } from "../../model/records.ts";
import type { Tail, WorkerStore, WriteAnswer } from "../../ports/index.ts";
import type { StoreRetry } from "../../resilience/store-retry.ts";
import type { AppendSignals } from "../input/append-signals.ts";
import { AttemptEnded } from "./attempt-handle.ts";

/**
 * The output log of the attempt's own shard: its state, and the only way to write to it. `seq` is the fence: a batch is
 * inserted at exactly the next number, and an attempt that finds another's entry there reads the log again.
 */
export class AttemptLog {
  readonly #store: WorkerStore;
  readonly #retry: StoreRetry;
  readonly #signals: AppendSignals;
  readonly #attempt: Attempt;
  #generation: number;
  #sourceGens: Readonly<Record<string, number>>;
  #length = 0;
  #closed = false;
  #origins: readonly Origin[] = [];

  constructor(options: {
    readonly store: WorkerStore;
    readonly retry: StoreRetry;
    readonly signals: AppendSignals;
    readonly attempt: Attempt;
    readonly record: ShardRecord;
  }) {
    this.#store = options.store;
    this.#retry = options.retry;
    this.#signals = options.signals;
    this.#attempt = options.attempt;
    this.#generation = options.record.generation;
    this.#sourceGens = options.record.sourceGens;
  }

  /** Batches stored so far, including those of earlier attempts. */
  get length(): number {
    return this.#length;
  }

  /** An earlier attempt stored everything and wrote the complete marker, but died before the node was finished. */
  get closed(): boolean {
    return this.#closed;
  }

  get generation(): number {
    return this.#generation;
  }

  get sourceGens(): Readonly<Record<string, number>> {
    return this.#sourceGens;
  }

  /** The last batch stored from each source. */
  get origins(): readonly Origin[] {
    return this.#origins;
  }

  async open(): Promise<void> {
    const tail: Tail = await this.#retry.run(() => this.#store.tail(this.#attempt, this.#generation));
    this.#length = tail.length;
    this.#closed = tail.closed;
    this.#origins = tail.origins;
  }

  /** Starts the output over in a new generation, built from these generations of the sources. */
  async restart(sourceGens: Readonly<Record<string, number>>): Promise<void> {
    const to = { generation: this.#generation + 1, sourceGens };
    refuse(await this.#retry.run(() => this.#store.restart(this.#attempt, to)));
    this.#generation = to.generation;
    this.#sourceGens = sourceGens;
    this.#length = 0;
    this.#closed = false;
    this.#origins = [];
    this.#signals.notify(this.#attempt);
  }

  async append(batch: {
    readonly uid: string;
    readonly origin: Origin;
    readonly meta: Json;
    readonly metrics: Metrics;
  }): Promise<void> {
    const artifact = { seq: this.#length, ...batch };
    const answer = await this.#retry.run(() => this.#store.append(this.#attempt, this.#generation, artifact));
    if (answer === "duplicate_uid") {
      // Never skipped silently: either iterBatches used one uid for two batches, or a cursor is wrong.
      throw new AttemptError("duplicate_uid", `a batch with uid '${batch.uid}' is already stored`);
    }
    refuse(answer);
    this.#length++;
    this.#signals.notify(this.#attempt);
  }

  /** A page of the stored uids; empty if the store has dropped its first artifact. */
  readUids(from: number, limit: number): Promise<readonly string[]> {
    return this.#retry.run(() => this.#store.readUids(this.#attempt, this.#generation, from, limit));
  }

  /** Whether the log contains this uid. */
  async has(uid: string): Promise<boolean> {
    return (await this.#retry.run(() => this.#store.storedUids(this.#attempt, this.#generation, [uid]))).has(uid);
  }

  async complete(outcome: { readonly result?: Json; readonly metrics?: Metrics }): Promise<void> {
    const whole = { generation: this.#generation, count: this.#length, ...outcome };
    refuse(await this.#retry.run(() => this.#store.complete(this.#attempt, whole)));
    this.#signals.notify(this.#attempt);
  }

  /** The whole log, page by page. */
  async *artifacts(pageSize: number): AsyncGenerator<Artifact> {
    for (let from = 0; from < this.#length; ) {
      const start = from;
      const page = await this.#retry.run(() =>
        this.#store.readArtifacts(this.#attempt, this.#generation, start, pageSize),
      );
      if (page.length === 0) throw new AttemptEnded("reload");
      yield* page;
      from += page.length;
    }
  }

  /** Sums of the per-batch metrics of the whole log. */
  async totals(pageSize: number): Promise<Metrics> {
    const totals: MetricSums = {};
    for await (const { metrics } of this.artifacts(pageSize)) addMetrics(totals, metrics);
    return totals;
  }
}

/** @throws AttemptEnded unless the write was accepted */
function refuse(answer: WriteAnswer | "conflict"): void {
  if (answer === "ok") return;
  throw new AttemptEnded(answer === "conflict" ? "reload" : answer);
}
