import type { Metrics } from "../../definitions/index.ts";

export { copyJson, NotJsonError } from "../../graph/format/plain-data.ts";
export { jsonText, keepJson, keepShard, ownJson } from "./kept-json.ts";
export { describeIssues, SchemaMismatch, WireCodec } from "./wire-codec.ts";

export type MetricSums = Record<string, number>;

/** The sum so far. Reads own keys only: a metric may be named `constructor`. */
export const sumOf = (sums: Metrics, name: string): number => (Object.hasOwn(sums, name) ? (sums[name] ?? 0) : 0);

export function addMetrics(sums: MetricSums, metrics: Metrics): void {
  for (const [name, value] of Object.entries(metrics)) sums[name] = sumOf(sums, name) + value;
}
