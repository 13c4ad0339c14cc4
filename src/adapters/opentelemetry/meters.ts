import type { Attributes, Histogram, Meter } from "@opentelemetry/api";
import type { AttemptOutcome } from "../../core/ports/index.ts";

/** In seconds. */
const explicitBucketBoundaries = [0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300, 1_800, 3_600];

/**
 * A sum that is handed to the SDK when it collects: at each call, the SDK would compare the attributes with those of all series,
 * which costs as much as a span.
 */
class Tally {
  readonly #counter: { add(value: number, attributes: Attributes): void };
  readonly #pending = new Map<string, { readonly attributes: Attributes; sum: number; isNew: boolean }>();

  constructor(counter: { add(value: number, attributes: Attributes): void }) {
    this.#counter = counter;
  }

  /** @param key - names the attributes, which are made once */
  add(value: number, key: string, make: () => Attributes): void {
    let series = this.#pending.get(key);
    if (series === undefined) {
      series = { attributes: make(), sum: 0, isNew: true };
      this.#pending.set(key, series);
    }
    series.sum += value;
  }

  flush(): void {
    for (const series of this.#pending.values()) {
      if (series.sum !== 0 || series.isNew) this.#counter.add(series.sum, series.attributes);
      series.sum = 0;
      series.isNew = false;
    }
  }
}

/** Counts what this process does. */
export class Meters {
  readonly #tasks: Tally;
  readonly #started: Tally;
  readonly #ended: Tally;
  readonly #running: Tally;
  readonly #duration: Histogram;
  readonly #durations = new Map<string, Attributes>();
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
    this.#tasks.add(1, status, () => ({ "flowkit.task.status": status }));
  }

  leaseExpired(type: string, to: string): void {
    this.#expired.add(1, `${type} ${to}`, () => ({ ...typed(type), "flowkit.node.status": to }));
  }

  attemptStarted(type: string): void {
    this.#started.add(1, type, () => typed(type));
    this.#running.add(1, type, () => typed(type));
  }

  attemptEnded(
    type: string,
    how: {
      readonly outcome: AttemptOutcome;
      readonly sec: number;
      readonly processed: number;
      readonly failed: number;
    },
  ): void {
    const { outcome, sec, processed, failed } = how;
    this.#running.add(-1, type, () => typed(type));
    this.#ended.add(1, `${type} ${outcome}`, () => ({ ...typed(type), "flowkit.attempt.outcome": outcome }));
    this.#duration.record(sec, this.#durationOf(type, outcome));
    if (processed > 0) this.#processed.add(processed, type, () => typed(type));
    if (failed > 0) this.#failed.add(failed, type, () => typed(type));
  }

  setAside(type: string, reasonCode: string): void {
    this.#aside.add(1, `${type} ${reasonCode}`, () => ({ ...typed(type), "error.type": reasonCode }));
  }

  /** The same object each time: the SDK copies it anyway. */
  #durationOf(type: string, outcome: AttemptOutcome): Attributes {
    const hasFailed = outcome === "failed" || outcome === "retried";
    const known = hasFailed ? undefined : this.#durations.get(type);
    if (known !== undefined) return known;
    const attributes = {
      "messaging.system": "flowkit",
      "messaging.operation.name": "attempt",
      "messaging.destination.name": type,
      ...(hasFailed ? { "error.type": outcome } : {}),
    };
    if (!hasFailed) this.#durations.set(type, attributes);
    return attributes;
  }

  /** The SDK calls what observes an instrument before it reads the others. This instrument has no values. */
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
