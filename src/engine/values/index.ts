export { copyJson, NotJsonError } from "./json-copy.ts";
export { jsonTooLarge, keepJson, keepShard, ownJson } from "./kept-json.ts";
export { addMetrics, type MetricSums, sumOf } from "./metric-sums.ts";
export { describeIssues, SchemaMismatch, WireCodec } from "./wire-codec.ts";
