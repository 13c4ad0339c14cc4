import { match } from "ts-pattern";
import type { Metrics } from "../../definitions/index.ts";
import type { aggregateModes } from "../../graph/function-args.ts";

export type AggregateMode = (typeof aggregateModes)[number];

interface Summary {
  count: number;
  sum: number;
  min: number;
  max: number;
  last: number;
}

/** Metrics of batches, taken in one after another; memory grows with the names, not with the batches. */
export class MetricSeries {
  readonly #summaries = new Map<string, Summary>();

  add(metrics: Metrics): void {
    for (const [name, value] of Object.entries(metrics)) {
      const summary = this.#summaries.get(name);
      if (summary === undefined) {
        this.#summaries.set(name, { count: 1, sum: value, min: value, max: value, last: value });
        continue;
      }
      summary.count++;
      summary.sum += value;
      summary.min = Math.min(summary.min, value);
      summary.max = Math.max(summary.max, value);
      summary.last = value;
    }
  }

  aggregate(mode: AggregateMode): Metrics {
    return Object.fromEntries([...this.#summaries].map(([name, summary]) => [name, numberOf(summary, mode)]));
  }
}

function numberOf(summary: Summary, mode: AggregateMode): number {
  return match(mode)
    .with("sum", () => summary.sum)
    .with("mean", () => summary.sum / summary.count)
    .with("min", () => summary.min)
    .with("max", () => summary.max)
    .with("last", () => summary.last)
    .exhaustive();
}
