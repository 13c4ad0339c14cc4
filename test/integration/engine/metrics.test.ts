import { expect, test } from "vitest";
import { testEngine } from "../../helpers/engines.ts";
import { graphOf, node } from "../../helpers/graphs.ts";
import { countItems, handler, numbers, pages, source } from "../../helpers/handlers.ts";

const counting = (name: string, total: number, size: number) =>
  source(name, pages(numbers(total), size), {
    processBatch: (payload, ctx) => {
      ctx.metrics.add("items", countItems(payload));
      ctx.metrics.add("batches", 1);
      return payload;
    },
    finalize: (ctx) => ctx.metrics.add("finalized", 1),
  });

const aggregate = (of: string, mode = "sum") =>
  node(`${of}-${mode}`, [of], { fn: "metrics.aggregate", fnArgs: { node_id: of, mode } });

test("sums are exact for several streams and partial last batches, and finalize's are separate", async () => {
  const { engine } = await testEngine([counting("a", 11, 4), counting("b", 7, 7), counting("c", 1, 3)]);
  const ids = ["a", "b", "c"];
  const task = await engine.run(graphOf(...ids.map((id) => node(id)), ...ids.map((id) => aggregate(id))));
  expect(await task.result()).toEqual({
    "a-sum": { node_id: "a", mode: "sum", batches: 3, metrics: { items: 11, batches: 3 }, finalize: { finalized: 1 } },
    "b-sum": { node_id: "b", mode: "sum", batches: 1, metrics: { items: 7, batches: 1 }, finalize: { finalized: 1 } },
    "c-sum": { node_id: "c", mode: "sum", batches: 1, metrics: { items: 1, batches: 1 }, finalize: { finalized: 1 } },
  });
});

test("every mode, over the batches of all shards", async () => {
  const modes = ["sum", "mean", "min", "max", "last"];
  const { engine } = await testEngine([counting("a", 11, 4)]);
  const task = await engine.run(graphOf(node("a"), ...modes.map((mode) => aggregate("a", mode))));
  const result = await task.result();
  const of = (mode: string) => (result[`a-${mode}`] as { metrics: { items: number } }).metrics.items;
  expect(modes.map(of)).toEqual([11, 11 / 3, 3, 4, 3]);
});

test("two tasks of one graph have separate metrics", async () => {
  const { engine } = await testEngine([
    handler("a", {
      iterBatches: (args) => numbers((args as { n: number }).n).map((payload) => ({ payload })),
      processBatch: (n, ctx) => {
        ctx.metrics.add("n", 1);
        return n;
      },
    }),
  ]);
  const tasks = await Promise.all(
    [3, 5].map((n) => engine.run(graphOf(node("a", [], { args: { n } }), aggregate("a")))),
  );
  for (const [nth, count] of [3, 5].entries()) {
    expect(await tasks[nth]?.result()).toMatchObject({ "a-sum": { metrics: { n: count } } });
  }
});

test("a metric may have any name except an empty one and __proto__, even that of an object's method", async () => {
  const names = ["constructor", "toString", "valueOf", "hasOwnProperty", "a b", "ä"];
  const all = Object.fromEntries(names.map((name) => [name, 6]));
  const add = (ctx: { metrics: { add(name: string, value: number): void } }, value: number) => {
    for (const name of names) ctx.metrics.add(name, value);
  };
  const { engine } = await testEngine([
    source("a", [1, 2, 3], {
      processBatch: (n, ctx) => {
        add(ctx, n as number);
        return n;
      },
      finalize: async (ctx) => {
        for (const [name, value] of Object.entries(await ctx.metrics.totals())) ctx.metrics.add(name, value);
      },
    }),
  ]);
  const task = await engine.run(graphOf(node("a", [], { partitions: 2 }), aggregate("a")));
  expect(await task.result()).toMatchObject({ "a-sum": { metrics: all, finalize: all } });
  expect((await task.status()).nodes[0]?.metrics).toEqual(all);
});

test.for([
  ["", 1],
  ["__proto__", 1],
  ["n", Number.NaN],
  ["n", Number.POSITIVE_INFINITY],
] as const)("the metric '%s' of %d is a bug in the handler: permanent", async ([name, value]) => {
  const { engine } = await testEngine([
    source("a", [1], {
      processBatch: (n, ctx) => {
        ctx.metrics.add(name, value);
        return n;
      },
    }),
  ]);
  const task = await engine.run(graphOf(node("a")));
  await expect(task.result()).rejects.toMatchObject({ details: { reasonCode: "unexpected_error", epoch: 1 } });
});

test("a sum that leaves the range of numbers is refused when that happens, not stored", async () => {
  const { engine } = await testEngine([
    source("a", [1], {
      processBatch: (n, ctx) => {
        ctx.metrics.add("n", Number.MAX_VALUE);
        ctx.metrics.add("n", Number.MAX_VALUE);
        return n;
      },
    }),
  ]);
  const task = await engine.run(graphOf(node("a")));
  await expect(task.result()).rejects.toMatchObject({ details: { reasonCode: "unexpected_error", epoch: 1 } });
});
