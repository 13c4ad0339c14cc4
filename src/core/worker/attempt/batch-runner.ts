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
  /** The payload is as it was stored, to be decoded; else it comes from the handler itself. */
  readonly stored: boolean;
  /** What a payload that doesn't fit is called. @defaultValue `schema_mismatch` */
  readonly misfit?: "bad_input";
}

/** A batch that is in the log. */
export interface StoredBatch {
  readonly uid: string;
  readonly metrics: Metrics;
}

/** Where the input puts its batches. */
export interface BatchSink {
  /** Resolves when it takes the next one. */
  process(batch: IncomingBatch): Promise<unknown>;
  /** Resolves when all that it took so far are stored; false: one of them will not be. */
  stored(): Promise<boolean>;
  /** Resolves when all that it took are stored. */
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
    /** Called once the shard's first batch is stored. */
    readonly onFirst: (batch: StoredBatch) => Promise<void>;
    /** Whose signal the handler gets, where that isn't the attempt's. */
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
   * @param turn - asked for once the handler is done: whether the batch before this one was stored, when that is known
   * @returns whether this one was
   */
  async process(batch: IncomingBatch, turn?: () => Promise<boolean>): Promise<boolean> {
    const run = this.#run;
    run.held.checkMayBegin();
    run.at.batchUid = batch.uid;
    const pause = run.breather.pause();
    if (pause !== undefined) await pause;
    this.#checkLease();
    let payload = this.#decode(batch);
    if (payload instanceof Promise) payload = await this.#settled(payload, batch, "input");
    const context = this.#context.forBatch(batch.uid, this.#part);
    this.#part?.check(); // while this one was decoded, another may have failed
    const { definition } = this.#runtime;
    // Called as a method: a handler may be a class instance.
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
    if (run.at.batchUid === batch.uid) run.at.batchUid = undefined; // what fails from here on is not this batch
    return true;
  }

  /** Nothing is in hand between two calls of `process`. */
  async stored(): Promise<boolean> {
    return true;
  }

  async drain(): Promise<void> {}

  /** Stops an attempt whose lease may have run out, by this process's own clock. */
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
 * Carries a value through a schema; one that doesn't fit is a permanent problem of the node.
 *
 * @param says - what to say then, of the node: "output does not match its schema". Which node and which batch it is,
 * a failure says by itself
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

/** The problem that a refused value is; any other error stays what it is. */
function misfit(error: unknown, code: CoreReasonCode, says: string): unknown {
  if (!(isInstance(error, SchemaMismatch) || isInstance(error, NotJsonError))) return error;
  return new AttemptError(code, `${says}: ${error.message}`, { cause: error.cause });
}

/**
 * Several batches of one attempt at once, stored in the order in which they came all the same: each waits for its turn
 * behind the one before it, so no two appends are ever under way.
 *
 * At most `concurrency` are in the handler's hands, and as many more wait for their turn: a slow one holds the others
 * up, it doesn't make them pile up.
 *
 * The first error counts. It stops the input and aborts the signal of the others; what was before it and still gets
 * done is stored, what came after it is dropped. Nobody goes on before all of them have ended.
 */
export class ParallelBatches implements BatchSink {
  readonly #runner: BatchRunner;
  readonly #part: AttemptScope;
  readonly #at: { batchUid: string | undefined };
  readonly #concurrency: number;
  #processing = 0;
  #inHand = 0;
  /** Whether the batch before was stored. */
  #before: Promise<boolean> = Promise.resolve(true);
  #wake: (() => void) | undefined;

  constructor(options: {
    readonly runner: BatchRunner;
    /** What ends with the first error: the input, and the other batches. */
    readonly part: AttemptScope;
    /** Where the batch that failed is named. */
    readonly at: { batchUid: string | undefined };
    readonly concurrency: number;
  }) {
    this.#runner = options.runner;
    this.#part = options.part;
    this.#at = options.at;
    this.#concurrency = options.concurrency;
  }

  /** Resolves when there is room for another one. */
  async process(batch: IncomingBatch): Promise<void> {
    this.#part.checkMayBegin();
    this.#before = this.#take(batch, this.#before);
    while (this.#isFull) await this.#change();
    this.#part.check();
  }

  stored(): Promise<boolean> {
    return this.#before;
  }

  /** Resolves when none is in hand any more. @throws the first error that one of them met */
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
