/*
 * Streams many batches through two consumers and tells how many payloads were alive at once: run with --expose-gc.
 * Prints one line of JSON.
 */
import * as z from "zod";
import { createEngine } from "../../../../src/embedded/create-engine.ts";
import { graphOf, node } from "../../../helpers/graphs.ts";
import { handler } from "../../../helpers/handlers.ts";

const count = Number(process.argv[2]);
const pageSize = Number(process.argv[3]);
const { gc } = globalThis;
if (gc === undefined) throw new Error("run it with --expose-gc");

const row = z.object({ n: z.number(), text: z.string() });
let collected = 0;
let made = 0;
let mostAlive = 0;
const registry = new FinalizationRegistry(() => void collected++);
const settle = async () => {
  gc();
  for (let turn = 0; turn < 3; turn++) await new Promise((done) => setImmediate(done));
};

const sink = handler("sink", {
  input: row,
  output: z.number(),
  async processBatch(payload) {
    registry.register(payload as object, undefined);
    if (++made % 10_000 === 0) {
      await settle();
      mostAlive = Math.max(mostAlive, made - collected);
    }
    return (payload as { n: number }).n;
  },
  result: z.object({ batches: z.number(), sum: z.number(), alive: z.number() }),
  async finalize(ctx) {
    await settle();
    return { batches: ctx.batchCount, sum: (await ctx.metrics.totals()).n ?? 0, alive: made - collected };
  },
});

const engine = await createEngine({
  pageSize,
  handlers: [
    handler("src", {
      output: row,
      *iterBatches() {
        for (let n = 0; n < count; n++) yield { payload: { n, text: `row ${n}` } };
      },
    }),
    handler("mid", {
      input: row,
      output: row,
      processBatch: (payload, ctx) => {
        ctx.metrics.add("n", (payload as { n: number }).n);
        return payload;
      },
      result: z.object({ sum: z.number() }),
      finalize: async (ctx) => ({ sum: (await ctx.metrics.totals()).n }),
    }),
    sink,
  ],
});
const task = await engine.run(
  graphOf(node("src"), node("mid", ["src"], { start: "first_batch" }), node("sink", ["mid"], { start: "first_batch" })),
);
const result = await task.result();
let next = 0;
let misplaced = 0;
for await (const n of task.artifacts("sink")) if (n !== next++) misplaced++;
const { nodes } = await task.status();
console.log(JSON.stringify({ ...result, mid: nodes[1]?.result, misplaced, read: next, mostAlive }));
await engine.stop();
