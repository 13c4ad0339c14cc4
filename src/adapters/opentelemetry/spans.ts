import { createHash } from "node:crypto";
import {
  type Attributes,
  type Context,
  context,
  type Link,
  ROOT_CONTEXT,
  type Span,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
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
  const parent = traceparent === undefined ? context.active() : contextOf(traceparent);
  const attributes = {
    ...taskAttributes({ id, flow: graph.name }),
    ...messaging({ type: "create", name: "run", destination: graph.name }),
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
  const attributes = {
    ...taskAttributes({ id, flow: graph.name }),
    "flowkit.task.status": status,
    ...(retryOf === undefined ? {} : { "flowkit.task.retry_of": retryOf }),
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
      known = contextOf(traceparent ?? traceparentFor(taskId));
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
  readonly attempts: SpanRate;
  readonly batches: SpanRate;
  /** Of the histogram: a value costs the SDK nearly as much as a span. */
  readonly durations: SpanRate;
}

/**
 * An attempt, and its batches. Above the rates, spans are not begun: those of what fails are made afterwards. What the handler
 * of an attempt without a span traces is within the span of the task's creation.
 */
export class ObservedAttempt implements AttemptTrace {
  readonly #observers: AttemptObservers;
  readonly #of: TracedAttempt;
  readonly #began = performance.now();
  /** `undefined` above the rate, until the attempt fails. */
  #span: Span | undefined;
  #context: Context;
  readonly #isRecording: boolean;
  readonly #meter: AttemptMeter;
  #outcome: AttemptOutcome = "finished";
  #processed = 0;
  #failed = 0;

  constructor(observers: AttemptObservers, of: TracedAttempt) {
    this.#observers = observers;
    this.#of = of;
    this.#context = observers.contexts.of(of.attempt.taskId, of.traceparent);
    if (observers.attempts.take(this.#began)) this.#start();
    this.#isRecording = this.#span === undefined || this.#span.isRecording();
    this.#meter = observers.meters.of(of.type);
    this.#meter.started();
  }

  run<T>(run: (trace: AttemptTrace) => Answer<T>): Answer<T> {
    let running: Answer<T>;
    try {
      // Without a span, usually that of its row is active.
      running = this.#context === context.active() ? run(this) : context.with(this.#context, run, undefined, this);
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
    const began = isWhole ? this.#began : performance.now();
    const own = !isWhole && this.#observers.batches.take(began) ? this.#startTry(tried) : undefined;
    const stored = isWhole ? this.#span : own;
    const traceparent = stored?.isRecording() ? traceparentOf(stored) : undefined;
    if (isWhole && traceparent !== undefined) describeOnly(stored, tried);
    let running: Answer<T>;
    try {
      running = own === undefined ? run() : context.with(trace.setSpan(this.#context, own), run);
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
    const span = this.#span ?? this.#start(this.#began);
    markFailed(span, reasonCode, message);
    span.recordException({ name: reasonCode, message, ...(stack === undefined ? {} : { stack }) });
    if (batchUid !== undefined) span.setAttribute("flowkit.batch.uid", batchUid);
  }

  #end(): void {
    const outcome = this.#outcome;
    const processed = this.#processed;
    const failed = this.#failed;
    const isRecorded = this.#observers.durations.take(this.#began);
    const sec = isRecorded ? (performance.now() - this.#began) / 1_000 : undefined;
    this.#meter.ended({ outcome, processed, failed, sec });
    if (this.#span === undefined) return;
    const counts = { "flowkit.attempt.processed": processed, "flowkit.attempt.failed_tries": failed };
    this.#span.setAttributes({ "flowkit.attempt.outcome": outcome, ...counts });
    this.#span.end();
  }

  /** @param began - in the past. @defaultValue now, as exactly as the SDK measures it */
  #start(began?: number): Span {
    const { attempt, type, flow, workerId } = this.#of;
    const { taskId, nodeId, shard, epoch } = attempt;
    const attributes = {
      ...taskAttributes({ id: taskId, flow }),
      ...messaging({ type: "process", name: "attempt", destination: type }),
      "messaging.client.id": workerId,
      "flowkit.node.id": nodeId,
      "flowkit.node.type": type,
      "flowkit.shard": shard,
      "flowkit.epoch": epoch,
    };
    const options = { kind: SpanKind.CONSUMER, attributes, ...startedAt(began) };
    this.#span = this.#observers.tracer.startSpan(`process ${nodeId}`, options, this.#context);
    this.#context = trace.setSpan(this.#context, this.#span);
    return this.#span;
  }

  #startTry({ batch: { uid, producer }, failed }: TracedTry, began?: number): Span {
    const { nodeId } = this.#of.attempt;
    const attributes = { "flowkit.node.id": nodeId, "flowkit.batch.uid": uid, "flowkit.batch.tries": failed + 1 };
    const from = spanContextOf(producer);
    const links: Link[] = from === undefined ? [] : [{ context: from }];
    const options = { attributes, links, ...startedAt(began) };
    return this.#observers.tracer.startSpan(`batch ${nodeId}`, options, this.#context);
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

  constructor(perSec: number) {
    this.#perSec = perSec;
    this.#left = perSec;
  }

  /** @param now - by `performance.now()` */
  take(now: number): boolean {
    if (this.#perSec === Number.POSITIVE_INFINITY) return true;
    // Attempts may end in another order than they began in.
    if (now > this.#at) {
      this.#left = Math.min(this.#perSec, this.#left + ((now - this.#at) / 1_000) * this.#perSec);
      this.#at = now;
    }
    if (this.#left < 1) return false;
    this.#left--;
    return true;
  }
}

const taskAttributes = ({ id, flow }: { readonly id: string; readonly flow: string | undefined }): Attributes => ({
  "flowkit.task.id": id,
  ...(flow === undefined ? {} : { "flowkit.flow": flow }),
});

/** Attributes of OpenTelemetry's conventions for messaging. */
const messaging = (operation: {
  readonly type: "create" | "process";
  readonly name: string;
  readonly destination: string | undefined;
}): Attributes => ({
  "messaging.system": "flowkit",
  "messaging.operation.type": operation.type,
  "messaging.operation.name": operation.name,
  ...(operation.destination === undefined ? {} : { "messaging.destination.name": operation.destination }),
});

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
  if (!trace.isSpanContextValid(span.spanContext())) return undefined;
  return `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, "0")}`;
}

/**
 * Of a task that was created without telemetry: made of its id, so that whatever processes run it, its spans are in one trace.
 * The span that would have created it does not exist.
 */
function traceparentFor(taskId: string): string {
  const own = taskId.replaceAll("-", "");
  const isTraceId = /^(?!0{16})[0-9a-f]{16}(?!0{16})[0-9a-f]{16}$/.test(own);
  const id = isTraceId ? own : createHash("sha256").update(taskId).digest("hex").slice(0, 32);
  return `00-${id}-${id.slice(16)}-01`;
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
function contextOf(traceparent: string | undefined): Context {
  const remote = spanContextOf(traceparent);
  return remote === undefined ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, remote);
}
