import { builtInAdapters, coreCodes, type Place } from "./completions.ts";

/** A correct value does not hide the other values: they are still offered. */
export const rightValues: readonly Place[] = [
  {
    what: "a parent",
    code: `etl.node("w", count, { after: ["extract|"] })`,
    offers: ["count", "extract"],
  },
  {
    what: "a parent, of two",
    code: `etl.node("w", join, { after: ["count", "extract|"], input: { adapter: "pull.gather" } })`,
    offers: ["count", "extract"],
  },
  {
    what: "a parent of a function's node",
    code: `etl.fn("w", "noop", { after: ["extract|"] })`,
    offers: ["count", "extract"],
  },
  {
    what: "a start condition",
    code: `etl.node("w", count, { after: ["extract"], startWhen: "ready|" })`,
    offers: ["ended", "first_batch", "ready"],
  },
  {
    what: "a fan-in",
    code: `etl.node("w", join, { after: ["extract", "count"], fanIn: "any|", input: { adapter: "pull.gather" } })`,
    offers: ["all", "any", "count:1", "count:2"],
  },
  {
    what: "a source",
    code: `etl.node("w", join, { after: ["extract", "count"], input: { adapter: "pull.gather", from: ["count|"] } })`,
    offers: ["count", "extract"],
  },
  {
    what: "the source under an alias",
    code: `etl.node("w", join, { after: ["extract", "count"], input: { adapter: "pull.gather", from: { count: "count|" } } })`,
    offers: ["count", "extract"],
  },
  {
    what: "a list key",
    code: `etl.node("w", clean, {
  after: ["extract"],
  input: { adapter: "pull.from_artifacts.rechunk:size", size: 10, metaListKey: "rows|" },
})`,
    offers: ["rows"],
  },
  {
    what: "a list key, of two",
    code: `const lists = defineHandler("lists", {
  output: z.object({ names: z.array(z.string()), rows: z.array(z.string()), n: z.number() }),
  *iterBatches() {},
});
const texts = defineHandler("texts", { input: z.array(z.string()), output: z.null(), processBatch: () => null });
flow()
  .node("a", lists)
  .then("w", texts, { input: { adapter: "pull.from_artifacts.rechunk:size", size: 1, metaListKey: "rows|" } })`,
    offers: ["names", "rows"],
  },
  {
    what: "an adapter",
    code: `etl.node("w", count, { after: ["extract"], input: { adapter: "pull.from_artifacts|" } })`,
    offers: [...builtInAdapters, "pull.latest"],
  },
  {
    what: "an adapter that takes aliases",
    code: `etl.node("w", join, { after: ["count"], input: { adapter: "pull.gather|", from: { count: "count" } } })`,
    offers: [...builtInAdapters, "pull.latest"],
  },
  {
    what: "a custom adapter",
    code: `flow("f", { adapters: [latest] })
  .node("a", extract, { args: { batchSize: 1 } })
  .then("w", count, { input: { adapter: "pull.latest|", windowSec: 1 } })`,
    offers: [...builtInAdapters, "pull.latest"],
  },
  {
    what: "a permanent code",
    code: `etl.node("w", clean, { after: ["extract"], retry: { permanentOn: ["bad_row|"] } })`,
    offers: [...coreCodes, "bad_row"],
  },
  {
    what: "a permanent code of a function",
    code: `etl.fn("w", notify, { args: { channel: "" }, retry: { permanentOn: ["timeout|"] } })`,
    offers: [...coreCodes, "rate_limited"],
  },
];
