import { createNoopMeter, type MeterProvider, metrics, type TracerProvider, trace } from "@opentelemetry/api";
import type { Telemetry } from "../../core/ports/index.ts";
import type { Logger } from "../../definitions/index.ts";
import { FlowError, propertyOf } from "../../errors/index.ts";
import { checkOptionNames } from "../../graph/format/near-name.ts";
import { Meters, safely } from "./meters.ts";
import { AttemptSpans, SpanRate, TaskContext, traceCreation, traceEnded, withActiveTrace, within } from "./spans.ts";

/** Options of {@link openTelemetry}. */
export interface OpenTelemetryOptions {
  /**
   * How many tasks per second and process have a span of their creation, and one of their whole life. A failed task always
   * has the latter.
   *
   * @defaultValue 20
   */
  readonly tasksPerSec?: number;
  /**
   * How many attempts per second and process have a span. A failed attempt always has one.
   *
   * @defaultValue 100
   */
  readonly attemptsPerSec?: number;
  /**
   * How many tries of batches per second and process have a span. A failed try always has one.
   *
   * @defaultValue 50
   */
  readonly batchesPerSec?: number;
  /** @defaultValue the one registered with the API */
  readonly tracerProvider?: TracerProvider;
  /** @defaultValue the one registered with the API */
  readonly meterProvider?: MeterProvider;
}

const durationsPerSec = 100;

const knownOptions: Readonly<Record<keyof OpenTelemetryOptions, true>> = {
  tasksPerSec: true,
  attemptsPerSec: true,
  batchesPerSec: true,
  tracerProvider: true,
  meterProvider: true,
};

const defaults = { tasksPerSec: 20, attemptsPerSec: 100, batchesPerSec: 50 } as const;

/**
 * Traces and counts tasks, attempts and batches through the OpenTelemetry API. Configure the SDK before you create the
 * engine; without an SDK, nothing is recorded. Works in the same way for engines, coordinators, workers and clients.
 *
 * @example
 * const engine = await createEngine({ handlers: etl.handlers, telemetry: openTelemetry() })
 *
 * @throws FlowError `ENGINE_OPTIONS` when an option is out of range
 */
export function openTelemetry(options: OpenTelemetryOptions = {}): Telemetry {
  checkOptionNames("openTelemetry", options, knownOptions);
  const rateOf = (name: keyof typeof defaults): SpanRate => {
    const { [name]: perSec = defaults[name] } = options;
    if (typeof perSec === "number" && perSec >= 0) return new SpanRate(perSec);
    throw new FlowError("ENGINE_OPTIONS", `openTelemetry: ${name} must be 0 or more, got ${perSec}`);
  };
  const { tracerProvider = trace, meterProvider = metrics } = options;
  const meter = meterProvider.getMeter("flowkit");
  const meters = new Meters(meter);
  const tracer = tracerProvider.getTracer("flowkit");
  const [attempts, batches] = [rateOf("attemptsPerSec"), rateOf("batchesPerSec")];
  const durations = new SpanRate(durationsPerSec); // recording a value costs the SDK nearly as much as a span
  const parts = { tracer, meters, batches };
  const [created, ended] = [rateOf("tasksPerSec"), rateOf("tasksPerSec")];
  const isMetered = meter !== createNoopMeter();
  /** Whether the latest span of an attempt was created by an SDK: without one, only attempts within the rate are observed. */
  let isObserved = true;
  return {
    createTask: (task, create) =>
      created.take(performance.now()) ? traceCreation(tracer, task, create) : create(withActiveTrace(task)),
    taskFinished() {
      meters.taskEnded("finished");
      return ended.take(performance.now());
    },
    taskEnded(task) {
      const { status } = task;
      if (status !== "finished") meters.taskEnded(status);
      if (status === "finished" || ended.take(performance.now()) || status === "failed") traceEnded(tracer, task);
    },
    leaseExpired: (type, to) => meters.leaseExpired(type, to),
    row: ({ taskId, traceparent }, run) => within(new TaskContext(taskId, traceparent), run),
    attempt(attempt) {
      const hasSpan = attempts.take(attempt.began);
      if (!hasSpan && !isObserved) return undefined;
      meters.of(attempt.type).started();
      if (!hasSpan) return undefined;
      const spans = AttemptSpans.begin(parts, attempt);
      isObserved = isMetered || spans.isTraced;
      return spans;
    },
    trace: (attempt) => (isObserved ? new AttemptSpans(parts, attempt) : undefined),
    attemptEnded(attempt) {
      if (!isObserved) return;
      const { type, began, ending, processed, failedTries } = attempt;
      const outcome = ending?.outcome ?? "finished";
      const meter = meters.of(type);
      meter.ended(outcome, processed, failedTries);
      if (durations.take(began)) meter.lasted((performance.now() - began) / 1_000, outcome);
      const { trace } = attempt;
      if (trace instanceof AttemptSpans) trace.end();
      else if (ending?.failure !== undefined) new AttemptSpans(parts, attempt).end();
    },
    logger: tracedLogger,
  };
}

/**
 * Adds the trace fields that OpenTelemetry defines for logs in other formats. A line about a task of another trace, such as a
 * coordinator's, keeps its own fields.
 */
function tracedLogger(logger: Logger): Logger {
  const at = (level: "debug" | "info" | "warn" | "error") => (fields: object, message?: string) => {
    const active = safely(() => trace.getActiveSpan()?.spanContext());
    if (active === undefined || isOfOther(fields, active.traceId)) {
      logger[level](fields, message);
      return;
    }
    const ids = { trace_id: active.traceId, span_id: active.spanId };
    // As with pino, the message may be the only argument.
    if (typeof fields === "string") logger[level](ids, fields);
    else logger[level](withIds(fields, ids), message);
  };
  return {
    debug: at("debug"),
    info: at("info"),
    warn: at("warn"),
    error: at("error"),
    child: (fields) => tracedLogger(logger.child(fields)),
  };
}

function isOfOther(fields: object, traceId: string): boolean {
  const own = propertyOf(fields, "trace_id");
  return own !== undefined && own !== traceId;
}

/** The fields may be any value. */
function withIds(fields: object, ids: object): object {
  try {
    return { ...fields, ...ids };
  } catch {
    return fields; // a getter throws: left to the logger
  }
}
