import { type Attributes, diag, type Histogram, type Meter } from "@opentelemetry/api";
import type { AttemptOutcome } from "../../core/ports/index.ts";

/**
 * Calls the SDK. An SDK must not throw; if it does, work must not end in another way, so its error goes where its own errors
 * go: to the diagnostics of the API.
 */
export function safely<T>(call: () => T): T | undefined {
  try {
    return call();
  } catch (error) {
    diag.error("flowkit: the OpenTelemetry SDK has thrown", error);
    return undefined;
  }
}

/** In seconds. */
const explicitBucketBoundaries = [0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300, 1_800, 3_600];

/** The amount to add to a counter with these attributes. */
interface Series {
  readonly attributes: Attributes;
  sum: number;
  isNew: boolean;
}

/**
 * Sums that are passed to the SDK when it collects: on each call, the SDK would compare the attributes with those of all
 * series, which costs as much as a span.
 */
class Tally {
  readonly #counter: { add(value: number, attributes: Attributes): void };
  readonly #series = new Map<string, Series>();

  constructor(counter: { add(value: number, attributes: Attributes): void }) {
    this.#counter = counter;
  }

  /** @param key - identifies the attributes, which are created once */
  of(key: string, make: () => Attributes): Series {
    let series = this.#series.get(key);
    if (series === undefined) {
      series = { attributes: make(), sum: 0, isNew: true };
      this.#series.set(key, series);
    }
    return series;
  }

  flush(): void {
    for (const series of this.#series.values()) {
      if (series.sum !== 0 || series.isNew) this.#counter.add(series.sum, series.attributes);
      series.sum = 0;
      series.isNew = false;
    }
  }
}

/** Counts the attempts of a type. */
export interface AttemptMeter {
  readonly type: string;
  started(): void;
  ended(outcome: AttemptOutcome, processed: number, failed: number): void;
  lasted(sec: number, outcome: AttemptOutcome): void;
  setAside(reasonCode: string): void;
}

/** Counts what this process does. */
export class Meters {
  readonly #tasks: Tally;
  readonly #started: Tally;
  readonly #ended: Tally;
  readonly #running: Tally;
  readonly #duration: Histogram;
  readonly #ofTypes = new Map<string, AttemptMeter>();
  #last: AttemptMeter | undefined;
  readonly #processed: Tally;
  readonly #failed: Tally;
  readonly #aside: Tally;
  readonly #expired: Tally;

  constructor(meter: Meter) {
    const counter = (name: string, unit: string, description: string) =>
      new Tally(meter.createCounter(`flowkit.${name}`, { unit, description }));
    this.#tasks = counter("tasks.ended", "{task}", "Tasks whose end this process stored.");
    this.#started = counter("attempts.started", "{attempt}", "Attempts that this process began.");
    this.#ended = counter("attempts.ended", "{attempt}", "Attempts of this process that ended.");
    this.#processed = counter("batches.processed", "{batch}", "Batches that this process processed.");
    this.#failed = counter("tries.failed", "{try}", "Tries of batches that failed in this process.");
    this.#aside = counter("batches.set_aside", "{batch}", "Failed batches that this process set aside.");
    this.#expired = counter("leases.expired", "{lease}", "Expired leases that this process detected.");
    const description = "Attempts that run in this process.";
    this.#running = new Tally(
      meter.createUpDownCounter("flowkit.attempts.running", { unit: "{attempt}", description }),
    );
    this.#duration = meter.createHistogram("messaging.process.duration", {
      unit: "s",
      description: "Duration of an attempt.",
      advice: { explicitBucketBoundaries },
    });
    this.#flushAtCollection(meter);
  }

  taskEnded(status: string): void {
    this.#tasks.of(status, () => ({ "flowkit.task.status": status })).sum++;
  }

  leaseExpired(type: string, to: string): void {
    this.#expired.of(`${type} ${to}`, () => ({ ...typed(type), "flowkit.node.status": to })).sum++;
  }

  /** Called twice per attempt, usually with the type of the previous call. */
  of(type: string): AttemptMeter {
    if (this.#last?.type === type) return this.#last;
    this.#last = this.#ofTypes.get(type) ?? this.#meterOf(type);
    this.#ofTypes.set(type, this.#last);
    return this.#last;
  }

  /** Looks up no series for an attempt that finishes without failed tries, as most do. */
  #meterOf(type: string): AttemptMeter {
    const attributes = typed(type);
    const started = this.#started.of(type, () => attributes);
    const running = this.#running.of(type, () => attributes);
    const durations = {
      "messaging.system": "flowkit",
      "messaging.operation.name": "attempt",
      "messaging.destination.name": type,
    };
    const endedAs = (outcome: AttemptOutcome) =>
      this.#ended.of(`${type} ${outcome}`, () => ({ ...attributes, "flowkit.attempt.outcome": outcome }));
    let finished: Series | undefined;
    let processedBy: Series | undefined;
    return {
      type,
      started() {
        started.sum++;
        running.sum++;
      },
      ended: (outcome, processed, failed) => {
        running.sum--;
        if (outcome === "finished") {
          finished ??= endedAs(outcome);
          finished.sum++;
        } else endedAs(outcome).sum++;
        if (processed > 0) {
          processedBy ??= this.#processed.of(type, () => attributes);
          processedBy.sum += processed;
        }
        if (failed > 0) this.#failed.of(type, () => attributes).sum += failed;
      },
      lasted: (sec, outcome) => {
        const hasFailed = outcome === "failed" || outcome === "retried";
        safely(() => this.#duration.record(sec, hasFailed ? { ...durations, "error.type": outcome } : durations));
      },
      setAside: (reasonCode) => {
        this.#aside.of(`${type} ${reasonCode}`, () => ({ ...attributes, "error.type": reasonCode })).sum++;
      },
    };
  }

  /** The SDK calls the callbacks of observable instruments before it reads the others. This instrument never has a value. */
  #flushAtCollection(meter: Meter): void {
    const ofAttempts = [this.#started, this.#ended, this.#running, this.#processed, this.#failed];
    const tallies = [...ofAttempts, this.#tasks, this.#aside, this.#expired];
    const collected = meter.createObservableGauge("flowkit.collected", { description: "Never has a value." });
    meter.addBatchObservableCallback(() => {
      for (const tally of tallies) tally.flush();
    }, [collected]);
  }
}

const typed = (type: string): Attributes => ({ "flowkit.node.type": type });
