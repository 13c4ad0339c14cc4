import { defineHandler, flow } from "flowkit";
import * as z from "zod";
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
];
