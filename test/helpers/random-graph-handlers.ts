import * as z from "zod";
import type { BatchContext, HandlerDefinition } from "../../src/definitions/index.ts";
import type { Json } from "../../src/errors/index.ts";
import { handler } from "./handlers.ts";
import { mark, sourceBatches } from "./reference.ts";

export interface RandomGraphHandlersOptions {
  readonly random: () => number;
  /** Probability that a call throws. */
  readonly failing: number;
  /** Awaited in each call. */
  readonly pause: () => Promise<unknown>;
  /** Called for each processed batch. */
  readonly onBatch?: (ctx: BatchContext) => void;
}

/** The handlers of `randomGraph`'s nodes, which compute what `evaluate` computes. */
export function randomGraphHandlers(options: RandomGraphHandlersOptions): HandlerDefinition[] {
  const { random, failing, pause, onBatch } = options;
  const pauseOrFail = async () => {
    await pause();
    if (random() < failing) throw new Error("drawn");
  };
  const batch = z.object({ items: z.array(z.string()) });
  const make = (name: string, resumable: boolean, source: boolean) =>
    handler(name, {
      resumable,
      output: batch,
      ...(source
        ? {
            async *iterBatches(args, ctx) {
              const batches = sourceBatches(ctx.nodeId, args as { batches: number; size: number });
              const numbered = batches.map((payload, index) => ({ uid: `b${index}`, payload }));
              // Uids are stable, but their order is not.
              for (const each of numbered.toSorted(() => random() - 0.5)) {
                if (random() < failing) throw new Error("drawn while iterating");
                yield each;
              }
            },
          }
        : {}),
      async processBatch(payload, ctx) {
        await pauseOrFail();
        onBatch?.(ctx);
        return source ? payload : mark(ctx.nodeId, payload as Json);
      },
      async finalize() {
        await pauseOrFail();
      },
    });
  return [
    make("source", true, true),
    make("restarter", false, true),
    make("step", true, false),
    make("once", false, false),
  ];
}
