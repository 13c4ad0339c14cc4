import { defineHandler, flow } from "flowkit";
import * as z from "zod";
import type { Mistake } from "./mistake.ts";

/** What handlers return. */
export const definitionMistakes: readonly Mistake[] = [
  {
    rule: "output of another type",
    words: "Type 'string' is not assignable to type 'number'",
    ownWords: "TypeScript says where what the method returns differs from what it must return",
    token: "processBatch",
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
