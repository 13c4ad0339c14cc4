import type { Metrics } from "../../../definitions/index.ts";
import { type CoreReasonCode, FlowError, isInstance, type Json } from "../../../errors/index.ts";
import { copyJson, NotJsonError, SchemaMismatch, type WireCodec } from "../../codec/index.ts";
import { AttemptError } from "../../model/attempt-error.ts";
import type { BatchFailure } from "../../model/records.ts";
import type { Answer } from "../../ports/index.ts";
import type { InputPlan } from "../input/index.ts";
import { type AttemptScope, isPromiseLike } from "./attempt-handle.ts";
import type { AttemptLog, BatchOutcome, PlacedBatch } from "./attempt-log.ts";
import type { AttemptReports, TryCounts } from "./attempt-reports.ts";
import type { AttemptRun } from "./attempt-run.ts";
import { Backpressure } from "./backpressure.ts";
import type { RunBatchContext, RunContext } from "./contexts.ts";
import type { HandlerRuntime } from "./handler-code.ts";
import { type LeftoverTries, TimedTry } from "./timed-try.ts";

/** A batch on its way to the handler. */
export interface IncomingBatch extends PlacedBatch {
  readonly payload: unknown;
  /** The payload comes from the store and must be decoded; otherwise it comes from the handler itself. */
  readonly stored: boolean;
  /** The payload is what the schema of its input would decode it to, and needs to be copied only. */
  readonly isDecoded?: boolean;
  /** The reason code if the payload does not match its schema. @defaultValue `schema_mismatch` */
  readonly misfit?: "bad_input";
  /** The trace context of the batch that it was made from. */
  readonly producer?: string;
  /** The input has no other batch. */
  readonly isOnly?: true;
}

/** A batch that is in the log. */
export interface StoredBatch {
  readonly uid: string;
  readonly metrics: Metrics;
  readonly failure?: BatchFailure;
}

/** An attempt of a handler that has been set up. */
export interface Started {
  readonly run: AttemptRun;
  readonly runtime: HandlerRuntime;
  readonly context: RunContext;
  readonly reports: AttemptReports;
  readonly tries: TryCounts;
  readonly leftover: LeftoverTries | undefined;
  readonly input: InputPlan;
  /** Called when the shard's first batch has been stored. */
  readonly onFirst: (batch: StoredBatch) => Promise<void> | undefined;
}

/** Turns batches into artifacts. */
export class BatchRunner {
  readonly #run: AttemptRun;
  readonly #runtime: HandlerRuntime;
  readonly #context: RunContext;
  readonly #log: AttemptLog;
  readonly #onFirst: (batch: StoredBatch) => Promise<void> | undefined;
  readonly #part: AttemptScope;
  readonly #backpressure: Backpressure | undefined;
  /** Nothing reads or judges the output before the node ends. */
  readonly #mayStoreAtEnd: boolean;

  /** @param part - provides the handler's signal */
  constructor({ run, runtime, context, onFirst }: Started, log: AttemptLog, part: AttemptScope) {
    this.#run = run;
    this.#runtime = runtime;
    this.#context = context;
    this.#log = log;
    this.#onFirst = onFirst;
    this.#part = part;
    this.#backpressure = Backpressure.of(run, log.generation);
    const { node, plan } = run;
    const { definition } = runtime;
    this.#mayStoreAtEnd = definition.finalize === undefined && !node.batches.setsAside && !plan.streaming.has(node.id);
  }

  /** Runs try number `tries`. Synchronous unless it has to wait. */
  process(batch: IncomingBatch, tries: number): Answer<BatchOutcome> {
    const { clock } = this.#run.parts;
    const now = clock.monotonic();
    const pause = this.#run.yielder.pause(now);
    if (pause !== undefined) return pause.then(() => this.#decoded(batch, tries, clock.monotonic()));
    return this.#decoded(batch, tries, now);
  }

  #decoded(batch: IncomingBatch, tries: number, now: number): Answer<BatchOutcome> {
    this.#checkLease(now);
    this.#part.check();
    const payload = this.#payloadOf(batch);
    if (payload instanceof Promise)
      return this.#settled(payload, batch, "input").then((settled) => this.#handled(batch, tries, settled));
    return this.#handled(batch, tries, payload);
  }

  #handled(batch: IncomingBatch, tries: number, payload: unknown): Answer<BatchOutcome> {
    const run = this.#run;
    const { definition } = this.#runtime;
    const { timeoutMs } = run.node.batches;
    if (timeoutMs !== undefined) return this.#handledInTime(batch, tries, { payload, timeoutMs });
    this.#part.check(); // another batch may have failed during the decoding
    const context = this.#context.forBatch({ uid: batch.uid, tries }, this.#part);
    if (definition.processBatch === undefined) return this.#encoded(batch, payload, context);
    // Called as a method: a handler may be an instance of a class.
    const output = run.code.run(() => definition.processBatch?.(payload, context));
    if (isPromiseLike(output)) return run.held.run(output).then((value) => this.#encoded(batch, value, context));
    return this.#encoded(batch, output, context);
  }

  async #handledInTime(
    batch: IncomingBatch,
    tries: number,
    { payload, timeoutMs }: { readonly payload: unknown; readonly timeoutMs: number },
  ): Promise<BatchOutcome> {
    const run = this.#run;
    const { definition } = this.#runtime;
    const timed = new TimedTry(run, this.#part.signal, timeoutMs);
    try {
      const context = this.#context.forBatch({ uid: batch.uid, tries }, timed);
      this.#part.check();
      let output =
        definition.processBatch === undefined
          ? payload
          : run.code.run(() => definition.processBatch?.(payload, context));
      if (isPromiseLike(output)) output = await timed.run(output);
      return await this.#encoded(batch, output, context);
    } finally {
      timed[Symbol.dispose]();
    }
  }

  #encoded(batch: IncomingBatch, output: unknown, context: RunBatchContext): Answer<BatchOutcome> {
    this.#run.held.check();
    const meta = this.#encode(output, batch);
    if (meta instanceof Promise)
      return this.#settled(meta, batch, "output").then((json) => ({ meta: json as Json, metrics: context.sums }));
    return { meta, metrics: context.sums };
  }

  /**
   * Stores the outcome of a batch, or keeps it to be stored with the outcome of the node. Calls must not overlap: an
   * attempt has at most one insert in flight. `undefined`: it is done.
   *
   * @param failed - the number of its failed tries, which are recorded until it is stored
   */
  store(batch: IncomingBatch, outcome: BatchOutcome, failed: number): Promise<void> | undefined {
    this.#run.held.check();
    if (batch.isOnly === true && this.#mayStoreAtEnd && this.#log.length === 0 && failed === 0)
      return this.#log.appendLast(batch, outcome);
    const room = this.#backpressure?.room(this.#log.length);
    if (room !== undefined || outcome.failure !== undefined) return this.#storeAfter(room, batch, outcome);
    const isFirst = this.#log.length === 0;
    const stored = this.#log.append(batch, outcome);
    if (!isFirst) return stored;
    const told = () => this.#onFirst({ uid: batch.uid, ...outcome });
    return stored === undefined ? told() : stored.then(told);
  }

  async #storeAfter(room: Promise<void> | undefined, batch: IncomingBatch, outcome: BatchOutcome): Promise<void> {
    if (room !== undefined) {
      await room;
      this.#run.held.check();
    }
    const first = this.#log.length === 0;
    try {
      await this.#log.append(batch, outcome);
    } catch (error) {
      const isAside = outcome.failure !== undefined && outcome.meta !== null;
      if (!(isAside && FlowError.is(error, "RECORD_TOO_LARGE"))) throw error;
      await this.#log.append(batch, { ...outcome, meta: null }); // what matters is that the batch is set aside
    }
    if (first) await this.#onFirst({ uid: batch.uid, ...outcome });
  }

  /** Stops an attempt whose lease may have expired by this process's own clock. */
  #checkLease(now: number): void {
    const { held } = this.#run;
    if (now >= held.until) held.abandon("fenced");
    held.check();
  }

  /** A new copy for each try: a handler may change its payload. */
  #payloadOf(batch: IncomingBatch): unknown {
    const { definition } = this.#runtime;
    if (!batch.stored) return definition.processBatch === undefined ? batch.payload : copyPlain(batch.payload);
    const codec: WireCodec | undefined = this.#runtime.input;
    try {
      return codec === undefined || batch.isDecoded === true
        ? copyJson(batch.payload)
        : codec.decode(batch.payload as Json);
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
    if (side === "output") return misfit(error, "schema_mismatch", "output does not match its schema");
    const says = "input does not match its schema";
    // The input may have been stored before a deployment, which is not the fault of the node that stored it.
    if (!batch.stored || !this.#runtime.changeSince(this.#run.plan.graph).input)
      return misfit(error, batch.misfit ?? "schema_mismatch", says);
    const { name } = this.#runtime.definition;
    return misfit(
      error,
      "handler_mismatch",
      `input does not match handler '${name}', which is newer or older than the task`,
    );
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

/** The payload to keep for a batch that is set aside; null if it comes from another node, whose log has it. */
export function keptPayload({ payload, origin }: IncomingBatch): Json {
  if (origin.source !== "") return null;
  try {
    return copyJson(payload);
  } catch (error) {
    if (isInstance(error, NotJsonError)) return null; // a source may yield any value to itself
    throw error;
  }
}

/** Copies objects and lists of a source's payload; anything else in it, such as a class instance, is shared. */
function copyPlain(value: unknown, copies?: Map<object, unknown>): unknown {
  if (typeof value !== "object" || value === null) return value;
  const known = copies?.get(value);
  if (known !== undefined) return known;
  const isList = Array.isArray(value);
  const prototype: unknown = Object.getPrototypeOf(value);
  if (!isList && prototype !== Object.prototype && prototype !== null) return value;
  const copy = isList ? [] : prototype === null ? Object.create(null) : {};
  let seen = copies?.set(value, copy);
  const copyOf = (item: unknown): unknown => {
    if (typeof item !== "object" || item === null) return item;
    seen ??= new Map([[value, copy]]); // most payloads contain no other object
    return copyPlain(item, seen);
  };
  if (isList) for (const item of value) copy.push(copyOf(item));
  else
    for (const key of Object.keys(value)) {
      const item = copyOf((value as Record<string, unknown>)[key]);
      if (key !== "__proto__") copy[key] = item;
      else Object.defineProperty(copy, key, { value: item, writable: true, enumerable: true, configurable: true });
    }
  return copy;
}

/** The failure for a refused value; returns any other error unchanged. */
function misfit(error: unknown, code: CoreReasonCode, says: string): unknown {
  if (!(isInstance(error, SchemaMismatch) || isInstance(error, NotJsonError))) return error;
  return new AttemptError(code, `${says}: ${error.message}`, { cause: error.cause });
}
