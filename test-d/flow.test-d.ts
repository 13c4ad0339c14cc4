import { expectTypeOf } from "expect-type";
import { defineHandler, type FlowDefinition, type FlowTypes, flow, type Graph, param } from "flowkit";
import { describe, test } from "vitest";
import * as z from "zod";
import { byDay, clean, count, extract, join, latest, notify, rowsOnly, seeded, textual } from "./handlers.ts";

const etl = flow("etl", {
  params: z.object({ date: z.iso.date(), days: z.int().default(1) }),
  adapters: [latest, rowsOnly],
})
  .node("extract", extract, { args: { batchSize: 500 } })
  .then("clean", clean, {
    input: { adapter: "pull.from_artifacts.rechunk:size", size: 10, metaListKey: "rows" },
    startWhen: "first_batch",
    retry: { max: 3, backoffSec: 300, permanentOn: ["bad_row", "schema_mismatch"], backoffFactor: 2, jitter: 0 },
    timeoutSec: 60,
    ordered: true,
    onBatchFailure: "setAside",
    tolerate: { batches: 10, share: 0.05 },
    batchTimeoutSec: 20,
    partitions: 4,
    maxPendingBatches: 100,
  })
  .node("count", count, { after: ["extract"] })
  .node("join", join, { after: ["clean", "count"], fanIn: "count:1", input: { adapter: "pull.gather" } })
  .node("day", byDay, { after: ["count"], args: { date: param("date"), where: { city: param("date") } } })
  .node("last", count, { after: ["extract"], input: { adapter: "pull.latest", windowSec: 3 } })
  .node("rows", clean, { after: ["count"], input: { adapter: "pull.rows" } })
  .node("alias", join, {
    after: ["clean", "count"],
    input: { adapter: "pull.gather", from: { clean: "clean", count: "count" } },
  })
  .node("seed", seeded, { args: { seed: "x" } })
  .next("seed2", seeded)
  .fn("merge", "merge.generic", {
    after: ["clean", "count"],
    args: { fromNodes: ["clean", "count"], target: { key: "merged" } },
  })
  .fn("tell", notify, { after: ["merge"], args: { channel: param("date") } })
  .fn("vars", "vars.set", { after: ["merge"], args: { kv: { a: 1, nested: { day: param("date") } } } })
  .fn("wait", "noop", { after: ["vars"] })
  .fn("sum", "metrics.aggregate", { after: ["count"], args: { nodeId: "count", mode: "max" }, retry: { max: 0 } });

type Etl = typeof etl.$infer;

describe("what a flow knows of its runs", () => {
  test("params as the caller gives them", () => {
    expectTypeOf<Etl["params"]>().toEqualTypeOf<{ date: string; days?: number | undefined }>();
    const plain = flow();
    expectTypeOf<(typeof plain.$infer)["params"]>().toEqualTypeOf<{}>();
  });

  test("params as arguments see them: with the defaults that the engine fills in", () => {
    flow("f", { params: z.object({ seed: z.string().default("x") }) }).node("w", seeded, {
      args: { seed: param("seed") },
    });
    flow("f", { params: z.object({ seed: z.string().prefault("x") }) }).node("w", seeded, {
      args: { seed: param("seed") },
    });
    const lazy = z.lazy(() => z.string().default("x"));
    flow("f", { params: z.object({ seed: lazy }) }).node("w", seeded, { args: { seed: param("seed") } });
    const both = z.intersection(z.object({ seed: z.string().default("x") }), z.object({ n: z.int() }));
    flow("f", { params: both }).node("w", seeded, { args: { seed: param("seed") } });
    const loose = z.looseObject({ seed: z.string() });
    flow("f", { params: loose }).node("w", seeded, { args: { seed: param("seed") } });
  });

  test("outputs by node id", () => {
    expectTypeOf<Etl["outputs"]["clean"]>().toEqualTypeOf<{ rows: { id: string; cents: number }[]; note: string }>();
    expectTypeOf<Etl["outputs"]["merge"]>().toEqualTypeOf<{
      merged: { rows: { id: string; cents: number }[]; note: string; n: number };
    }>();
    expectTypeOf<Etl["outputs"]["sum"]["metrics"]>().toEqualTypeOf<{ [metric: string]: number }>();
    expectTypeOf<keyof Etl["outputs"]>().toEqualTypeOf<
      | ("extract" | "clean" | "count" | "join" | "day" | "last" | "rows" | "alias" | "seed" | "seed2")
      | ("merge" | "tell" | "vars" | "wait" | "sum")
    >();
  });

  test("results by leaf: the declared result, the list of outputs, a function's output", () => {
    expectTypeOf<keyof Etl["results"]>().toEqualTypeOf<
      "join" | "day" | "last" | "rows" | "alias" | "seed2" | "tell" | "wait" | "sum"
    >();
    expectTypeOf<Etl["results"]["rows"]>().toEqualTypeOf<{ kept: number }>();
    expectTypeOf<Etl["results"]["join"]>().toEqualTypeOf<{ total: number }[]>();
    expectTypeOf<Etl["results"]["tell"]>().toEqualTypeOf<{ sent: boolean }>();
  });

  test("its handlers by name, and by the nodes that they run", () => {
    expectTypeOf(etl.handlers.cleaner).toEqualTypeOf(clean);
    expectTypeOf<keyof typeof etl.handlers>().toEqualTypeOf<
      "extractor" | "cleaner" | "counter" | "joiner" | "by_day" | "seeded"
    >();
    expectTypeOf<Etl["handlers"]["rows"]>().toEqualTypeOf<typeof clean>();
    expectTypeOf<Extract<keyof Etl["handlers"], "merge" | "tell">>().toBeNever();
    expectTypeOf<Etl["name"]>().toEqualTypeOf<"etl">();
    const plain = flow();
    expectTypeOf<keyof typeof plain.handlers>().toBeNever();
  });

  test("it is what the engine takes", () => {
    const run = <TTypes extends FlowTypes>(given: FlowDefinition<TTypes>): TTypes => given.$infer;
    expectTypeOf(run(etl).params).toEqualTypeOf<{ date: string; days?: number | undefined }>();
    expectTypeOf(run(etl).results.join).toEqualTypeOf<{ total: number }[]>();
    expectTypeOf(run(etl).outputs.count).toEqualTypeOf<{ n: number }>();
    expectTypeOf(etl).toExtend<FlowDefinition>();
    expectTypeOf(etl.compile()).toEqualTypeOf<Graph>();
  });

  test("more nodes than the compiler keeps in one generation", () => {
    const long = flow()
      .node("n0", seeded, { args: { seed: "" } })
      .then("n1", seeded)
      .then("n2", seeded)
      .then("n3", seeded)
      .then("n4", seeded)
      .then("n5", seeded)
      .then("n6", seeded)
      .then("n7", seeded)
      .then("n8", seeded)
      .then("n9", seeded)
      .then("n10", seeded)
      .then("n11", seeded)
      .then("n12", seeded)
      .then("n13", seeded)
      .then("n14", seeded)
      .then("n15", seeded)
      .then("n16", seeded)
      .then("n17", seeded)
      .node("n18", seeded, { after: ["n0", "n15", "n16", "n17"], fanIn: "count:4" });
    expectTypeOf<keyof (typeof long.$infer)["results"]>().toEqualTypeOf<"n18">();
    expectTypeOf<(typeof long.$infer)["outputs"]["n0"]>().toEqualTypeOf<{ seed: string }>();
  });
});

describe("parameters inside optional arguments of a handler with an input", () => {
  const day = defineHandler("day", {
    args: z.object({ where: z.object({ city: z.string(), n: z.number() }).optional(), limit: z.number().optional() }),
    input: z.object({ n: z.number() }),
    output: z.object({ n: z.number() }),
    processBatch: (payload) => payload,
  });
  const params = z.object({ city: z.string(), n: z.number() });
  const start = flow("f", { params })
    .node("extract", extract, { args: { batchSize: 1 } })
    .then("count", count);

  test("after the node before", () => {
    start.then("day", day, { args: { where: { city: param("city"), n: param("n") } } }).compile();
  });
  test("with parents", () => {
    start.node("day", day, { after: ["count"], args: { where: { city: param("city"), n: 1 }, limit: param("n") } });
  });
  test("of a root, beside its input", () => {
    flow("f", { params })
      .node("day", day, { args: { n: param("n"), where: { city: param("city"), n: 1 } } })
      .compile();
    // @ts-expect-error
    flow("f", { params }).node("day", day, { args: { n: param("n"), where: { city: param("n"), n: 1 } } });
  });
});

describe("the result of a node with partitions", () => {
  const start = flow().node("extract", extract, { args: { batchSize: 1 } });
  const input = { adapter: "pull.from_artifacts.rechunk:size", size: 1, metaListKey: "rows" } as const;

  test("is a list of what finalize returned in each", () => {
    const parted = start.then("clean", clean, { input, partitions: 3 });
    expectTypeOf<(typeof parted.$infer)["results"]>().toEqualTypeOf<{ readonly clean: { kept: number }[] }>();
    const outer = flow().use("p", parted);
    expectTypeOf<(typeof outer.$infer)["results"]>().toEqualTypeOf<{ readonly "p.clean": { kept: number }[] }>();
  });
  test("is not a list of one", () => {
    const single = start.then("clean", clean, { input, partitions: 1 });
    expectTypeOf<(typeof single.$infer)["results"]>().toEqualTypeOf<{ readonly clean: { kept: number } }>();
  });
  test("may be either if the number of partitions is known only at run time", () => {
    const some = start.then("clean", clean, { input, partitions: Number("2") });
    expectTypeOf<(typeof some.$infer)["results"]>().toEqualTypeOf<{
      readonly clean: { kept: number } | { kept: number }[];
    }>();
  });
  test("is the list of outputs without finalize", () => {
    const counted = start.then("count", count, { partitions: 3 });
    expectTypeOf<(typeof counted.$infer)["results"]>().toEqualTypeOf<{ readonly count: { n: number }[] }>();
  });
});

describe("parents that depend on a condition", () => {
  const isLong = (): boolean => true;
  const start = flow()
    .node("extract", extract, { args: { batchSize: 1 } })
    .node("textual", textual);
  const either = start.node("more", extract, { args: { batchSize: 1 } });

  test("are checked, each of them", () => {
    either.node("count", count, { after: isLong() ? ["extract", "more"] : ["extract"] }).compile();
  });
});
