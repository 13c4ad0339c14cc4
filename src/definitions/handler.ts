import type { $ZodType } from "zod/v4/core";
import type { Json, JsonObject } from "../errors/index.ts";
import type { Logger } from "./logger.ts";

/** Named numbers that are summed: per batch in `processBatch`, for the whole node in `finalize`. */
export interface Metrics {
  readonly [name: string]: number;
}

/** Records numbers that are summed. */
export interface MetricsRecorder {
  /**
   * Adds `value` (finite) to the metric `name`. Metrics of a batch count exactly once, however often it was attempted.
   */
  add(name: string, value: number): void;
}

/** A batch as `iterBatches` yields it. */
export interface SourceBatch<TPayload> {
  /**
   * Names the batch within its node, so that a retry can skip stored batches. Required if `iterBatches` uses
   * `ctx.checkpoint`.
   * @defaultValue the index of the batch
   */
  readonly uid?: string;
  readonly payload: TPayload;
}

/**
 * A value that survives an attempt: later attempts of the shard can read it. It belongs to the output, so it is
 * discarded when a retry restarts the output.
 *
 * @example
 * const { page = 1 } = ((await ctx.checkpoint.get()) ?? {}) as { page?: number }
 * await ctx.checkpoint.set({ page: page + 1 })
 */
export interface Checkpoint {
  /** `undefined` if nothing was saved. */
  get(): Promise<Json | undefined>;
  /**
   * Resolves when the value is stored. In `iterBatches`, it is stored after the batches yielded before it; rejects with
   * an `AbortError` if one of them fails.
   *
   * @throws TypeError if it is not JSON, or more than 16 KiB
   */
  set(value: Json): Promise<void>;
}

/** The context of a handler during one attempt. */
export interface AttemptContext<TArgs = unknown, TLoaded = unknown, out TServices = unknown> {
  readonly taskId: string;
  readonly nodeId: string;
  /** Number of this attempt, from 1. */
  readonly epoch: number;
  /** Index of the node's partition, from 0. */
  readonly shard: number;
  /** The node's static arguments, decoded by the handler's `args` schema. */
  readonly args: TArgs;
  /** The task's parameters. */
  readonly params: JsonObject;
  /** What `setup` returned, shared by all attempts of this worker; `undefined` without a `setup`. */
  readonly services: TServices;
  /** The value that `loadInput` returned. */
  readonly loaded: TLoaded;
  /** The W3C trace context of the task, to pass on to services that the handler calls. */
  readonly traceparent: string | undefined;
  /**
   * Aborted when the attempt must stop: its task is cancelled, it timed out, it lost its lease, or the engine stops.
   */
  readonly signal: AbortSignal;
  readonly logger: Logger;
  /**
   * Registers a cleanup that runs when the attempt ends, with any outcome, in reverse order of registration. Runs it at
   * once if the attempt has already ended, which a handler that is still running may not know.
   */
  onCleanup(cleanup: () => void | Promise<void>): void;
  /** Milliseconds until the attempt times out; `undefined` if there is no timeout. */
  remainingMs(): number | undefined;
  /** A snapshot of the task's variables. */
  vars(): Promise<JsonObject>;
  /** A value that later attempts of this shard can read. */
  readonly checkpoint: Checkpoint;
  /**
   * Reports progress, in any unit, for `status()` and `events()`. Cheap to call often: it is stored about once a
   * second.
   */
  progress(done: number, total?: number): void;
  /**
   * For long computations that never wait: lets timers and other attempts run, and renews the attempt's lease when it
   * is due.
   *
   * @example
   * for (const row of rows) {
   *   crunch(row)
   *   await ctx.heartbeat()
   * }
   *
   * @throws the reason of `signal`, an `AbortError`, if the attempt must stop
   */
  heartbeat(): Promise<void>;
}

export interface BatchContext<TArgs = unknown, TLoaded = unknown, out TServices = unknown>
  extends AttemptContext<TArgs, TLoaded, TServices> {
  /** The batch's name within its node. */
  readonly uid: string;
  /** Number of this try of the batch, from 1; tries that a crash ended are not counted. */
  readonly tries: number;
  /** `task:node:uid`: pass it to external services, which may receive the same batch twice. */
  readonly idempotencyKey: string;
  readonly metrics: MetricsRecorder;
}

export interface FinalizeContext<TArgs = unknown, TLoaded = unknown, TOutput = unknown, out TServices = unknown>
  extends AttemptContext<TArgs, TLoaded, TServices> {
  /** Number of batches of this shard with an output, including those of earlier attempts. */
  readonly batchCount: number;
  /** Number of batches of this shard that were set aside; 0 unless the node has `onBatchFailure: "setAside"`. */
  readonly failedBatches: number;
  /**
   * The outputs of this shard's batches in the order of the input, including those of earlier attempts; read page by
   * page.
   */
  outputs(): AsyncIterable<TOutput>;
  readonly metrics: MetricsRecorder & {
    /** Sums of the per-batch metrics of this shard, including batches of earlier attempts. */
    totals(): Promise<Metrics>;
  };
}

/** How the handler classifies an error that one of its methods threw. */
export interface ErrorClass<TCode extends string = string> {
  readonly code: TCode;
  readonly permanent: boolean;
}

/** An adapter and its arguments, as in `io.input_inline`. */
export interface AdapterChoice {
  readonly adapter: string;
  readonly args: JsonObject;
}

/**
 * A handler as the engine runs it: schemas and untyped methods. The builder's `defineHandler` returns a typed view of
 * it.
 */
export interface HandlerDefinition {
  readonly kind: "handler";
  /** The node type that it serves, and the worker's role. */
  readonly name: string;
  /** Payload of one batch. Without it, the handler is a source. */
  readonly input?: $ZodType;
  /** The output of one batch. */
  readonly output: $ZodType;
  readonly args?: $ZodType;
  /** What `finalize` returns. */
  readonly result?: $ZodType;
  /** Its own reason codes. */
  readonly errors: readonly string[];
  /** `false`: a retry restarts the node's output instead of continuing after the last stored batch. */
  readonly resumable: boolean;
  /** How many batches of an attempt are processed concurrently. @defaultValue 1 */
  readonly concurrency?: number;
  /** Its external effects: reads from external systems, or also writes to them. Documentation only. */
  readonly external?: "reads" | "writes";
  /** Used if the graph names no adapter. */
  readonly inputAdapter?: AdapterChoice;
  /**
   * Runs once per worker, before its first attempt; its return value is `ctx.services`. Handlers with the same `setup`
   * and `teardown` functions share it.
   */
  setup?(): unknown;
  /** Runs when the worker stops, after its attempts have ended, with what `setup` returned. */
  teardown?(services: unknown): unknown;
  /** Runs once per attempt, before the first batch; its return value is `ctx.loaded`. */
  loadInput?(args: unknown, ctx: AttemptContext): unknown;
  /**
   * Yields the batches of a source. The next one is requested when the previous one is stored, being processed
   * concurrently, or waiting for its next try.
   */
  iterBatches?(
    args: unknown,
    ctx: AttemptContext,
  ): AsyncIterable<SourceBatch<unknown>> | Iterable<SourceBatch<unknown>>;
  /** Converts one batch into one output. It runs at least once per batch; its stored output counts exactly once. */
  processBatch?(payload: unknown, ctx: BatchContext): unknown;
  /** Runs after the last batch and returns the node's `result`. */
  finalize?(ctx: FinalizeContext): unknown;
  /** Classifies an error that one of its methods threw; `undefined` leaves it to the engine. */
  classifyError?(error: unknown): ErrorClass | undefined;
}

/** A stored batch as readers see it. */
export interface StoredArtifact {
  readonly nodeId: string;
  readonly seq: number;
  readonly uid: string;
  readonly meta: Json;
  readonly metrics: Metrics;
}
