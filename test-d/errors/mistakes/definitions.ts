import { defineCoordinatorFn, defineHandler, flow } from "flowkit";
import * as z from "zod";
import * as z3 from "zod/v3";
import { textual } from "../../handlers.ts";
import type { Mistake } from "./mistake.ts";

/** What handlers return. */
export const definitionMistakes: readonly Mistake[] = [
  {
    rule: "output of another type",
    words: "Type 'string' is not assignable to type 'number'",
    ownWords: "TypeScript names both types, on the key",
    token: "n:",
    atRunTime: false,
    make: () => {
      const wrong = defineHandler("wrong", {
        output: z.object({ n: z.number() }),
        // @ts-expect-error
        processBatch: () => ({ n: "1" }),
      });
      return flow().node("w", wrong);
    },
    right: () =>
      flow().node("w", defineHandler("right", { output: z.object({ n: z.number() }), processBatch: () => ({ n: 1 }) })),
  },
  {
    rule: "output of another type, deep inside",
    words: "Type 'number' is not assignable to type 'string'",
    ownWords: "TypeScript names both types, on the key",
    token: "id:",
    atRunTime: false,
    make: () => {
      const wrong = defineHandler("wrong", {
        output: z.object({ rows: z.array(z.object({ id: z.string() })) }),
        // @ts-expect-error
        processBatch: () => ({ rows: [{ id: 1 }] }),
      });
      return flow().node("w", wrong);
    },
    right: () =>
      flow().node(
        "w",
        defineHandler("right", {
          output: z.object({ rows: z.array(z.object({ id: z.string() })) }),
          processBatch: () => ({ rows: [{ id: "1" }] }),
        }),
      ),
  },
  {
    rule: "output of another type, after statements",
    words: "Type 'string' is not assignable to type 'number'",
    ownWords: "TypeScript says where what the method returns differs from what it must return",
    token: "processBatch",
    atRunTime: false,
    make: () => {
      const wrong = defineHandler("wrong", {
        output: z.object({ n: z.number() }),
        // @ts-expect-error
        processBatch() {
          return { n: "1" };
        },
      });
      return flow().node("w", wrong);
    },
    right: () =>
      flow().node(
        "w",
        defineHandler("right", {
          output: z.object({ n: z.number() }),
          processBatch() {
            return { n: 1 };
          },
        }),
      ),
  },
  {
    rule: "result of another type",
    words: "Type 'string' is not assignable to type 'number'",
    ownWords: "TypeScript names both types, on the key",
    token: "kept",
    atRunTime: false,
    make: () => {
      const wrong = defineHandler("wrong", {
        output: z.object({}),
        result: z.object({ kept: z.number() }),
        processBatch: () => ({}),
        // @ts-expect-error
        finalize: () => ({ kept: "all" }),
      });
      return flow().node("w", wrong);
    },
    right: () =>
      flow().node(
        "w",
        defineHandler("right", {
          output: z.object({}),
          result: z.object({ kept: z.number() }),
          processBatch: () => ({}),
          finalize: () => ({ kept: 1 }),
        }),
      ),
  },
  {
    rule: "batch of another type",
    words: "Type 'string' is not assignable to type 'number'",
    ownWords: "TypeScript says where what the method yields differs from what it must yield",
    token: "iterBatches",
    atRunTime: false,
    make: () => {
      const wrong = defineHandler("wrong", {
        output: z.object({ n: z.number() }),
        // @ts-expect-error
        *iterBatches() {
          yield { payload: { n: "1" } };
        },
      });
      return flow().node("w", wrong);
    },
    right: () =>
      flow().node(
        "w",
        defineHandler("right", {
          output: z.object({ n: z.number() }),
          *iterBatches() {
            yield { payload: { n: 1 } };
          },
        }),
      ),
  },
  {
    rule: "misspelt member of a handler",
    words: "handler 'misspelt': unknown property 'outputs' (did you mean 'output'?)",
    token: "outputs",
    make: () => {
      // @ts-expect-error
      const misspelt = defineHandler("misspelt", { outputs: z.int(), processBatch: () => 1 });
      return flow().node("w", misspelt);
    },
    right: () => flow().node("w", defineHandler("right", { output: z.int(), processBatch: () => 1 })),
  },
  {
    rule: "method that takes less than its payload may be",
    words: "Types of parameters 'payload' and 'payload' are incompatible",
    ownWords: "TypeScript says where the parameter differs from what the method is given",
    token: "processBatch",
    atRunTime: false,
    make: () => {
      const input = z.object({ a: z.string().optional() });
      const processBatch = (payload: { a: string }) => payload.a.length;
      // @ts-expect-error
      return flow().node("w", defineHandler("narrow", { input, output: z.int(), processBatch }), { args: {} });
    },
    right: () => {
      const input = z.object({ a: z.string() });
      const right = defineHandler("right", {
        input,
        output: z.int(),
        processBatch: (payload: { a: string }) => payload.a.length,
      });
      return flow().node("w", right, { args: { a: "" } });
    },
  },
  {
    rule: "output that is not JSON",
    words:
      "handler 'dated': its output cannot be stored as JSON: output.at is a Date (use a codec: the wire type must be JSON)",
    token: "output",
    make: () => {
      const output = z.object({ at: z.date() });
      // @ts-expect-error
      const dated = defineHandler("dated", { output, processBatch: () => ({ at: new Date(0) }) });
      return flow().node("w", dated);
    },
    right: () => {
      const output = z.object({ at: z.iso.datetime() });
      return flow().node("w", defineHandler("dated", { output, processBatch: () => ({ at: "2026-11-25T00:00:00Z" }) }));
    },
  },
  {
    rule: "output with a one-way transform",
    words: "one-way transform (use z.codec, which also encodes)",
    token: "output",
    make: () => {
      const output = z.object({ cents: z.string().transform(Number) });
      // @ts-expect-error
      const priced = defineHandler("priced", { output, processBatch: () => ({ cents: 1 }) });
      return flow().node("w", priced);
    },
    right: () => {
      const cents = z.codec(z.string(), z.number(), { decode: Number, encode: String });
      const output = z.object({ cents });
      return flow().node("w", defineHandler("priced", { output, processBatch: () => ({ cents: 1 }) }));
    },
  },
  {
    rule: "output of a custom function that is not JSON",
    words: "a coordinator function 'sums': its output cannot be stored as JSON: output.total is a bigint",
    token: "output",
    make: () => {
      const output = z.object({ total: z.bigint() });
      // @ts-expect-error
      const sums = defineCoordinatorFn("sums", { args: z.object({}), output, run: () => ({ total: 1n }) });
      return flow().fn("w", sums);
    },
    right: () => {
      const output = z.object({ total: z.int() });
      return flow().fn("w", defineCoordinatorFn("sums", { args: z.object({}), output, run: () => ({ total: 1 }) }));
    },
  },
  {
    rule: "input of a flow of zod 3",
    words: "flow(): 'inputs' must be an object of schemas of zod 4 (import zod, or zod/v4)",
    token: "rows",
    make: () => {
      // @ts-expect-error
      const old = flow("old", { inputs: { rows: z3.object({}) } });
      return old.node("w", textual);
    },
    right: () => {
      const part = flow("new", { inputs: { rows: z.object({ rows: z.json() }) } }).node("more", textual);
      return flow("all")
        .node("w", textual)
        .use("new", part, { inputs: { rows: "w" } });
    },
  },
  {
    rule: "output of a custom function of zod 3",
    words: "a coordinator function 'old': 'output' must be a schema of zod 4 (import zod, or zod/v4)",
    token: "output",
    make: () => {
      // @ts-expect-error
      const old = defineCoordinatorFn("old", { args: z.object({}), output: z3.object({}), run: () => ({}) });
      return flow().fn("w", old);
    },
    right: () =>
      flow().fn("w", defineCoordinatorFn("new", { args: z.object({}), output: z.object({}), run: () => ({}) })),
  },
  {
    rule: "output of zod 3",
    words: "handler 'old': 'output' must be a schema of zod 4 (import zod, or zod/v4)",
    token: "output",
    make: () => {
      // @ts-expect-error
      const old = defineHandler("old", { output: z3.number(), processBatch: () => 1 });
      return flow().node("w", old);
    },
    right: () => flow().node("w", defineHandler("new", { output: z.number(), processBatch: () => 1 })),
  },
  {
    rule: "input of zod 3",
    words: "handler 'old': 'input' must be a schema of zod 4 (import zod, or zod/v4)",
    token: "input",
    make: () => {
      // @ts-expect-error
      const old = defineHandler("old", { input: z3.object({}), output: z.number(), processBatch: () => 1 });
      return flow().node("w", old);
    },
    right: () =>
      flow().node("w", defineHandler("new", { input: z.object({}), output: z.number(), processBatch: () => 1 })),
  },
  {
    rule: "params of zod 3",
    words: "flow(): 'params' must be a schema of zod 4 (import zod, or zod/v4)",
    token: "params",
    make: () => {
      // @ts-expect-error
      const old = flow("old", { params: z3.object({ n: z3.number() }) });
      return old.node("w", textual);
    },
    right: () => flow("new", { params: z.object({ n: z.number() }) }).node("w", textual),
  },
  {
    rule: "args of zod 3",
    words: "a coordinator function 'old': 'args' must be a schema of zod 4 (import zod, or zod/v4)",
    token: "args",
    make: () => {
      // @ts-expect-error
      const old = defineCoordinatorFn("old", { args: z3.object({}), output: z.object({}), run: () => ({}) });
      return flow().fn("w", old);
    },
    right: () =>
      flow().fn("w", defineCoordinatorFn("new", { args: z.object({}), output: z.object({}), run: () => ({}) })),
  },
];
