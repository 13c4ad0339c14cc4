import { expectTypeOf } from "expect-type";
import { defineCoordinatorFn, defineHandler, defineInputAdapter, flow, param } from "flowkit";
import { describe, test } from "vitest";
import * as z from "zod";
import { extract } from "./handlers.ts";

/* Custom adapters and coordinator functions are checked like the built-in ones. */

const windows = defineInputAdapter("pull.windows", {
  args: z.object({ sec: z.number(), slide: z.number().optional(), zone: z.string().default("UTC") }),
  payload: z.array(z.object({ id: z.string(), price: z.number() })),
  expand: () => [],
});
const sum = defineCoordinatorFn("sum", {
  args: z.object({ node: z.string(), over: z.array(z.string()).optional(), scale: z.number().default(1) }),
  output: z.object({ total: z.number() }),
  run: ({ args }) => ({ total: args.scale }),
});
const takesRows = defineHandler("takes_rows", {
  input: z.array(z.object({ id: z.string(), price: z.number() })),
  output: z.int(),
  processBatch: (rows) => rows.length,
});
const takesTotal = defineHandler("takes_total", {
  input: z.object({ total: z.number() }),
  output: z.int(),
  processBatch: ({ total }) => total,
});
const takesText = defineHandler("takes_text", { input: z.string(), output: z.int(), processBatch: () => 1 });

const etl = flow("etl", { params: z.object({ sec: z.number(), node: z.string() }), adapters: [windows] }).node(
  "extract",
  extract,
  { args: { batchSize: 1 } },
);

describe("a custom adapter", () => {
  test("takes its arguments next to its name; optional ones and defaults may be omitted", () => {
    etl.then("a", takesRows, { input: { adapter: "pull.windows", sec: 1 } });
    etl.then("a", takesRows, { input: { adapter: "pull.windows", sec: 1, slide: 2, zone: "CET", from: ["extract"] } });
    // @ts-expect-error: sec is missing
    etl.then("a", takesRows, { input: { adapter: "pull.windows" } });
    // @ts-expect-error: sec is a number
    etl.then("a", takesRows, { input: { adapter: "pull.windows", sec: "1" } });
    const without = flow().node("extract", extract, { args: { batchSize: 1 } });
    // @ts-expect-error: this flow does not know it
    without.then("a", takesRows, { input: { adapter: "pull.windows" } });
  });

  test("its payload is checked on the edge", () => {
    // @ts-expect-error: a list of rows is not a string
    etl.then("a", takesText, { input: { adapter: "pull.windows", sec: 1 } });
    // @ts-expect-error: without the adapter, outputs travel
    etl.then("a", takesRows);
  });
});

describe("an adapter that a handler suggests", () => {
  const suggests = defineHandler("suggests", {
    input: z.array(z.object({ id: z.string(), price: z.number() })),
    output: z.int(),
    inputAdapter: { adapter: windows, sec: 1 },
    processBatch: (rows) => rows.length,
  });

  test("delivers if the node names none", () => {
    etl.then("a", suggests);
    etl.node("a", suggests, { after: ["extract"], startWhen: "first_batch" });
    const without = flow().node("extract", extract, { args: { batchSize: 1 } });
    // @ts-expect-error: this flow does not know it
    without.then("a", suggests);
  });

  test("is replaced by the node's own", () => {
    etl.then("a", suggests, { input: { adapter: "pull.from_artifacts.rechunk:size", size: 1, metaListKey: "rows" } });
    // @ts-expect-error: outputs as they are, which are no lists
    etl.then("a", suggests, { input: { adapter: "pull.from_artifacts" } });
    // @ts-expect-error: the same, where it reads from a list of nodes
    etl.node("a", suggests, { after: ["extract"], input: { adapter: "pull.from_artifacts", from: ["extract"] } });
  });

  test("still requires the handler's other arguments", () => {
    const dated = defineHandler("dated", {
      args: z.object({ day: z.string() }),
      input: z.object({ extract: z.array(z.json()) }),
      output: z.int(),
      inputAdapter: { adapter: "pull.gather" },
      processBatch: () => 1,
    });
    etl.then("a", dated, { args: { day: "" } });
    // @ts-expect-error: day is missing
    etl.then("a", dated);
    // @ts-expect-error: under any, a source may be missing
    etl.node("a", dated, { after: ["extract"], fanIn: "any", args: { day: "" } });
  });
});

describe("a custom coordinator function", () => {
  test("takes its arguments, parameters included", () => {
    etl.fn("s", sum, { after: ["extract"], args: { node: "extract" } });
    etl.fn("s", sum, { after: ["extract"], args: { node: param("node"), over: ["extract"], scale: param("sec") } });
    // @ts-expect-error: node is missing
    etl.fn("s", sum, { after: ["extract"] });
    // @ts-expect-error: node is missing
    etl.fn("s", sum, { after: ["extract"], args: { scale: 1 } });
    // @ts-expect-error: node is a text
    etl.fn("s", sum, { after: ["extract"], args: { node: 1 } });
    // @ts-expect-error: no such argument
    etl.fn("s", sum, { after: ["extract"], args: { node: "extract", size: 1 } });
    // @ts-expect-error: sec is a number, node a text
    etl.fn("s", sum, { after: ["extract"], args: { node: param("sec") } });
    // @ts-expect-error: no such parameter
    etl.fn("s", sum, { after: ["extract"], args: { node: param("nodes") } });
  });

  test("its output is checked on the edges after it, and is its result", () => {
    const summed = etl.fn("s", sum, { after: ["extract"], args: { node: "extract" } });
    const all = summed.then("t", takesTotal);
    expectTypeOf<(typeof summed.$infer.results)["s"]>().toEqualTypeOf<{ total: number }>();
    expectTypeOf<(typeof all.$infer.outputs)["s"]>().toEqualTypeOf<{ total: number }>();
    // @ts-expect-error: { total } is not a string
    summed.then("t", takesText);
  });
});
