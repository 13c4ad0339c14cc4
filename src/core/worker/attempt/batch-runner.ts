import type { Metrics } from "../../../definitions/index.ts";
import { type CoreReasonCode, isInstance, type Json } from "../../../errors/index.ts";
import { copyJson, NotJsonError, SchemaMismatch, type WireCodec } from "../../codec/index.ts";
import { AttemptError } from "../../model/attempt-error.ts";
import type { Origin } from "../../model/records.ts";
import { type AttemptScope, isPromiseLike } from "./attempt-handle.ts";
import type { AttemptLog } from "./attempt-log.ts";
import type { AttemptRun } from "./attempt-run.ts";
import { Backpressure } from "./backpressure.ts";
import type { RunContext } from "./contexts.ts";
import type { HandlerRuntime } from "./handler-code.ts";

/** A batch on its way to the handler. */
export interface IncomingBatch {
  readonly uid: string;
  readonly origin: Origin;
  readonly payload: unknown;
  /** The payload comes from the store and must be decoded; otherwise it comes from the handler itself. */
  readonly stored: boolean;
  /** The reason code if the payload does not match its schema. @defaultValue `schema_mismatch` */
  readonly misfit?: "bad_input";
}

/** A batch that is in the log. */
export interface StoredBatch {
  readonly uid: string;
  readonly metrics: Metrics;
}

/** Receives the batches of an input. */
export interface BatchSink {
  /** Resolves when it can receive the next batch. */
  process(batch: IncomingBatch): Promise<unknown>;
  /** Resolves when all batches so far are stored; false if one of them will not be. */
  stored(): Promise<boolean>;
  /** Resolves when all batches are stored. */
  drain(): Promise<void>;
}

/** Turns batches into artifacts, one after another. */
export class BatchRunner implements BatchSink {
  readonly #run: AttemptRun;
  readonly #runtime: HandlerRuntime;
  readonly #context: RunContext;
  readonly #log: AttemptLog;
  readonly #onFirst: (batch: StoredBatch) => Promise<void>;
  readonly #part: AttemptScope | undefined;
  readonly #backpressure: Backpressure | undefined;

  constructor(options: {
    readonly run: AttemptRun;
    readonly runtime: HandlerRuntime;
    readonly context: RunContext;
    readonly log: AttemptLog;
    /** Called when the shard's first batch has been stored. */
    readonly onFirst: (batch: StoredBatch) => Promise<void>;
    /** Provides the handler's signal, if not the attempt. */
    readonly part?: AttemptScope | undefined;
  }) {
    this.#run = options.run;
    this.#runtime = options.runtime;
    this.#context = options.context;
    this.#log = options.log;
    this.#onFirst = options.onFirst;
    this.#part = options.part;
    this.#backpressure = Backpressure.of(options.run, options.log.generation);
  }

  /**
   * @param turn - called when the handler is done: resolves to whether the previous batch was stored, once that is
   * known
   * @returns whether this batch was stored
   */
  async process(batch: IncomingBatch, turn?: () => Promise<boolean>): Promise<boolean> {
    const run = this.#run;
    run.held.checkMayBegin();
    run.at.batchUid = batch.uid;
    const pause = run.yielder.pause();
    if (pause !== undefined) await pause;
    this.#checkLease();
    let payload = this.#decode(batch);
    if (payload instanceof Promise) payload = await this.#settled(payload, batch, "input");
    const context = this.#context.forBatch(batch.uid, this.#part);
    this.#part?.check(); // another batch may have failed during the decoding
    const { definition } = this.#runtime;
    // Called as a method: a handler may be an instance of a class.
    let output =
      definition.processBatch === undefined ? payload : run.code.run(() => definition.processBatch?.(payload, context));
    if (isPromiseLike(output)) output = await run.held.run(output);
    run.held.check();
    let meta = this.#encode(output, batch);
    if (meta instanceof Promise) meta = (await this.#settled(meta, batch, "output")) as Json;
    if (turn !== undefined) {
      if (!(await turn())) return false;
      run.held.check();
    }
    const room = this.#backpressure?.room(this.#log.length);
    if (room !== undefined) {
      await room;
      run.held.check();
    }
    const first = this.#log.length === 0;
    const stored = { uid: batch.uid, metrics: context.metrics.values };
    await this.#log.append({ ...stored, origin: batch.origin, meta });
    if (first) await this.#onFirst(stored);
    if (run.at.batchUid === batch.uid) run.at.batchUid = undefined; // later failures do not belong to this batch
    return true;
  }

  /** Between two calls of `process`, no batch is pending. */
  async stored(): Promise<boolean> {
    return true;
  }

  async drain(): Promise<void> {}

  /** Stops an attempt whose lease may have expired by this process's own clock. */
  #checkLease(): void {
    const { held, parts } = this.#run;
    if (parts.clock.monotonic() >= held.until) held.abandon("fenced");
    held.check();
  }

  #decode(batch: IncomingBatch): unknown {
    if (!batch.stored) return batch.payload;
    const codec: WireCodec | undefined = this.#runtime.input;
    try {
      return codec === undefined ? copyJson(batch.payload) : codec.decode(batch.payload as Json);
    } catch (error) {
      throw this.#misfit(error, batch, "input");
    }
  }

  #encode(output: unknown, batch: IncomingBatch): Json | Promise<Json> {
    try {
      return this.#runtime.output.encode(output);
    } catch (error) {
      throw this.#misfit(error, batch, "output");
    }
  }

  async #settled(value: Promise<unknown>, batch: IncomingBatch, side: "input" | "output"): Promise<unknown> {
    try {
      return await this.#run.held.run(value);
    } catch (error) {
      throw this.#misfit(error, batch, side);
    }
  }

  #misfit(error: unknown, batch: IncomingBatch, side: "input" | "output"): unknown {
    const code = side === "input" ? (batch.misfit ?? "schema_mismatch") : "schema_mismatch";
    return misfit(error, code, `${side} does not match its schema`);
  }
}

/**
 * Converts a value by a schema; a mismatch is a permanent failure of the node.
 *
 * @param says - the failure's message without node and batch, such as "output does not match its schema"
 */
export async function validateOutput<TIn, TOut>(
  convert: (value: TIn) => TOut | Promise<TOut>,
  value: TIn,
  code: CoreReasonCode,
  says: string,
): Promise<TOut> {
  try {
    return await convert(value);
  } catch (error) {
    throw misfit(error, code, says);
  }
}

/** The failure for a refused value; returns any other error unchanged. */
function misfit(error: unknown, code: CoreReasonCode, says: string): unknown {
  if (!(isInstance(error, SchemaMismatch) || isInstance(error, NotJsonError))) return error;
  return new AttemptError(code, `${says}: ${error.message}`, { cause: error.cause });
}

/**
 * Processes several batches of one attempt concurrently and stores them in their original order: each waits for the one
 * before it, so appends never overlap.
 *
 * The handler processes at most `concurrency` batches, and as many more wait for their turn, so that a slow batch
 * delays the others but does not let them accumulate.
 *
 * The first error stops the input and aborts the signal of the other batches. Batches before it that still complete are
 * stored, those after it are dropped. Nothing continues until all of them have ended.
 */
export class ParallelBatches implements BatchSink {
  readonly #runner: BatchRunner;
  readonly #part: AttemptScope;
  readonly #at: { batchUid: string | undefined };
  readonly #concurrency: number;
  #processing = 0;
  #inHand = 0;
  /** Whether the previous batch was stored. */
  #before: Promise<boolean> = Promise.resolve(true);
  #wake: (() => void) | undefined;

  constructor(options: {
    readonly runner: BatchRunner;
    /** What the first error ends: the input and the other batches. */
    readonly part: AttemptScope;
    /** Receives the uid of the batch that failed. */
    readonly at: { batchUid: string | undefined };
    readonly concurrency: number;
  }) {
    this.#runner = options.runner;
    this.#part = options.part;
    this.#at = options.at;
    this.#concurrency = options.concurrency;
  }

  /** Resolves when there is room for another batch. */
  async process(batch: IncomingBatch): Promise<void> {
    this.#part.checkMayBegin();
    this.#before = this.#take(batch, this.#before);
    while (this.#isFull) await this.#change();
    this.#part.check();
  }

  stored(): Promise<boolean> {
    return this.#before;
  }

  /** Resolves when no batch is pending. @throws the first error of a batch */
  async drain(): Promise<void> {
    while (this.#inHand > 0) await this.#change();
    if (this.#part.stopped !== undefined) throw this.#part.stopped.error;
  }

  get #isFull(): boolean {
    return this.#processing >= this.#concurrency || this.#inHand >= 2 * this.#concurrency;
  }

  async #take(batch: IncomingBatch, before: Promise<boolean>): Promise<boolean> {
    let isProcessing = true;
    const processed = (): void => {
      if (isProcessing) this.#processing--;
      isProcessing = false;
      this.#changed();
    };
    this.#processing++;
    this.#inHand++;
    try {
      return await this.#runner.process(batch, () => {
        processed();
        return before;
      });
    } catch (error) {
      if (this.#part.stopped === undefined) this.#at.batchUid = batch.uid;
      this.#part.stop(error);
      return false;
    } finally {
      this.#inHand--;
      processed();
    }
  }

  #change(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  #changed(): void {
    this.#wake?.();
    this.#wake = undefined;
  }
}
