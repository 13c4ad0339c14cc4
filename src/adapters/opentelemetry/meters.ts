import type { Attributes, Counter, Histogram, Meter, UpDownCounter } from "@opentelemetry/api";
import type { AttemptOutcome } from "../../core/ports/index.ts";

/** In seconds. */
const explicitBucketBoundaries = [0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300, 1_800, 3_600];

/** Counts what this process does. */
export class Meters {
  readonly #tasks: Counter;
  readonly #started: Counter;
  readonly #ended: Counter;
  readonly #running: UpDownCounter;
  readonly #duration: Histogram;
  readonly #processed: Counter;
  readonly #failed: Counter;
  readonly #aside: Counter;
  readonly #expired: Counter;

  constructor(meter: Meter) {
    const counter = (name: string, unit: string, description: string) =>
      meter.createCounter(`flowkit.${name}`, { unit, description });
    this.#tasks = counter("tasks.ended", "{task}", "Tasks whose end this process stored.");
    this.#started = counter("attempts.started", "{attempt}", "Attempts that this process began.");
    this.#ended = counter("attempts.ended", "{attempt}", "Attempts of this process that ended.");
    this.#processed = counter("batches.processed", "{batch}", "Batches that this process processed.");
    this.#failed = counter("tries.failed", "{try}", "Tries of batches that failed in this process.");
    this.#aside = counter("batches.set_aside", "{batch}", "Failed batches that this process set aside.");
    this.#expired = counter("leases.expired", "{lease}", "Expired leases that this process detected.");
    this.#running = meter.createUpDownCounter("flowkit.attempts.running", {
      unit: "{attempt}",
      description: "Attempts that run in this process.",
    });
    this.#duration = meter.createHistogram("messaging.process.duration", {
      unit: "s",
      description: "Duration of an attempt.",
      advice: { explicitBucketBoundaries },
    });
  }

  taskEnded(status: string): void {
    this.#tasks.add(1, { "flowkit.task.status": status });
  }

  leaseExpired(type: string, to: string): void {
    this.#expired.add(1, { ...typed(type), "flowkit.node.status": to });
  }

  attemptStarted(type: string): void {
    this.#started.add(1, typed(type));
    this.#running.add(1, typed(type));
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
    this.#running.add(-1, typed(type));
    this.#ended.add(1, { ...typed(type), "flowkit.attempt.outcome": outcome });
    this.#duration.record(sec, {
      "messaging.system": "flowkit",
      "messaging.operation.name": "attempt",
      "messaging.destination.name": type,
      ...(outcome === "failed" || outcome === "retried" ? { "error.type": outcome } : {}),
    });
    if (processed > 0) this.#processed.add(processed, typed(type));
    if (failed > 0) this.#failed.add(failed, typed(type));
  }

  setAside(type: string, reasonCode: string): void {
    this.#aside.add(1, { ...typed(type), "error.type": reasonCode });
  }
}

const typed = (type: string): Attributes => ({ "flowkit.node.type": type });
