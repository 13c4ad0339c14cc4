import type { $ZodType } from "zod/v4/core";
import type { Json, JsonObject } from "../errors/index.ts";
import type { Logger } from "./logger.ts";

/** Named numbers that add up: per batch in `processBatch`, for the whole node in `finalize`. */
export interface Metrics {
  readonly [name: string]: number;
}

/** Records numbers that add up. */
export interface MetricsRecorder {
  /** Adds `value` (finite) to the metric `name`. Metrics of a batch count exactly once, however often it was tried. */
  add(name: string, value: number): void;
}

/** One batch as `iterBatches` makes it. */
export interface SourceBatch<TPayload> {
  /**
   * Names the batch within its node, so that a retry can skip what is stored already. Required where `iterBatches` uses
   * `ctx.checkpoint`.
   * @defaultValue the index of the batch
   */
  readonly uid?: string;
  readonly payload: TPayload;
}

/**
 * A value that outlives an attempt: what one saved, the next one of the same shard finds. It belongs to the output, so
 * it is gone when a retry starts that over.
 *
 * @example
 * const { page = 1 } = ((await ctx.checkpoint.get()) ?? {}) as { page?: number }
 * await ctx.checkpoint.set({ page: page + 1 })
 */
export interface Checkpoint {
  /** `undefined`: nothing was saved. */
  get(): Promise<Json | undefined>;
  /**
   * Resolves when it is stored. In `iterBatches` it is stored after the batches yielded before it, and rejects with an
   * `AbortError` when one of them fails.
   *
   * @throws TypeError when it isn't JSON, or more than 16 KiB of it
   */
  set(value: Json): Promise<void>;
}

/** What a handler may know and do during one attempt. */
export interface AttemptContext<TArgs = unknown, TLoaded = unknown> {
  readonly taskId: string;
  readonly nodeId: string;
  /** Number of this try, from 1. */
  readonly epoch: number;
  /** Which of the node's partitions, from 0. */
  readonly shard: number;
  /** The node's static arguments, decoded by the handler's `args` schema. */
  readonly args: TArgs;
  /** The task's parameters. */
  readonly params: JsonObject;
  /** What `loadInput` returned. */
  readonly loaded: TLoaded;
  /** The W3C trace context that the task was started with: hand it to whom the handler calls. */
  readonly traceparent: string | undefined;
  /** Aborted when the attempt must stop: cancelled, timed out, lease lost, engine stopping. */
  readonly signal: AbortSignal;
  readonly logger: Logger;
  /**
   * Runs when the attempt ends, however it ends; last registered, first run. Runs at once when the attempt has ended
   * before, which a handler that went on doesn't know.
   */
  onCleanup(cleanup: () => void | Promise<void>): void;
  /** Milliseconds until the attempt times out; `undefined` without a timeout. */
  remainingMs(): number | undefined;
  /** A snapshot of the task's variables. */
  vars(): Promise<JsonObject>;
  /** What this shard remembers for its later attempts. */
  readonly checkpoint: Checkpoint;
  /**
   * Tells how far it is, in any unit, for `status()` and `events()`. Costs nothing to call often: it is stored about
   * once a second.
   */
  progress(done: number, total?: number): void;
  /**
   * For work that takes long without waiting for anything: lets timers and other attempts have their turn, and renews
   * the attempt's lease when it is time.
   *
   * @example
   * for (const row of rows) {
   *   crunch(row)
   *   await ctx.heartbeat()
   * }
   *
   * @throws the reason of `signal`, an `AbortError`, when the attempt must stop
   */
  heartbeat(): Promise<void>;
}

export interface BatchContext<TArgs = unknown, TLoaded = unknown> extends AttemptContext<TArgs, TLoaded> {
  /** The batch's name within its node. */
  readonly uid: string;
  /** `task:node:uid`: hand it to the outside world, where the same batch may arrive twice. */
  readonly idempotencyKey: string;
  readonly metrics: MetricsRecorder;
}

export interface FinalizeContext<TArgs = unknown, TLoaded = unknown, TOutput = unknown>
  extends AttemptContext<TArgs, TLoaded> {
  /** Batches of this shard, those of earlier attempts included. */
  readonly batchCount: number;
  /** What the batches of this shard produced, in order, those of earlier attempts included; read a page at a time. */
  outputs(): AsyncIterable<TOutput>;
  readonly metrics: MetricsRecorder & {
    /** Sums of the per-batch metrics of this shard over all its batches, those of earlier attempts included. */
    totals(): Promise<Metrics>;
  };
}

/** The handler's verdict about an error that one of its methods threw. */
export interface ErrorClass<TCode extends string = string> {
  readonly code: TCode;
  readonly permanent: boolean;
}

/** Names an adapter and its arguments, as they stand in `io.input_inline`. */
export interface AdapterChoice {
  readonly adapter: string;
  readonly args: JsonObject;
}

/**
 * A handler as the engine runs it: schemas and methods, nothing typed. The builder's `defineHandler` returns a typed
 * view of this.
 */
export interface HandlerDefinition {
  readonly kind: "handler";
  /** The node type it serves; the worker's role. */
  readonly name: string;
  /** Payload of one batch. Absent: the handler is a source. */
  readonly input?: $ZodType;
  /** What one batch produces. */
  readonly output: $ZodType;
  readonly args?: $ZodType;
  /** What `finalize` returns. */
  readonly result?: $ZodType;
  /** Its own reason codes. */
  readonly errors: readonly string[];
  /** `false`: a retry starts the node's output over instead of going on after the last stored batch. */
  readonly resumable: boolean;
  /** How many batches of one attempt are processed at once. @defaultValue 1 */
  readonly concurrency?: number;
  /** What it does outside of the engine: asks others, or changes something there too. Nothing runs differently for it. */
  readonly external?: "reads" | "writes";
  /** Used when the graph names no adapter. */
  readonly inputAdapter?: AdapterChoice;
  /** Runs once a worker, before its first attempt. */
  init?(): unknown;
  /** Runs once an attempt, before the first batch; what it returns is `ctx.loaded`. */
  loadInput?(args: unknown, ctx: AttemptContext): unknown;
  /** Makes the batches of a source. Asked for the next one when the one before is stored, or in hand with others. */
  iterBatches?(
    args: unknown,
    ctx: AttemptContext,
  ): AsyncIterable<SourceBatch<unknown>> | Iterable<SourceBatch<unknown>>;
  /** Turns one batch into one output. It runs at least once a batch; its stored output counts exactly once. */
  processBatch?(payload: unknown, ctx: BatchContext): unknown;
  /** Runs after the last batch; returns the node's `result`. */
  finalize?(ctx: FinalizeContext): unknown;
  /** Its verdict about an error that one of its methods threw; `undefined` leaves it to the engine. */
  classifyError?(error: unknown): ErrorClass | undefined;
}

/** What one stored batch looks like to readers. */
export interface StoredArtifact {
  readonly nodeId: string;
  readonly seq: number;
  readonly uid: string;
  readonly meta: Json;
  readonly metrics: Metrics;
}
