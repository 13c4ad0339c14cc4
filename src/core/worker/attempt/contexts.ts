import type {
  AttemptContext,
  BatchContext,
  Checkpoint,
  FinalizeContext,
  Logger,
  Metrics,
  MetricsRecorder,
} from "../../../definitions/index.ts";
import { isInstance, type JsonObject, loggable } from "../../../errors/index.ts";
import { deepFreeze } from "../../../graph/format/plain-data.ts";
import { type MetricSums, sumOf } from "../../codec/index.ts";
import { AttemptEnded, type Stoppable } from "./attempt-handle.ts";
import type { AttemptReports } from "./attempt-reports.ts";
import type { AttemptRun } from "./attempt-run.ts";

/** Metrics of one batch, or of one `finalize`. */
export class MetricsCollector implements MetricsRecorder {
  #values: MetricSums | undefined;

  add(name: string, value: number): void {
    if (name === "") throw new TypeError("a metric needs a name");
    if (name === "__proto__") throw new TypeError("a metric cannot be named '__proto__'");
    if (!Number.isFinite(value)) throw new TypeError(`metric '${name}': ${value} is not a finite number`);
    this.#values ??= {};
    const sum = sumOf(this.#values, name) + value;
    if (!Number.isFinite(sum)) throw new TypeError(`metric '${name}': its sum is no longer a finite number`);
    this.#values[name] = sum;
  }

  /** A copy: later additions must not change what is stored. */
  get values(): Metrics {
    return this.#values === undefined ? noMetrics : { ...this.#values };
  }
}

const noMetrics: Metrics = Object.freeze({});

/** The context of an attempt. Handler objects have no state of a run: all of it is here. */
export class RunContext implements AttemptContext {
  readonly taskId: string;
  readonly nodeId: string;
  readonly epoch: number;
  readonly shard: number;
  readonly args: unknown;
  /** Set once `setup` has returned. */
  services: unknown;
  /** Set once `loadInput` has returned. */
  loaded: unknown;
  readonly #run: AttemptRun;
  readonly #cleanups: Cleanups;
  readonly #reports: AttemptReports;
  #logger: Logger | undefined;

  constructor(
    run: AttemptRun,
    own: { readonly args: unknown; readonly cleanups: Cleanups; readonly reports: AttemptReports },
  ) {
    const { attempt } = run.held;
    this.taskId = attempt.taskId;
    this.nodeId = attempt.nodeId;
    this.epoch = attempt.epoch;
    this.shard = attempt.shard;
    this.args = own.args;
    this.#run = run;
    this.#cleanups = own.cleanups;
    this.#reports = own.reports;
  }

  get params(): JsonObject {
    return this.#run.params;
  }

  get traceparent(): string | undefined {
    return this.#run.traceparent;
  }

  get signal(): AbortSignal {
    return this.#run.held.signal;
  }

  get logger(): Logger {
    this.#logger ??= this.#run.handlerLogger();
    return this.#logger;
  }

  onCleanup(cleanup: Cleanup): void {
    this.#cleanups.add(cleanup);
  }

  remainingMs(): number | undefined {
    return this.#run.remainingMs();
  }

  get checkpoint(): Checkpoint {
    return this.#reports;
  }

  progress(done: number, total?: number): void {
    this.#reports.progress(done, total);
  }

  async heartbeat(): Promise<void> {
    await this.beat();
    this.signal.throwIfAborted();
  }

  /** A heartbeat that does not throw if the attempt has to stop. */
  async beat(): Promise<void> {
    const pause = this.#run.yielder.pause();
    if (pause !== undefined) await pause;
    await this.#run.keepLease();
  }

  async vars(): Promise<JsonObject> {
    const record = await this.#run.retry.run(() => this.#run.parts.store.readVars(this.taskId));
    return deepFreeze(record?.vars ?? {});
  }

  /** The context of one batch: this one, with the batch's own fields. */
  forBatch(batch: { readonly uid: string; readonly tries: number }, part: LimitedPart): RunBatchContext {
    return new RunBatchContext(this, batch, part);
  }

  /** The context of `iterBatches`, which may have to stop before the attempt does. */
  forSource(checkpoint: Checkpoint, part: Stoppable): AttemptContext {
    return new SourceContext(this, checkpoint, part);
  }

  forFinalize(stored: StoredBatches): FinalizeContext & { readonly metrics: MetricsCollector } {
    return new RunFinalizeContext(this, stored);
  }
}

/** A part of an attempt with its own signal, and possibly a time limit. */
interface LimitedPart {
  readonly signal: AbortSignal;
  remainingMs?(): number;
}

/**
 * Delegates to the attempt's context. A class with getters: one is created per batch, and copying ten fields each time
 * would be measurable.
 */
class DerivedContext implements AttemptContext {
  readonly #run: RunContext;
  readonly #part: LimitedPart | undefined;

  constructor(run: RunContext, part?: LimitedPart) {
    this.#run = run;
    this.#part = part;
  }

  get taskId(): string {
    return this.#run.taskId;
  }
  get nodeId(): string {
    return this.#run.nodeId;
  }
  get epoch(): number {
    return this.#run.epoch;
  }
  get shard(): number {
    return this.#run.shard;
  }
  get args(): unknown {
    return this.#run.args;
  }
  get params(): JsonObject {
    return this.#run.params;
  }
  get traceparent(): string | undefined {
    return this.#run.traceparent;
  }
  get services(): unknown {
    return this.#run.services;
  }
  get loaded(): unknown {
    return this.#run.loaded;
  }
  get signal(): AbortSignal {
    return (this.#part ?? this.#run).signal;
  }
  get logger(): Logger {
    return this.#run.logger;
  }
  onCleanup(cleanup: Cleanup): void {
    this.#run.onCleanup(cleanup);
  }
  remainingMs(): number | undefined {
    return this.#part?.remainingMs === undefined ? this.#run.remainingMs() : this.#part.remainingMs();
  }
  vars(): Promise<JsonObject> {
    return this.#run.vars();
  }
  get checkpoint(): Checkpoint {
    return this.#run.checkpoint;
  }
  progress(done: number, total?: number): void {
    this.#run.progress(done, total);
  }
  async heartbeat(): Promise<void> {
    await this.#run.beat();
    this.signal.throwIfAborted();
  }
}

class SourceContext extends DerivedContext {
  readonly #checkpoint: Checkpoint;

  constructor(run: RunContext, checkpoint: Checkpoint, part: Stoppable) {
    super(run, part);
    this.#checkpoint = checkpoint;
  }

  override get checkpoint(): Checkpoint {
    return this.#checkpoint;
  }
}

export class RunBatchContext extends DerivedContext implements BatchContext {
  readonly uid: string;
  readonly tries: number;
  /** Created on demand, as the logger is: many handlers use neither. */
  #metrics: MetricsCollector | undefined;
  #logger: Logger | undefined;

  constructor(run: RunContext, batch: { readonly uid: string; readonly tries: number }, part: LimitedPart) {
    super(run, part);
    this.uid = batch.uid;
    this.tries = batch.tries;
  }

  get metrics(): MetricsRecorder {
    this.#metrics ??= new MetricsCollector();
    return this.#metrics;
  }

  /** What they add up to. */
  get sums(): Metrics {
    return this.#metrics?.values ?? noMetrics;
  }

  override get logger(): Logger {
    this.#logger ??= super.logger.child({ batchUid: this.uid });
    return this.#logger;
  }

  get idempotencyKey(): string {
    return `${this.taskId}:${this.nodeId}:${this.uid}`;
  }
}

/** The stored batches of a shard, for `finalize`. */
export interface StoredBatches {
  readonly count: number;
  readonly failedBatches: number;
  totals(): Promise<Metrics>;
  outputs(): AsyncIterable<unknown>;
}

class RunFinalizeContext extends DerivedContext implements FinalizeContext {
  readonly metrics: MetricsCollector & { totals(): Promise<Metrics> };
  readonly #stored: StoredBatches;

  constructor(run: RunContext, stored: StoredBatches) {
    super(run);
    this.#stored = stored;
    this.metrics = Object.assign(new MetricsCollector(), { totals: () => stored.totals() });
  }

  get batchCount(): number {
    return this.#stored.count;
  }

  get failedBatches(): number {
    return this.#stored.failedBatches;
  }

  outputs(): AsyncIterable<unknown> {
    return this.#stored.outputs();
  }
}

export type Cleanup = () => void | Promise<void>;

/**
 * Cleanups that a handler registered for the end of its attempt, run in reverse order. A failing one does not prevent
 * the others.
 */
export class Cleanups {
  readonly #run: AttemptRun;
  readonly #waiting: Cleanup[] = [];
  #over = false;

  constructor(run: AttemptRun) {
    this.#run = run;
  }

  /** If the handler continues after its attempt was abandoned, the cleanup runs at once. */
  add(cleanup: Cleanup): void {
    if (this.#over) void this.#call(cleanup, async (cleaning) => cleaning);
    else this.#waiting.push(cleanup);
  }

  /** The attempt has ended. `undefined`: there were none. */
  runAll(): Promise<void> | undefined {
    if (this.#waiting.length > 0) return this.#runAll();
    this.#over = true;
    return undefined;
  }

  async #runAll(): Promise<void> {
    const { held } = this.#run;
    for (let next = this.#waiting.pop(); next !== undefined; next = this.#waiting.pop()) {
      await this.#call(next, (cleaning) => held.run(cleaning));
    }
    this.#over = true;
  }

  /** Never rejects. */
  async #call(cleanup: Cleanup, wait: (cleaning: Promise<void>) => Promise<void>): Promise<void> {
    const { held, parts, code } = this.#run;
    try {
      const cleaning = code.run(cleanup);
      if (cleaning !== undefined) await wait(Promise.resolve(cleaning));
    } catch (error) {
      if (isInstance(error, AttemptEnded)) return; // abandoned: called, but not awaited
      parts.logger.error({ ...held.attempt, err: loggable(error) }, "a cleanup of the handler failed");
    }
  }
}
