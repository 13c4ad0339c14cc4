import { setTimeout as sleep } from "node:timers/promises";
import * as z from "zod";
import type { AttemptContext, HandlerDefinition } from "../../src/definitions/index.ts";
import { PermanentError, RetryableError } from "../../src/errors/index.ts";
import {
  compute,
  isHopeless,
  mostGrowth,
  outputSchema,
  type SourceArgs,
  sourcePayload,
  unstableUids,
} from "../../src/testing/cluster/computation.ts";
import { hopeless, sometimesPermanent } from "../../src/testing/cluster/random-graph.ts";
import type { SeededRandom } from "../../src/testing/scheduler/seeded-random.ts";
import { type CallRef, type JournalWriter, machineMs } from "./journal.ts";

const summary = z.object({ batches: z.number(), rows: z.number() });

export interface ChaosHandlersOptions {
  readonly journal: JournalWriter;
  readonly random: SeededRandom;
  readonly leaseMs: number;
}

/** Misbehaviour of handlers, as probabilities per call. */
const rates = { throws: 0.02, throwsInFlow: 0.15, permanent: 0.1, slow: 0.01, remembers: 0.05 } as const;
const mostPauseMs = 15;

/** Handlers with the outputs of the simulation's, so that its reference can check them; each call is in the journal. */
export function chaosHandlers({ journal, random, leaseMs }: ChaosHandlersOptions): readonly HandlerDefinition[] {
  const make = (name: string): HandlerDefinition => {
    const call = async <T>(ctx: AttemptContext, uid: string | undefined, work: () => Promise<T>): Promise<T> => {
      const ref = { ...refOf(ctx), type: name, ...(uid === undefined ? {} : { uid }) };
      journal.write({ kind: "begin", at: machineMs(), ...ref });
      try {
        return await work();
      } finally {
        journal.write({ kind: "end", at: machineMs(), ...ref });
      }
    };
    const trouble = async (ctx: AttemptContext): Promise<void> => {
      const pauseMs = random.chance(rates.slow) ? random.int(leaseMs * 1.2) : random.int(mostPauseMs);
      await sleep(pauseMs, undefined, { signal: ctx.signal });
      // Fails more often in child tasks, since there are few of them to retry.
      if (!random.chance(ctx.params.item === undefined ? rates.throws : rates.throwsInFlow)) return;
      const error = drawError(random);
      const code = typeof error === "string" ? "unexpected_error" : error.code;
      journal.write({ kind: "threw", at: machineMs(), ...refOf(ctx), code });
      throw error;
    };
    const resumable = !name.endsWith("_n");
    return {
      kind: "handler",
      name,
      output: outputSchema,
      result: summary,
      errors: [],
      resumable,
      loadInput: (_args, ctx) => call(ctx, undefined, () => trouble(ctx)),
      ...(name.startsWith("source") ? { iterBatches: (args, ctx) => sourceBatches(args as SourceArgs, ctx) } : {}),
      processBatch: (payload, ctx) =>
        call(ctx, ctx.uid, async () => {
          if (random.chance(rates.remembers)) await ctx.checkpoint.set({ uid: ctx.uid });
          await trouble(ctx);
          const { hopeless: mayFail, item } = ctx.args as Partial<SourceArgs>;
          // In a flow that begins with an item, the uid of each first batch is the same.
          if (mayFail && isHopeless(ctx.nodeId, item === undefined ? ctx.uid : JSON.stringify(item))) {
            journal.write({ kind: "threw", at: machineMs(), ...refOf(ctx), code: hopeless });
            throw new RetryableError(hopeless);
          }
          const output = compute(ctx.nodeId, payload);
          ctx.metrics.add("rows", output.rows.length);
          return output;
        }),
      finalize: (ctx) =>
        call(ctx, undefined, async () => {
          await trouble(ctx);
          const totals = await ctx.metrics.totals();
          ctx.metrics.add("finalized", 1);
          return { batches: ctx.batchCount, rows: totals.rows ?? 0 };
        }),
    };

    function* sourceBatches({ batches, shuffle, grow }: SourceArgs, ctx: AttemptContext) {
      const stable = () => Array.from({ length: batches + (grow ? random.int(mostGrowth + 1) : 0) }, (_, n) => `b${n}`);
      const uids = resumable ? stable() : unstableUids(ctx.nodeId, ctx.epoch, batches);
      for (const uid of shuffle || !resumable ? random.shuffled(uids) : uids) {
        yield { uid, payload: sourcePayload(ctx.nodeId, uid) };
      }
    }
  };
  return ["source", "source_n", "map", "map_n"].map(make);
}

const refOf = ({ taskId, nodeId, shard, epoch }: AttemptContext): CallRef => ({
  task: taskId,
  node: nodeId,
  shard,
  epoch,
});

function drawError(random: SeededRandom): (Error & { readonly code: string }) | string {
  if (random.chance(rates.permanent)) {
    return random.chance(0.5) ? new PermanentError("broken") : new RetryableError(sometimesPermanent);
  }
  const kind = random.int(4);
  if (kind === 0) return "not an error object";
  return new RetryableError("boom", "boom", kind === 1 ? { afterSec: random.next() } : {});
}
