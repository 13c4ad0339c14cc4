import * as z from "zod";
import { namePattern } from "../../graph/format/names.ts";
import { builtIn } from "./function.ts";

/** How a metric's values in all batches become one number. */
const modes = ["sum", "mean", "min", "max", "last"] as const;

const metrics = z.record(z.string(), z.number());

/**
 * `metrics.aggregate`: computes one number for each metric that the batches of `node_id` recorded.
 *
 * Every stored batch counts exactly once, however often it was attempted. A batch that did not record a metric is
 * ignored for it: the mean is over those that did. `last` is the value of the last batch, by shard, then by seq.
 * Metrics that `finalize` recorded belong to no batch: they are returned unchanged under `finalize`.
 *
 * Batches that recorded `{ rows: 4 }`, `{ rows: 4 }` and `{ rows: 3 }`, with mode `sum`:
 * `{ node_id: "extract", mode: "sum", batches: 3, metrics: { rows: 11 }, finalize: {} }`.
 */
export const metricsAggregate = builtIn({
  args: z.strictObject({
    node_id: z.string().regex(namePattern, { error: "must be a node id" }),
    mode: z.enum(modes).default("sum"),
  }),
  output: z.strictObject({
    node_id: z.string(),
    mode: z.enum(modes),
    batches: z.number(),
    metrics,
    finalize: metrics,
  }),
  reads: { arg: "node_id", isList: false },
  async run(ctx) {
    const { node_id, mode } = ctx.args;
    const series = new MetricSeries();
    let batches = 0;
    for await (const artifact of ctx.artifacts(node_id)) {
      ctx.signal.throwIfAborted();
      series.add(artifact.metrics);
      batches++;
    }
    const finalize = { ...(await ctx.finalizeMetrics(node_id)) };
    return { node_id, mode, batches, metrics: series.aggregate(mode), finalize };
  },
});

export interface MetricsAggregateTypes<TNode extends string> {
  readonly open: {};
  readonly written: {
    readonly nodeId: TNode;
    readonly mode?: "sum" | "mean" | "min" | "max" | "last";
  };
  readonly output: {
    node_id: string;
    mode: "sum" | "mean" | "min" | "max" | "last";
    batches: number;
    metrics: { [metric: string]: number };
    finalize: { [metric: string]: number };
  };
}

type AggregateMode = (typeof modes)[number];
type Metrics = Readonly<Record<string, number>>;

interface Summary {
  count: number;
  sum: number;
  min: number;
  max: number;
  last: number;
}

/** Accumulates the metrics of batches; memory grows with the number of names, not of batches. */
class MetricSeries {
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
  return mode === "mean" ? summary.sum / summary.count : summary[mode];
}
