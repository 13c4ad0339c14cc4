import { defineHandler, flow } from "flowkit";
import { Client, Coordinator, createEngine, memoryStore } from "flowkit/engine";
import * as z from "zod";
import { count, extract, seeded } from "../handlers.ts";

export interface RunMistake {
  readonly rule: string;
  /** The message of both the compiler and `run`. */
  readonly words: string;
  /** The start of the code that the compiler underlines. */
  readonly token: string;
  /** `false`: only the compiler can detect it. @defaultValue true */
  readonly atRunTime?: boolean;
  readonly make: () => Promise<unknown>;
}

const etl = flow("etl", { params: z.object({ date: z.string(), n: z.int(), note: z.string().optional() }) })
  .node("extract", extract, { args: { batchSize: 5 } })
  .then("count", count);
const unnamed = flow(undefined, { params: z.object({ date: z.string() }) }).node("seed", seeded, {
  args: { seed: "x" },
});
const params = { date: "2026-11-24", n: 1 };
const others = {
  ...etl.handlers,
  counter: defineHandler("counter", { input: z.json(), output: z.object({ n: z.string() }), processBatch: never }),
};
function never(): never {
  throw new Error("it is not run");
}

/** Calls of `run` that TypeScript rejects, each also callable at run time. */
export const runMistakes: readonly RunMistake[] = [
  {
    rule: "an engine that lacks a handler",
    words: "this engine has no handler 'counter' (node 'count'): add it to its handlers",
    token: "etl",
    make: async () => {
      await using engine = await createEngine({ handlers: [extract, seeded] });
      // @ts-expect-error
      return await engine.run(etl, { params });
    },
  },
  {
    rule: "an engine that lacks a handler, with a record under other names",
    words: "this engine has no handler 'extractor' (node 'extract'): add it to its handlers",
    token: "etl",
    make: async () => {
      await using engine = await createEngine({ handlers: { counts: count } });
      // @ts-expect-error
      return await engine.run(etl, { params });
    },
  },
  {
    rule: "a coordinator with other handlers",
    words: "this engine has no handler 'counter' (node 'count'): add it to its handlers",
    token: "etl",
    make: async () => {
      await using coordinator = new Coordinator({ store: memoryStore(), handlers: [extract, seeded] });
      await coordinator.start();
      // @ts-expect-error
      return await coordinator.run(etl, { params });
    },
  },
  {
    rule: "a coordinator with other types",
    words: "this engine has no handler 'counter' (node 'count'): add it to its workerTypes",
    token: "etl",
    make: async () => {
      await using coordinator = new Coordinator({ store: memoryStore(), workerTypes: ["extractor"] });
      await coordinator.start();
      // @ts-expect-error
      return await coordinator.run(etl, { params });
    },
  },
  {
    rule: "a client with other types",
    words: "this engine has no handler 'extractor' (node 'extract'): add it to its workerTypes",
    token: "etl",
    make: async () => {
      await using client = new Client({ store: memoryStore(), workerTypes: ["counter"] });
      await client.start();
      // @ts-expect-error
      return await client.run(etl, { params });
    },
  },
  {
    rule: "another handler of the same name",
    words: "this engine's handler 'counter' is not the handler of node 'count': the types of their output differ",
    token: "etl",
    atRunTime: false,
    make: async () => {
      await using engine = await createEngine({ handlers: others });
      // @ts-expect-error
      return await engine.run(etl, { params });
    },
  },
  {
    rule: "options missing",
    words: "flow 'etl' needs params (missing: date, n)",
    token: "etl",
    make: async () => {
      await using engine = await createEngine({ handlers: etl.handlers });
      // @ts-expect-error
      return await engine.run(etl);
    },
  },
  {
    rule: "options without params",
    words: "flow 'etl' needs params (missing: date, n)",
    token: "etl",
    make: async () => {
      await using engine = await createEngine({ handlers: etl.handlers });
      // @ts-expect-error
      return await engine.run(etl, { priority: 1 });
    },
  },
  {
    rule: "params missing, of a flow without a name",
    words: "this flow needs params (missing: date)",
    token: "unnamed",
    make: async () => {
      await using engine = await createEngine({ handlers: unnamed.handlers });
      // @ts-expect-error
      return await engine.run(unnamed);
    },
  },
  {
    rule: "params empty",
    words: "flow 'etl' needs params (missing: date, n)",
    token: "params",
    make: async () => {
      await using engine = await createEngine({ handlers: etl.handlers });
      // @ts-expect-error
      return await engine.run(etl, { params: {} });
    },
  },
  {
    rule: "one param missing",
    words: "flow 'etl' needs params (missing: n)",
    token: "params",
    make: async () => {
      await using engine = await createEngine({ handlers: etl.handlers });
      // @ts-expect-error
      return await engine.run(etl, { params: { date: "2026-11-24" } });
    },
  },
];
