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

/** A span over the whole life of a task: made when it has ended, since it may have been created by another process. */
export function traceEnded(tracer: Tracer, task: TaskRecord): void {
  const { id, graph, status, traceparent, createdAt, endedAt, failure, retryOf } = task;
  const attributes = {
    ...taskAttributes({ id, flow: graph.name }),
    "flowkit.task.status": status,
    ...(retryOf === undefined ? {} : { "flowkit.task.retry_of": retryOf }),
  };
  const options = { startTime: createdAt, attributes };
  const within = contextOf(traceparent ?? traceparentFor(id));
  const span = tracer.startSpan(`task ${graph.name ?? "graph"}`, options, within);
  if (failure !== undefined) markFailed(span, failure.reasonCode, failure.message);
  span.end(endedAt);
}

/** The contexts of the newest tasks: their attempts would each parse the same text. */
export class TaskContexts {
  readonly #known = new Map<string, Context>();

  get({ traceparent, taskId }: Pick<TracedAttempt, "traceparent" | "taskId">): Context {
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
  /** Of the histogram: the SDK takes about 2 us for each value, as much as for a span. */
  readonly durations: SpanRate;
}

/**
 * An attempt, and its batches. Above the rates, spans are not begun: those of what fails are made afterwards. What the handler
 * of an attempt without a span traces is within the span of the task's creation.
 */
export class ObservedAttempt implements AttemptTrace {
  readonly #observers: AttemptObservers;
  readonly #attempt: TracedAttempt;
  readonly #began = performance.now();
  /** `undefined` above the rate, until the attempt fails. */
  #span: Span | undefined;
  #context: Context;
  readonly #isRecording: boolean;
  readonly #meter: AttemptMeter;
  #outcome: AttemptOutcome = "finished";
  #processed = 0;
  #failed = 0;

  constructor(observers: AttemptObservers, attempt: TracedAttempt) {
    this.#observers = observers;
    this.#attempt = attempt;
    this.#context = observers.contexts.get(attempt);
    if (observers.attempts.take(this.#began)) this.#start();
    this.#isRecording = this.#span === undefined || this.#span.isRecording();
    this.#meter = observers.meters.of(attempt.type);
    this.#meter.started();
  }

  run<T>(run: (trace: AttemptTrace) => Answer<T>): Answer<T> {
    let running: Answer<T>;
    try {
      running = context.with(this.#context, run, undefined, this);
    } catch (error) {
      this.#end();
      throw error;
    }
    if (isPending(running)) return running.finally(() => this.#end());
    this.#end();
    return running;
  }

  try<T extends object>(batch: TracedTry, run: () => Answer<T>): Answer<T & Traced> {
    if (!this.#isRecording) return this.#counted(batch, run, {});
    // An attempt that has one batch only begins with it: the clock costs as much as the rest.
    const began = batch.isOnly ? this.#began : performance.now();
    const whole = batch.isOnly ? this.#span : undefined;
    if (whole !== undefined) {
      describeOnly(whole, batch);
      return this.#counted(batch, run, { began, stored: whole });
    }
    if (!this.#observers.batches.take(began)) return this.#counted(batch, run, { began });
    const span = this.#startTry(batch);
    const within = () => context.with(trace.setSpan(this.#context, span), run);
    return this.#counted(batch, within, { own: span, stored: span.isRecording() ? span : undefined });
  }

  /** Most tries have no span, and end in the same step: nothing is made for them. */
  #counted<T extends object>(batch: TracedTry, run: () => Answer<T>, of: TrySpans): Answer<T & Traced> {
    let running: Answer<T>;
    try {
      running = run();
    } catch (error) {
      this.#tryFailed(batch, of, error);
      throw error;
    }
    if (!isPending(running)) return this.#tryDone(of, running);
    return running.then(
      (outcome) => this.#tryDone(of, outcome),
      (error: unknown) => {
        this.#tryFailed(batch, of, error);
        throw error;
      },
    );
  }

  #tryDone<T extends object>({ own, stored }: TrySpans, outcome: T): T & Traced {
    this.#processed++;
    own?.end();
    const traceparent = stored === undefined ? undefined : traceparentOf(stored);
    return traceparent === undefined ? outcome : { ...outcome, traceparent };
  }

  #tryFailed(batch: TracedTry, { own, began }: TrySpans, error: unknown): void {
    const isCounted = propertyOf(error, "name") !== "AttemptEnded"; // which it ends by for a reason outside of it
    if (isCounted) this.#failed++;
    const span = own ?? (isCounted && began !== undefined ? this.#startTry(batch, began) : undefined);
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
    const { taskId, nodeId, shard, epoch, type, flow, workerId } = this.#attempt;
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

  #startTry({ uid, tries, producer }: TracedTry, began?: number): Span {
    const { nodeId } = this.#attempt;
    const attributes = { "flowkit.node.id": nodeId, "flowkit.batch.uid": uid, "flowkit.batch.tries": tries };
    const from = spanContextOf(producer);
    const links: Link[] = from === undefined ? [] : [{ context: from }];
    const options = { attributes, links, ...startedAt(began) };
    return this.#observers.tracer.startSpan(`batch ${nodeId}`, options, this.#context);
  }
}

interface Traced {
  readonly traceparent?: string;
}

interface TrySpans {
  readonly own?: Span;
  /** The one whose context is stored with the batch. */
  readonly stored?: Span | undefined;
  /** When it began, for the span that is made if it fails. Absent: it has one, or nothing is recorded. */
  readonly began?: number;
}

function describeOnly(span: Span, { uid, tries, producer }: TracedTry): void {
  span.setAttributes({ "flowkit.batch.uid": uid, "flowkit.batch.tries": tries });
  const from = spanContextOf(producer);
  if (from !== undefined && tries === 1) span.addLink({ context: from });
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
  const hash = createHash("sha256").update(taskId).digest("hex");
  const own = taskId.replaceAll("-", "");
  return `00-${/^(?!0{32})[0-9a-f]{32}$/.test(own) ? own : hash.slice(0, 32)}-${hash.slice(32, 48)}-01`;
}

function spanContextOf(traceparent: string | undefined): SpanContext | undefined {
  const [, traceId = "", spanId = "", flags = ""] = traceparent?.split("-") ?? [];
  const found = { traceId, spanId, traceFlags: Number.parseInt(flags, 16), isRemote: true };
  return trace.isSpanContextValid(found) ? found : undefined;
}

/** Not the active context: an attempt is claimed in the context of whatever woke the worker. */
function contextOf(traceparent: string | undefined): Context {
  const remote = spanContextOf(traceparent);
  return remote === undefined ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, remote);
}
