/*
 * Streams many batches through two consumers and counts the maximum of live payloads, and of live artifacts as read:
 * run with --expose-gc. Prints one line of JSON.
 */
import * as z from "zod";
import { memoryStore } from "../../../../src/adapters/memory/index.ts";
import type { Store } from "../../../../src/core/ports/index.ts";
import { createEngine } from "../../../../src/engine/engine.ts";
import { graphOf, node } from "../../../helpers/graphs.ts";
import { handler } from "../../../helpers/handlers.ts";

const count = Number(process.argv[2]);
const pageSize = Number(process.argv[3]);
const { gc } = globalThis;
if (gc === undefined) throw new Error("run it with --expose-gc");

const row = z.object({ n: z.number(), text: z.string() });
/** The number of live objects of one kind. */
class Census {
  #alive = 0;
  readonly #registry = new FinalizationRegistry(() => void this.#alive--);
  most = 0;

  add(each: object): void {
    this.#alive++;
    this.#registry.register(each, undefined);
  }

  take(): number {
    this.most = Math.max(this.most, this.#alive);
    return this.#alive;
  }
}

const payloads = new Census();
const artifacts = new Census();
let made = 0;
const settle = async () => {
  gc();
  for (let turn = 0; turn < 3; turn++) await new Promise((done) => setImmediate(done));
};

/** A memory store that returns copies, like one that reads from a file, so that only workers keep them alive. */
function copying(inner: Store): Store {
  const readArtifacts: Store["readArtifacts"] = async (...args) => {
    const page = (await inner.readArtifacts(...args)).map((artifact) => ({ ...artifact }));
    for (const artifact of page) artifacts.add(artifact);
    return page;
  };
  return new Proxy(inner, {
    get: (target, name) => {
      if (name === "readArtifacts") return readArtifacts;
      const member: unknown = Reflect.get(target, name);
      return typeof member === "function" ? member.bind(target) : member;
    },
  });
}

const sink = handler("sink", {
  input: row,
  output: z.number(),
  async processBatch(payload) {
    payloads.add(payload as object);
    if (++made % 10_000 === 0) {
      await settle();
      payloads.take();
      artifacts.take();
    }
    return (payload as { n: number }).n;
  },
  result: z.object({ batches: z.number(), sum: z.number(), alive: z.number() }),
  async finalize(ctx) {
    await settle();
    return { batches: ctx.batchCount, sum: (await ctx.metrics.totals()).n ?? 0, alive: payloads.take() };
  },
});

const engine = await createEngine({
  pageSize,
  store: copying(memoryStore()),
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
  // One consumer keeps up with its source, the other finds all batches stored: only then is there much to read at once.
  graphOf(node("src"), node("mid", ["src"], { start: "first_batch" }), node("sink", ["mid"])),
);
const result = await task.result();
let next = 0;
let misplaced = 0;
for await (const n of task.artifacts("sink")) if (n !== next++) misplaced++;
const { nodes } = await task.status();
const most = { mostPayloads: payloads.most, mostArtifacts: artifacts.most };
console.log(JSON.stringify({ ...result, mid: nodes[1]?.result, misplaced, read: next, ...most }));
await engine.stop();
