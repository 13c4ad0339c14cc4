import { expectTypeOf } from "expect-type";
import { defineHandler, flow, type Json } from "flowkit";
import type { Engine } from "flowkit/engine";
import { describe, test } from "vitest";
import * as z from "zod";

declare const engine: Engine;

const read = defineHandler("read", {
  output: z.array(z.number()),
  *iterBatches() {
    yield { payload: [1] };
  },
});
const count = defineHandler("count", {
  input: z.array(z.number()),
  output: z.object({ n: z.number() }),
  result: z.object({ total: z.number() }),
  processBatch: (numbers) => ({ n: numbers.length }),
  finalize: () => ({ total: 0 }),
});
const counted = flow("counted", { params: z.object({ date: z.string() }) })
  .node("read", read)
  .then("count", count);

describe("a task of a flow", () => {
  test("has the flow's types", async () => {
    const task = await engine.run(counted, { params: { date: "2026-11-24" } });
    expectTypeOf(await task.result()).toEqualTypeOf<{ readonly count: { total: number } }>();
    for await (const numbers of task.artifacts("read")) expectTypeOf(numbers).toEqualTypeOf<number[]>();
    for await (const event of task.events()) {
      if (event.kind === "node") expectTypeOf(event.nodeId).toEqualTypeOf<"read" | "count">();
    }
  });

  test("needs the flow's parameters, and knows its nodes", async () => {
    // @ts-expect-error Expected 2 arguments: `params` is required
    await engine.run(counted);
    // @ts-expect-error 'date' is a string
    const task = await engine.run(counted, { params: { date: 1 } });
    // @ts-expect-error no such node
    task.artifacts("reed");
  });
});

describe("a task known by its id, or of a graph JSON", () => {
  test("may be read without a cast, as JSON", async () => {
    const task = engine.task("some-id");
    for await (const meta of task.artifacts("read")) expectTypeOf(meta).toEqualTypeOf<Json>();
    expectTypeOf((await task.result()).count).toEqualTypeOf<Json | undefined>();
    const run = await engine.run({ nodes: [{ node_id: "read", type: "read" }] }, { params: { any: "thing" } });
    for await (const meta of run.artifacts("read")) expectTypeOf(meta).toEqualTypeOf<Json>();
  });
});
