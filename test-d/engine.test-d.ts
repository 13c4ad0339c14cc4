import { expectTypeOf } from "expect-type";
import { type CoreReasonCode, defineHandler, type FlowDefinition, flow, type Json } from "flowkit";
import { createEngine, type Engine, type EngineOptions, type FailedBatch, type TaskView } from "flowkit/engine";
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
      if (event.kind === "progress") expectTypeOf(event.nodeId).toEqualTypeOf<"read" | "count">();
    }
    const status = await task.status();
    expectTypeOf(status.nodes[0]?.nodeId).toEqualTypeOf<"read" | "count" | undefined>();
    expectTypeOf(status).toExtend<TaskView>();
  });

  test("needs the flow's parameters, and knows its nodes", async () => {
    // @ts-expect-error: `params` is required
    await engine.run(counted);
    // @ts-expect-error: no such parameter
    await engine.run(counted, { params: { date: "", day: "" } });
    // @ts-expect-error: no such option
    await engine.run(counted, { params: { date: "" }, idempotency: "" });
    // @ts-expect-error 'date' is a string
    const task = await engine.run(counted, { params: { date: 1 } });
    // @ts-expect-error no such node
    task.artifacts("reed");
  });
});

describe("the failed batches of a task of a flow", () => {
  const Order = z.object({
    id: z.string(),
    at: z.codec(z.string(), z.date(), { decode: (s) => new Date(s), encode: String }),
  });
  const charge = defineHandler("charge", {
    input: Order,
    output: z.string(),
    errors: ["refused"],
    processBatch: ({ id }) => id,
  });
  const orders = defineHandler("orders", {
    output: z.object({ id: z.string(), at: z.string() }),
    *iterBatches() {},
  });
  const shop = flow("shop").node("orders", orders).then("charge", charge);

  test("have the input of their handler as JSON, and its codes", async () => {
    const task = await engine.run(shop);
    for await (const batch of engine.failedBatches(task, "charge")) {
      expectTypeOf(batch.input).toEqualTypeOf<{ id: string; at: string } | undefined>();
      expectTypeOf(batch.reasonCode).toEqualTypeOf<"refused" | CoreReasonCode>();
    }
  });

  test("are JSON with any code if the handler declares neither, or the flow is unknown", async () => {
    const task = await engine.run(shop);
    for await (const batch of engine.failedBatches(task, "orders")) {
      expectTypeOf(batch.input).toEqualTypeOf<Json | undefined>();
      expectTypeOf(batch.reasonCode).toEqualTypeOf<string>();
    }
    for await (const batch of engine.failedBatches(task.id, "charge")) expectTypeOf(batch).toEqualTypeOf<FailedBatch>();
    // @ts-expect-error no such node
    engine.failedBatches(task, "chrage");
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

test("a listener receives the event that it is named for", () => {
  engine.on("taskFinished", (event) => {
    expectTypeOf(event.taskId).toEqualTypeOf<string>();
    // @ts-expect-error: Property 'failure' does not exist
    event.failure;
  });
  engine.on("taskFailed", ({ failure }) => expectTypeOf(failure.message).toEqualTypeOf<string>());
  engine.on("taskCancelled", async ({ cancelReason }) => expectTypeOf(cancelReason).toEqualTypeOf<string>());
  // @ts-expect-error: no such event
  engine.on("taskFaild", () => {});
});

describe("an engine knows its handlers", () => {
  const reads = flow().node("read", read);
  const params = { date: "2026-11-24" };

  test("of a flow, of several, of a list, of a record by any keys", async () => {
    const ofFlow = await createEngine({ handlers: counted.handlers });
    await ofFlow.run(counted, { params });
    await ofFlow.run(reads);
    const ofBoth = await createEngine({ handlers: { ...reads.handlers, ...counted.handlers } });
    await ofBoth.run(counted, { params });
    const ofList = await createEngine({ handlers: [read] });
    await ofList.run(reads);
    // @ts-expect-error: no handler 'count'
    await ofList.run(counted, { params });
    const ofSpread = await createEngine({ handlers: [...Object.values(reads.handlers), count] });
    await ofSpread.run(counted, { params });
    const ofRecord = await createEngine({ handlers: { first: read, second: count } });
    await ofRecord.run(counted, { params });
    await ofRecord.run({ nodes: [{ node_id: "a", type: "unknown_to_types" }] });
  });

  test("one whose handlers are definitions takes every flow, and so does an `Engine`", async () => {
    const options: EngineOptions = { handlers: [read] };
    const some = await createEngine(options);
    await some.run(counted, { params });
    const readsOnly: Engine = await createEngine({ handlers: [read] });
    await readsOnly.run(counted, { params });
  });

  test("another handler of the same name may replace it if its types fit", async () => {
    const fake = defineHandler("count", {
      input: z.json(),
      output: z.object({ n: z.literal(0) }),
      result: z.object({ total: z.number() }),
      processBatch: () => ({ n: 0 as const }),
      finalize: () => ({ total: 0 }),
    });
    const faked = await createEngine({ handlers: { ...counted.handlers, count: fake } });
    await faked.run(counted, { params });
    const narrow = defineHandler("count", {
      input: z.array(z.literal(1)),
      output: z.object({ n: z.number() }),
      processBatch: () => ({ n: 0 }),
    });
    const narrowed = await createEngine({ handlers: [read, narrow] });
    // @ts-expect-error: it takes less than the flow's
    await narrowed.run(counted, { params });
  });

  test("a flow that is known only as a definition is checked at run time", async () => {
    const some: FlowDefinition = counted;
    await (await createEngine({ handlers: [read] })).run(some, { params });
  });
});
