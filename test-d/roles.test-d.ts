import { expectTypeOf } from "expect-type";
import { defineHandler, flow } from "flowkit";
import { Client, type ClientOptions, Coordinator, type CoordinatorOptions, memoryStore, Worker } from "flowkit/engine";
import { describe, test } from "vitest";
import * as z from "zod";

const read = defineHandler("read", { output: z.number(), iterBatches: () => [{ payload: 1 }] });
const count = defineHandler("count", {
  input: z.number(),
  output: z.object({ n: z.number() }),
  processBatch: (n) => ({ n }),
});
const counted = flow("counted", { params: z.object({ date: z.string() }) })
  .node("read", read)
  .then("count", count);
const store = memoryStore();
const params = { date: "2026-11-24" };

describe("a coordinator, and a client, that know their workers' types", () => {
  test("by names that are written as literals", async () => {
    const all = new Coordinator({ store, workerTypes: ["read", "count"] });
    expectTypeOf(all).toEqualTypeOf<Coordinator<"read" | "count">>();
    const task = await all.run(counted, { params });
    expectTypeOf(await task.result()).toEqualTypeOf<{ readonly count: { n: number }[] }>();
    // @ts-expect-error no such parameter
    await all.run(counted, { params: { day: "" } });
    const some = new Client({ store, workerTypes: ["read"] });
    // @ts-expect-error no worker has 'count'
    await some.run(counted, { params });
    await some.run(flow().node("read", read));
    await some.run({ nodes: [{ node_id: "a", type: "unknown_to_types" }] });
  });

  test("by the handlers themselves, whose types must fit the flow's", async () => {
    const all = new Coordinator({ store, handlers: counted.handlers });
    await all.run(counted, { params });
    const ofList = new Client({ store, handlers: [read] });
    // @ts-expect-error no handler 'count'
    await ofList.run(counted, { params });
    const text = defineHandler("count", { input: z.number(), output: z.string(), processBatch: () => "" });
    const others = new Coordinator({ store, handlers: [read, text] });
    // @ts-expect-error it makes something else than the flow's
    await others.run(counted, { params });
  });

  test("by names that are known only at run time, and checked then", async () => {
    const names: readonly string[] = ["read", "count"];
    await new Coordinator({ store, workerTypes: names }).run(counted, { params });
    const any: Coordinator = new Coordinator({ store, workerTypes: ["read"] });
    await any.run(counted, { params });
    const options: CoordinatorOptions = { store, workerTypes: names };
    await new Coordinator(options).run(counted, { params });
    const clientOptions: ClientOptions = { store, handlers: [read] };
    await new Client(clientOptions).run(counted, { params });
  });

  test("either by names or by handlers", () => {
    // @ts-expect-error neither
    new Coordinator({ store });
    // @ts-expect-error both
    new Coordinator({ store, workerTypes: ["read"], handlers: [read] });
    // @ts-expect-error a store is what they share
    new Client({ workerTypes: ["read"] });
  });
});

describe("a worker's roles", () => {
  test("are names of its handlers", () => {
    const worker = new Worker({ store, handlers: counted.handlers, roles: ["read"], capacityPerType: { count: 1 } });
    expectTypeOf(worker.health().running).toEqualTypeOf<number>();
    new Worker({ store, handlers: [read, count], roles: ["count", "read"] });
    // @ts-expect-error no handler 'cuont'
    new Worker({ store, handlers: [read, count], roles: ["cuont"] });
    // @ts-expect-error no handler 'count'
    new Worker({ store, handlers: { first: read }, roles: ["count"] });
    // @ts-expect-error the key is not the name
    new Worker({ store, handlers: { first: read }, roles: ["first"] });
    // @ts-expect-error no handler 'cuont'
    new Worker({ store, handlers: [read, count], capacityPerType: { cuont: 1 } });
  });
});
