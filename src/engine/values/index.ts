export { copyJson, NotJsonError } from "./json-copy.ts";
export { addMetrics, type MetricSums, sumOf } from "./metric-sums.ts";
export { describeIssues, SchemaMismatch, WireCodec } from "./wire-codec.ts";
