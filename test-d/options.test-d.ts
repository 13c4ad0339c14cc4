import { expectTypeOf } from "expect-type";
import { defineHandler, flow, param } from "flowkit";
import { describe, test } from "vitest";
import * as z from "zod";
import { byDay, clean, count, extract, join, latest, needsBoth, notify, seeded } from "./handlers.ts";

/* What the compiler rejects with its own messages. Mistakes with FlowKit's messages are in test-d/errors/mistakes. */

const etl = flow("etl", {
  params: z.object({ date: z.iso.date(), n: z.number(), late: z.string().optional() }),
  adapters: [latest],
})
  .node("extract", extract, { args: { batchSize: 500 } })
  .node("count", count, { after: ["extract"] });

describe("arguments", () => {
  test("have the types of the handler's schema", () => {
    // @ts-expect-error: a number
    etl.node("w", extract, { args: { batchSize: "500" } });
    // @ts-expect-error: no such key inside
    etl.then("w", byDay, { args: { date: "", where: { town: "" } } });
    etl.then("w", byDay, { args: { date: "", limit: 1, where: { city: "" } } });
  });

  test("take parameters that fit, at any depth", () => {
    etl.then("w", byDay, { args: { date: param("date"), limit: param("n"), where: { city: param("date") } } });
    etl.node("w", seeded, { args: { seed: param("date") } });
    const elsewhere = { day: param("date"), n: param("n") };
    etl.then("w", byDay, { args: { date: elsewhere.day, limit: elsewhere.n } });
    // @ts-expect-error: a number
    etl.then("w", byDay, { args: { date: elsewhere.n } });
    // @ts-expect-error: a number
    etl.fn("w", notify, { args: { channel: param("n") } });
    // @ts-expect-error: no such parameter
    etl.fn("w", "vars.set", { args: { kv: { a: param("day") } } });
  });

  test("a default makes a parameter one that is always there", () => {
    const filled = flow("f", { params: z.object({ n: z.int().default(1) }) });
    filled.node("w", extract, { args: { batchSize: param("n") } });
    expectTypeOf<(typeof filled.$infer)["params"]>().toEqualTypeOf<{ n?: number | undefined }>();
  });
});

describe("adapters", () => {
  test("need their arguments, and take no others", () => {
    const chunks = { adapter: "pull.from_artifacts.rechunk:size", metaListKey: "rows" } as const;
    // @ts-expect-error: size is missing
    etl.node("w", clean, { after: ["extract"], input: chunks });
    etl.node("w", clean, { after: ["extract"], input: { ...chunks, size: 1 } });
    // @ts-expect-error: a number
    etl.node("w", count, { after: ["extract"], input: { adapter: "pull.latest", windowSec: "1" } });
    const start = flow().node("a", extract, { args: { batchSize: 1 } });
    // @ts-expect-error: not given to this flow
    start.then("w", count, { input: { adapter: "pull.latest", windowSec: 1 } });
  });

  test("a gather is whole under all, and may lack any source under another fan-in", () => {
    const whole = { after: ["extract", "count"], input: { adapter: "pull.gather" } } as const;
    etl.node("w", needsBoth, whole);
    // @ts-expect-error: under any, a source may be missing
    etl.node("w", needsBoth, { ...whole, fanIn: "any" });
    etl.node("w", join, { after: ["count"], fanIn: "any", input: { adapter: "pull.gather" } });
  });

  test("of an input with several members, a gather fits one as a whole", () => {
    const texts = defineHandler("texts", { output: z.string(), *iterBatches() {} });
    const numbers = defineHandler("numbers", { output: z.number(), *iterBatches() {} });
    const either = defineHandler("either", {
      input: z.union([
        z.object({ a: z.array(z.string()), b: z.array(z.string()) }),
        z.object({ a: z.array(z.number()), b: z.array(z.number()) }),
      ]),
      output: z.null(),
      processBatch: () => null,
    });
    const two = flow().node("a", texts).node("b", texts).node("c", numbers);
    two.node("w", either, { after: ["a", "b"], input: { adapter: "pull.gather" } });
    two.node("w", either, { after: ["a", "b"], input: { adapter: "pull.gather", from: { a: "a", b: "b" } } });
    // @ts-expect-error: each list fits a member, but not the same one
    two.node("w", either, { after: ["a", "c"], input: { adapter: "pull.gather", from: { a: "a", b: "c" } } });
  });
});

test("only reason codes that the handler or the engine gives are permanent", () => {
  etl.node("w", count, { after: ["extract"], retry: { permanentOn: ["timeout"] } });
  // @ts-expect-error: a code of another handler
  etl.node("w", count, { after: ["extract"], retry: { permanentOn: ["bad_row"] } });
});

test("what happens to a batch that fails", () => {
  etl.node("w", count, { after: ["extract"], onBatchFailure: "fail", batchTimeoutSec: 0.5 });
  etl.node("w", count, { after: ["extract"], onBatchFailure: "setAside", tolerate: { share: 1 } });
  etl.node("w", count, { after: ["extract"], onBatchFailure: "setAside", tolerate: {} });
  // @ts-expect-error: the spelling of the graph JSON
  etl.node("w", count, { after: ["extract"], onBatchFailure: "set_aside" });
  // @ts-expect-error: an object
  etl.node("w", count, { after: ["extract"], onBatchFailure: "setAside", tolerate: 3 });
  // @ts-expect-error: a number
  etl.node("w", count, { after: ["extract"], onBatchFailure: "setAside", tolerate: { share: "5 %" } });
  // @ts-expect-error: a number
  etl.node("w", count, { after: ["extract"], batchTimeoutSec: "5" });
  // @ts-expect-error: functions have no batches
  etl.fn("w", "noop", { after: ["extract"], onBatchFailure: "setAside" });
  // @ts-expect-error: functions have no batches
  etl.fn("w", "noop", { after: ["extract"], batchTimeoutSec: 5 });
});

test("options that aren't there", () => {
  // @ts-expect-error: fanin
  etl.node("w", count, { after: ["extract"], fanin: "all" });
  // @ts-expect-error: functions have no input
  etl.fn("w", "noop", { after: ["extract"], input: { adapter: "pull.gather" } });
  // @ts-expect-error: functions have no partitions
  etl.fn("w", "noop", { after: ["extract"], partitions: 2 });
});

test("a flow cannot be awaited", async () => {
  // @ts-expect-error: TS1320, its `then` is not a promise's
  await etl;
});
