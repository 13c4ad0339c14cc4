import { createHash } from "node:crypto";
import {
  type Attributes,
  type Context,
  context,
  INVALID_SPAN_CONTEXT,
  INVALID_SPANID,
  INVALID_TRACEID,
  type Link,
  ROOT_CONTEXT,
  type Span,
  type SpanContext,
  SpanKind,
  type SpanOptions,
  SpanStatusCode,
  TraceFlags,
  type Tracer,
  trace,
} from "@opentelemetry/api";
import type { Failure, NewTask, TaskRecord } from "../../core/model/records.ts";
import type { Answer, AttemptTrace, TracedAttempt, TracedTry, TryRunner } from "../../core/ports/index.ts";
import { isPending } from "../../core/resilience/store-retry.ts";
import { propertyOf, thrownMessage, thrownStack } from "../../errors/index.ts";
import { type Meters, safely } from "./meters.ts";

/** Runs the work once, with this context active unless the SDK's context manager throws. */
export function within<T>(active: Context, work: () => T): T {
  const outcomes: ({ readonly value: T } | { readonly error: unknown })[] = [];
  const begin = (): void => {
    try {
      outcomes.push({ value: work() });
    } catch (error) {
      outcomes.push({ error });
    }
  };
  safely(() => context.with(active, begin));
  if (outcomes.length === 0) begin();
  const [outcome] = outcomes;
  if (outcome === undefined || "error" in outcome) throw outcome?.error;
  return outcome.value;
}

/** Without a span of the SDK, what runs within belongs to the parent, as with the API's own tracer. */
const startSpan = (tracer: Tracer, name: string, options: SpanOptions, parent: Context): Span =>
  safely(() => tracer.startSpan(name, options, parent)) ??
  trace.wrapSpanContext(safely(() => trace.getSpanContext(parent)) ?? INVALID_SPAN_CONTEXT);

const isRecording = (span: Span | undefined): span is Span =>
  span !== undefined && safely(() => span.isRecording()) === true;

/** Creates a task within a span, which becomes the parent of the spans of its attempts. */
export async function traceCreation<T>(
  tracer: Tracer,
  task: NewTask,
  create: (task: NewTask) => Promise<T>,
): Promise<T> {
  const { id, graph, traceparent } = task;
  const active = traceparent === undefined ? safely(() => context.active()) : undefined;
  const parent = active ?? contextIn(spanContextOf(traceparent));
  const attributes: Attributes = {
    "flowkit.task.id": id,
    "flowkit.flow": graph.name,
    "messaging.system": "flowkit",
    "messaging.operation.type": "create",
    "messaging.operation.name": "run",
    "messaging.destination.name": graph.name,
    "messaging.message.id": id,
  };
  const span = startSpan(tracer, `create ${graph.name ?? "graph"}`, { kind: SpanKind.PRODUCER, attributes }, parent);
  const own = traceparentOf(span);
  try {
    const traced = own === undefined ? task : { ...task, traceparent: own };
    return await within(trace.setSpan(parent, span), () => create(traced));
  } catch (error) {
    recordError(span, error);
    throw error;
  } finally {
    safely(() => span.end());
  }
}

/** A task whose creation has no span joins the trace of its caller. */
export function withActiveTrace(task: NewTask): NewTask {
  const active = task.traceparent === undefined ? safely(() => trace.getActiveSpan()) : undefined;
  const traceparent = active && traceparentOf(active);
  return traceparent === undefined ? task : { ...task, traceparent };
}

/** A span over the whole life of a task. Created when the task has ended, since another process may have created the task. */
export function traceEnded(tracer: Tracer, task: TaskRecord): void {
  const { id, graph, status, traceparent, createdAt, endedAt, failure, retryOf } = task;
  const attributes: Attributes = {
    "flowkit.task.id": id,
    "flowkit.flow": graph.name,
    "flowkit.task.status": status,
    "flowkit.task.retry_of": retryOf,
  };
  const options = { startTime: createdAt, attributes };
  const span = startSpan(tracer, `task ${graph.name ?? "graph"}`, options, new TaskContext(id, traceparent));
  if (failure !== undefined) safely(() => markFailed(span, failure.reasonCode, failure.message));
  safely(() => span.end(endedAt));
}

/** The context of a task's creation. Created when something reads it: most attempts trace nothing. */
export class TaskContext implements Context {
  readonly #taskId: string;
  readonly #traceparent: string | undefined;
  #made: Context | undefined;

  constructor(taskId: string, traceparent: string | undefined) {
    this.#taskId = taskId;
    this.#traceparent = traceparent;
  }

  getValue(key: symbol): unknown {
    return this.#context.getValue(key);
  }

  setValue(key: symbol, value: unknown): Context {
    return this.#context.setValue(key, value);
  }

  deleteValue(key: symbol): Context {
    return this.#context.deleteValue(key);
  }

  get #context(): Context {
    const traceparent = this.#traceparent;
    this.#made ??= contextIn(traceparent === undefined ? spanContextFor(this.#taskId) : spanContextOf(traceparent));
    return this.#made;
  }
}

export interface AttemptObservers {
  readonly tracer: Tracer;
  readonly meters: Meters;
  readonly batches: SpanRate;
}

/**
 * The spans of an attempt and of its batches. Above the rates, no span is started; that of a failure is created afterwards.
 * What a handler traces in an attempt without a span belongs to the span of the task's creation, which the row has activated.
 */
export class AttemptSpans implements AttemptTrace {
  readonly #observers: AttemptObservers;
  readonly #of: TracedAttempt;
  /** `undefined` above the rate, until the attempt fails. */
  #span: Span | undefined;
  #isRecording = true;
  /** The context of its span, or else of its task. */
  #context: Context;

  constructor(observers: AttemptObservers, of: TracedAttempt) {
    this.#observers = observers;
    this.#of = of;
    this.#context = new TaskContext(of.attempt.taskId, of.traceparent);
  }

  /** Starts the span of the attempt. */
  static begin(observers: AttemptObservers, of: TracedAttempt): AttemptSpans {
    const spans = new AttemptSpans(observers, of);
    spans.#isRecording = isRecording(spans.#start());
    return spans;
  }

  /** Whether an SDK created the span: without one, it has the ids of its parent, or none. */
  get isTraced(): boolean {
    const { attempt, traceparent } = this.#of;
    const spanId = safely(() => this.#span?.spanContext().spanId) ?? INVALID_SPANID;
    const parent = trace.getSpanContext(new TaskContext(attempt.taskId, traceparent));
    return spanId !== INVALID_SPANID && spanId !== parent?.spanId;
  }

  run<TAttempt extends TracedAttempt, T>(attempt: TAttempt, run: (attempt: TAttempt) => T): T {
    return within(this.#context, () => run(attempt));
  }

  /** Most tries have no span and end in the same step: nothing is allocated for them. */
  try<TTry extends TracedTry, T extends object>(tried: TTry, by: TryRunner<TTry, T>): Answer<T & Traced> {
    // The only batch of an attempt begins with it: reading the clock costs as much as the rest.
    const isWhole = tried.batch.isOnly === true || !this.#isRecording;
    const began = isWhole ? this.#of.began : performance.now();
    const own = !isWhole && this.#observers.batches.take(began) ? this.#startTry(tried) : undefined;
    const stored = isWhole ? this.#span : own;
    const traceparent = isRecording(stored) ? traceparentOf(stored) : undefined;
    if (isWhole && traceparent !== undefined) describeOnly(stored, tried);
    let running: Answer<T>;
    try {
      if (own === undefined) running = by.tryOnce(tried);
      else running = within(trace.setSpan(this.#context, own), () => by.tryOnce(tried));
    } catch (error) {
      this.#tryFailed(tried, { own, began, isOver: by.isOver }, error);
      throw error;
    }
    if (!isPending(running)) return tryDone(running, own, traceparent);
    return this.#tryPending(running, { tried, by, own, began, traceparent });
  }

  #tryPending<TTry extends TracedTry, T extends object>(
    running: Promise<T>,
    { tried, by, own, began, traceparent }: BegunTry<TTry, T>,
  ): Promise<T & Traced> {
    return running.then(
      (outcome) => tryDone(outcome, own, traceparent),
      (error: unknown) => {
        this.#tryFailed(tried, { own, began, isOver: by.isOver }, error);
        throw error;
      },
    );
  }

  tryFailed(tried: TracedTry, error: unknown): void {
    this.#tryFailed(tried, { own: undefined, began: this.#of.began, isOver: false }, error);
  }

  #tryFailed(
    tried: TracedTry,
    { own, began, isOver }: { readonly own: Span | undefined; readonly began: number; readonly isOver: boolean },
    error: unknown,
  ): void {
    const isFault = !isOver && propertyOf(error, "name") !== "AttemptEnded"; // thrown to stop the attempt
    const span = own ?? (isFault && this.#isRecording ? this.#startTry(tried, began) : undefined);
    if (span === undefined) return;
    if (isFault) recordError(span, error);
    else safely(() => span.setAttribute("flowkit.ended", thrownMessage(error)));
    safely(() => span.end());
  }

  setAside(reasonCode: string): void {
    this.#observers.meters.of(this.#of.type).setAside(reasonCode);
  }

  end(): void {
    const { ending, processed, failedTries } = this.#of;
    if (ending?.failure !== undefined) this.#failed(ending.failure);
    const span = this.#span;
    if (span === undefined) return;
    const counts = { "flowkit.attempt.processed": processed, "flowkit.attempt.failed_tries": failedTries };
    safely(() => span.setAttributes({ "flowkit.attempt.outcome": ending?.outcome ?? "finished", ...counts }));
    safely(() => span.end());
  }

  #failed({ reasonCode, message, stack, batchUid }: Failure): void {
    const span = this.#span ?? this.#start(this.#of.began);
    safely(() => {
      markFailed(span, reasonCode, message);
      span.recordException({ name: reasonCode, message, ...(stack === undefined ? {} : { stack }) });
      if (batchUid !== undefined) span.setAttribute("flowkit.batch.uid", batchUid);
    });
  }

  /** @param began - a time in the past. @defaultValue now, as exactly as the SDK measures it */
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
    this.#span = startSpan(this.#observers.tracer, `process ${nodeId}`, options, this.#context);
    this.#context = trace.setSpan(this.#context, this.#span);
    return this.#span;
  }

  #startTry({ batch: { uid, producer }, failed }: TracedTry, began?: number): Span {
    const { nodeId } = this.#of.attempt;
    const attributes = { "flowkit.node.id": nodeId, "flowkit.batch.uid": uid, "flowkit.batch.tries": failed + 1 };
    const from = spanContextOf(producer);
    const links: Link[] = from === undefined ? [] : [{ context: from }];
    const options = { attributes, links, ...startedAt(began) };
    return startSpan(this.#observers.tracer, `batch ${nodeId}`, options, this.#context);
  }
}

interface BegunTry<TTry extends TracedTry, T> {
  readonly tried: TTry;
  readonly by: TryRunner<TTry, T>;
  readonly own: Span | undefined;
  /** As returned by `performance.now()`. */
  readonly began: number;
  readonly traceparent: string | undefined;
}

interface Traced {
  readonly traceparent?: string;
}

/** @param traceparent - stored with the batch */
function tryDone<T extends object>(outcome: T, own: Span | undefined, traceparent: string | undefined): T & Traced {
  if (own !== undefined) safely(() => own.end());
  return traceparent === undefined ? outcome : { ...outcome, traceparent };
}

function describeOnly(span: Span | undefined, { batch: { uid, producer }, failed }: TracedTry): void {
  const from = spanContextOf(producer);
  safely(() => {
    span?.setAttributes({ "flowkit.batch.uid": uid, "flowkit.batch.tries": failed + 1 });
    if (from !== undefined && failed === 0) span?.addLink({ context: from });
  });
}

/** From a time of `performance.now()`. */
const startedAt = (began: number | undefined): { readonly startTime?: number } =>
  began === undefined ? {} : { startTime: performance.timeOrigin + began };

/** A token bucket: bursts of up to `perSec`, and `perSec` per second on average. */
export class SpanRate {
  readonly #perSec: number;
  #left: number;
  #at = performance.now();
  /** No token is available before this time. */
  #nextAt = 0;

  constructor(perSec: number) {
    this.#perSec = perSec;
    this.#left = perSec;
  }

  /** @param now - as returned by `performance.now()` */
  take(now: number): boolean {
    if (now < this.#nextAt) return false;
    if (this.#perSec === Number.POSITIVE_INFINITY) return true;
    // Attempts may end in a different order from the one in which they began.
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
  const stack = thrownStack(error);
  safely(() => {
    markFailed(span, type, message);
    span.recordException({ name: type, message, ...(stack === undefined ? {} : { stack }) });
  });
}

/** `undefined` if nothing is recorded: no SDK is configured. */
function traceparentOf(span: Span): string | undefined {
  const { traceId, spanId, traceFlags } = safely(() => span.spanContext()) ?? INVALID_SPAN_CONTEXT;
  if (traceId === INVALID_TRACEID || spanId === INVALID_SPANID) return undefined;
  return `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, "0")}`;
}

/**
 * The context of a task that was created without telemetry. Derived from the task's id, so that its spans form one trace in
 * whichever processes it runs. The span that would have created the task does not exist.
 */
function spanContextFor(taskId: string): SpanContext {
  const own = taskId.replaceAll("-", "");
  const isTraceId = /^(?!0{16})[0-9a-f]{16}(?!0{16})[0-9a-f]{16}$/.test(own);
  const traceId = isTraceId ? own : createHash("sha256").update(taskId).digest("hex").slice(0, 32);
  return { traceId, spanId: traceId.slice(16), traceFlags: TraceFlags.SAMPLED, isRemote: true };
}

/** The API's own validation examines each digit, which costs as much as a span. */
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
