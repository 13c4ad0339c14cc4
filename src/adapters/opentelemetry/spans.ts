import { createHash } from "node:crypto";
import {
  type Attributes,
  type Context,
  context,
  INVALID_SPANID,
  INVALID_TRACEID,
  type Link,
  ROOT_CONTEXT,
  type Span,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  type Tracer,
  trace,
} from "@opentelemetry/api";
import type { Failure, NewTask, TaskRecord } from "../../core/model/records.ts";
import type { Answer, AttemptOutcome, AttemptTrace, TracedAttempt, TracedTry } from "../../core/ports/index.ts";
import { isPending } from "../../core/resilience/store-retry.ts";
import { propertyOf, thrownMessage, thrownStack } from "../../errors/index.ts";
import type { AttemptMeter, Meters } from "./meters.ts";

/** Creates a task within a span, which the spans of its attempts continue. */
export async function traceCreation<T>(
  tracer: Tracer,
  task: NewTask,
  create: (task: NewTask) => Promise<T>,
): Promise<T> {
  const { id, graph, traceparent } = task;
  const parent = traceparent === undefined ? context.active() : contextIn(spanContextOf(traceparent));
  const attributes: Attributes = {
    "flowkit.task.id": id,
    "flowkit.flow": graph.name,
    "messaging.system": "flowkit",
    "messaging.operation.type": "create",
    "messaging.operation.name": "run",
    "messaging.destination.name": graph.name,
    "messaging.message.id": id,
  };
  const span = tracer.startSpan(`create ${graph.name ?? "graph"}`, { kind: SpanKind.PRODUCER, attributes }, parent);
  const own = traceparentOf(span);
  try {
    const traced = own === undefined ? task : { ...task, traceparent: own };
    return await context.with(trace.setSpan(parent, span), () => create(traced));
  } catch (error) {
    recordError(span, error);
    throw error;
  } finally {
    span.end();
  }
}

/** A task whose creation has no span is in the trace of its caller. */
export function withActiveTrace(task: NewTask): NewTask {
  const active = task.traceparent === undefined ? trace.getActiveSpan() : undefined;
  const traceparent = active && traceparentOf(active);
  return traceparent === undefined ? task : { ...task, traceparent };
}

/** A span over the whole life of a task: made when it has ended, since it may have been created by another process. */
export function traceEnded(
  { tracer, contexts }: Pick<AttemptObservers, "tracer" | "contexts">,
  task: TaskRecord,
): void {
  const { id, graph, status, traceparent, createdAt, endedAt, failure, retryOf } = task;
  const attributes: Attributes = {
    "flowkit.task.id": id,
    "flowkit.flow": graph.name,
    "flowkit.task.status": status,
    "flowkit.task.retry_of": retryOf,
  };
  const options = { startTime: createdAt, attributes };
  const within = contexts.of(id, traceparent);
  const span = tracer.startSpan(`task ${graph.name ?? "graph"}`, options, within);
  if (failure !== undefined) markFailed(span, failure.reasonCode, failure.message);
  span.end(endedAt);
}

/** The contexts of the newest tasks: their attempts would each parse the same text. */
export class TaskContexts {
  readonly #known = new Map<string, Context>();

  of(taskId: string, traceparent: string | undefined): Context {
    const key = traceparent ?? taskId;
    let known = this.#known.get(key);
    if (known === undefined) {
      known = contextIn(traceparent === undefined ? spanContextFor(taskId) : spanContextOf(traceparent));
      this.#known.set(key, known);
      const [oldest] = this.#known.size > keptContexts ? this.#known.keys() : [];
      if (oldest !== undefined) this.#known.delete(oldest);
    }
    return known;
  }
}

const keptContexts = 100;

export interface AttemptObservers {
  readonly tracer: Tracer;
  readonly meters: Meters;
  readonly contexts: TaskContexts;
  readonly batches: SpanRate;
  /** Of the histogram: a value costs the SDK nearly as much as a span. */
  readonly durations: SpanRate;
}

/**
 * An attempt, and its batches. Above the rates, spans are not begun: those of what fails are made afterwards. What the handler
 * of an attempt without a span traces is within the span of the task's creation, which its row has activated.
 */
export class ObservedAttempt<TAttempt extends TracedAttempt> implements AttemptTrace {
  readonly #observers: AttemptObservers;
  readonly #of: TAttempt;
  readonly #meter: AttemptMeter;
  /** Its duration is recorded. */
  readonly #isTimed: boolean;
  /** `undefined` above the rate, until the attempt fails. */
  #span: Span | undefined;
  readonly #isRecording: boolean;
  /** Of its span, or else of its task: found on demand. */
  #context: Context | undefined;
  #outcome: AttemptOutcome = "finished";
  #processed = 0;
  #failed = 0;

  constructor(observers: AttemptObservers, of: TAttempt, hasSpan: boolean) {
    this.#observers = observers;
    this.#of = of;
    this.#meter = observers.meters.of(of.type);
    this.#meter.started();
    this.#isTimed = observers.durations.take(of.began);
    if (hasSpan) this.#start();
    this.#isRecording = this.#span === undefined || this.#span.isRecording();
  }

  /** By an SDK: without one, the span has the ids of its parent, or none. */
  get isTraced(): boolean {
    const { attempt, traceparent } = this.#of;
    const spanId = this.#span?.spanContext().spanId ?? INVALID_SPANID;
    const parent = trace.getSpanContext(this.#observers.contexts.of(attempt.taskId, traceparent));
    return spanId !== INVALID_SPANID && spanId !== parent?.spanId;
  }

  run<T>(run: (attempt: TAttempt, trace: AttemptTrace) => Answer<T>): Answer<T> {
    let running: Answer<T>;
    try {
      const of = this.#of;
      running = this.#span === undefined ? run(of, this) : context.with(this.#within(), run, undefined, of, this);
    } catch (error) {
      this.#end();
      throw error;
    }
    if (isPending(running)) return running.finally(() => this.#end());
    this.#end();
    return running;
  }

  /** Most tries have no span, and end in the same step: nothing is made for them. */
  try<T extends object>(tried: TracedTry, run: () => Answer<T>): Answer<T & Traced> {
    // An attempt that has one batch only begins with it: the clock costs as much as the rest.
    const isWhole = tried.batch.isOnly === true || !this.#isRecording;
    const began = isWhole ? this.#of.began : performance.now();
    const own = !isWhole && this.#observers.batches.take(began) ? this.#startTry(tried) : undefined;
    const stored = isWhole ? this.#span : own;
    const traceparent = stored?.isRecording() ? traceparentOf(stored) : undefined;
    if (isWhole && traceparent !== undefined) describeOnly(stored, tried);
    let running: Answer<T>;
    try {
      running = own === undefined ? run() : context.with(trace.setSpan(this.#within(), own), run);
    } catch (error) {
      this.#tryFailed(tried, { own, began }, error);
      throw error;
    }
    if (!isPending(running)) return this.#tryDone(running, own, traceparent);
    return running.then(
      (outcome) => this.#tryDone(outcome, own, traceparent),
      (error: unknown) => {
        this.#tryFailed(tried, { own, began }, error);
        throw error;
      },
    );
  }

  /** @param traceparent - is stored with the batch */
  #tryDone<T extends object>(outcome: T, own: Span | undefined, traceparent: string | undefined): T & Traced {
    this.#processed++;
    own?.end();
    return traceparent === undefined ? outcome : { ...outcome, traceparent };
  }

  #tryFailed(tried: TracedTry, { own, began }: { own: Span | undefined; began: number }, error: unknown): void {
    const isCounted = propertyOf(error, "name") !== "AttemptEnded"; // which it ends by for a reason outside of it
    if (isCounted) this.#failed++;
    const span = own ?? (isCounted && this.#isRecording ? this.#startTry(tried, began) : undefined);
    if (span === undefined) return;
    recordError(span, error);
    span.end();
  }

  setAside(reasonCode: string): void {
    this.#meter.setAside(reasonCode);
  }

  ends(outcome: AttemptOutcome, failure?: Failure): void {
    this.#outcome = outcome;
    if (failure === undefined) return;
    const { reasonCode, message, stack, batchUid } = failure;
    const span = this.#span ?? this.#start(this.#of.began);
    markFailed(span, reasonCode, message);
    span.recordException({ name: reasonCode, message, ...(stack === undefined ? {} : { stack }) });
    if (batchUid !== undefined) span.setAttribute("flowkit.batch.uid", batchUid);
  }

  #end(): void {
    const processed = this.#processed;
    const failed = this.#failed;
    this.#meter.ended(this.#outcome, processed, failed);
    if (this.#isTimed) this.#meter.lasted((performance.now() - this.#of.began) / 1_000, this.#outcome);
    if (this.#span === undefined) return;
    const counts = { "flowkit.attempt.processed": processed, "flowkit.attempt.failed_tries": failed };
    this.#span.setAttributes({ "flowkit.attempt.outcome": this.#outcome, ...counts });
    this.#span.end();
  }

  #within(): Context {
    const { attempt, traceparent } = this.#of;
    this.#context ??= this.#observers.contexts.of(attempt.taskId, traceparent);
    return this.#context;
  }

  /** @param began - in the past. @defaultValue now, as exactly as the SDK measures it */
  #start(began?: number): Span {
    const { attempt, type, flow, workerId } = this.#of;
    const { taskId, nodeId, shard, epoch } = attempt;
    const attributes: Attributes = {
      "flowkit.task.id": taskId,
      "flowkit.flow": flow,
      "messaging.system": "flowkit",
      "messaging.operation.type": "process",
      "messaging.operation.name": "attempt",
      "messaging.destination.name": type,
      "messaging.client.id": workerId,
      "flowkit.node.id": nodeId,
      "flowkit.node.type": type,
      "flowkit.shard": shard,
      "flowkit.epoch": epoch,
    };
    const options = { kind: SpanKind.CONSUMER, attributes, ...startedAt(began) };
    this.#span = this.#observers.tracer.startSpan(`process ${nodeId}`, options, this.#within());
    this.#context = trace.setSpan(this.#within(), this.#span);
    return this.#span;
  }

  #startTry({ batch: { uid, producer }, failed }: TracedTry, began?: number): Span {
    const { nodeId } = this.#of.attempt;
    const attributes = { "flowkit.node.id": nodeId, "flowkit.batch.uid": uid, "flowkit.batch.tries": failed + 1 };
    const from = spanContextOf(producer);
    const links: Link[] = from === undefined ? [] : [{ context: from }];
    const options = { attributes, links, ...startedAt(began) };
    return this.#observers.tracer.startSpan(`batch ${nodeId}`, options, this.#within());
  }
}

interface Traced {
  readonly traceparent?: string;
}

function describeOnly(span: Span | undefined, { batch: { uid, producer }, failed }: TracedTry): void {
  span?.setAttributes({ "flowkit.batch.uid": uid, "flowkit.batch.tries": failed + 1 });
  const from = spanContextOf(producer);
  if (from !== undefined && failed === 0) span?.addLink({ context: from });
}

/** By the clock of `performance.now()`. */
const startedAt = (began: number | undefined): { readonly startTime?: number } =>
  began === undefined ? {} : { startTime: performance.timeOrigin + began };

/** So many at once, and so many per second in the long run. */
export class SpanRate {
  readonly #perSec: number;
  #left: number;
  #at = performance.now();
  /** Before this, none is left. */
  #nextAt = 0;

  constructor(perSec: number) {
    this.#perSec = perSec;
    this.#left = perSec;
  }

  /** @param now - by `performance.now()` */
  take(now: number): boolean {
    if (now < this.#nextAt) return false;
    if (this.#perSec === Number.POSITIVE_INFINITY) return true;
    // Attempts may end in another order than they began in.
    if (now > this.#at) {
      this.#left = Math.min(this.#perSec, this.#left + ((now - this.#at) / 1_000) * this.#perSec);
      this.#at = now;
    }
    if (this.#left < 1) {
      this.#nextAt = this.#at + ((1 - this.#left) / this.#perSec) * 1_000;
      return false;
    }
    this.#left--;
    return true;
  }
}

function markFailed(span: Span, type: string, message: string): void {
  span.setAttribute("error.type", type);
  span.setStatus({ code: SpanStatusCode.ERROR, message });
}

function recordError(span: Span, error: unknown): void {
  const code = propertyOf(error, "code");
  const name = propertyOf(error, "name");
  const message = thrownMessage(error);
  const type = typeof code === "string" ? code : typeof name === "string" ? name : "_OTHER";
  // It stops, for a reason that lies outside of it.
  if (type === "AttemptEnded") return void span.setAttribute("flowkit.ended", message);
  const stack = thrownStack(error);
  markFailed(span, type, message);
  span.recordException({ name: type, message, ...(stack === undefined ? {} : { stack }) });
}

/** `undefined` if nothing is recorded: no SDK is configured. */
function traceparentOf(span: Span): string | undefined {
  const { traceId, spanId, traceFlags } = span.spanContext();
  if (traceId === INVALID_TRACEID || spanId === INVALID_SPANID) return undefined;
  return `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, "0")}`;
}

/**
 * Of a task that was created without telemetry: made of its id, so that whatever processes run it, its spans are in one trace.
 * The span that would have created it does not exist.
 */
function spanContextFor(taskId: string): SpanContext {
  const own = taskId.replaceAll("-", "");
  const isTraceId = /^(?!0{16})[0-9a-f]{16}(?!0{16})[0-9a-f]{16}$/.test(own);
  const traceId = isTraceId ? own : createHash("sha256").update(taskId).digest("hex").slice(0, 32);
  return { traceId, spanId: traceId.slice(16), traceFlags: TraceFlags.SAMPLED, isRemote: true };
}

/** The API's own check looks at each digit, which costs as much as a span. */
const traceparentPattern = /^[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})/i;

function spanContextOf(traceparent: string | undefined): SpanContext | undefined {
  if (traceparent === undefined) return undefined;
  const [, traceId, spanId, flags = ""] = traceparentPattern.exec(traceparent) ?? [];
  if (traceId === undefined || spanId === undefined) return undefined;
  return { traceId, spanId, traceFlags: Number.parseInt(flags, 16), isRemote: true };
}

/** Not the active context: an attempt is claimed in the context of whatever woke the worker. */
const contextIn = (parent: SpanContext | undefined): Context =>
  parent === undefined ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, parent);
