import { match } from "ts-pattern";
import * as z from "zod";
import type { CoordinatorFunctionDefinition, Metrics } from "../../definitions/index.ts";
import { aggregateModes } from "../../graph/format/function-args.ts";
import { builtIn } from "./built-in.ts";

const metrics = z.record(z.string(), z.number());

/**
 * `metrics.aggregate`: makes one number of each metric that the batches of `node_id` recorded.
 *
 * Every stored batch counts exactly once, however often it was tried. A batch that didn't record a metric has no part
 * in that metric: the mean is over those that did. `last` is the value of the last batch, by shard, then by seq. What
 * `finalize` recorded is no batch's: it stands under `finalize` as it is.
 *
 * Batches that recorded `{ rows: 4 }`, `{ rows: 4 }` and `{ rows: 3 }`, with mode `sum`:
 * `{ node_id: "extract", mode: "sum", batches: 3, metrics: { rows: 11 }, finalize: {} }`.
 */
export const metricsAggregate: CoordinatorFunctionDefinition = builtIn({
  name: "metrics.aggregate",
  output: z.strictObject({
    node_id: z.string(),
    mode: z.enum(aggregateModes),
    batches: z.number(),
    metrics,
    finalize: metrics,
  }),
  async run(ctx) {
    const { node_id, mode } = ctx.args;
    const series = new MetricSeries();
    let batches = 0;
    for await (const artifact of ctx.artifacts(node_id)) {
      ctx.signal.throwIfAborted();
      series.add(artifact.metrics);
      batches++;
    }
    const finalize: Metrics = { ...(await ctx.finalizeMetrics(node_id)) };
    return { node_id, mode, batches, metrics: series.aggregate(mode), finalize };
  },
});

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
