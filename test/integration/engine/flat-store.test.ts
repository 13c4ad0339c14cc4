import { expect, test } from "vitest";
import * as z from "zod";
import { MemoryState, memoryStore } from "../../../src/adapters/memory/index.ts";
import { defineHandler } from "../../../src/dsl/index.ts";
import { testEngine } from "../../helpers/engines.ts";
import { graphOf, node } from "../../helpers/graphs.ts";

const batches = 300;
const pending = 20;

const number = z.number();
const source = defineHandler("source", {
  output: number,
  *iterBatches() {
    for (let payload = 0; payload < batches; payload++) yield { payload };
  },
});
const step = defineHandler("step", { input: number, output: number, processBatch: (n) => n });
const sink = defineHandler("sink", {
  input: number,
  output: z.null(),
  result: number,
  processBatch: () => null,
  finalize: (ctx) => ctx.batchCount,
});
const start = { start: "first_batch" } as const;
const waits = { max_pending_batches: pending };
const stream = graphOf(
  { ...node("source"), io: waits },
  { ...node("step", ["source"]), io: { start_when: "first_batch", ...waits } },
  node("sink", ["step"], start),
);

test("a store that drops artifacts while nodes run keeps no more than what is pending", async () => {
  const state = new MemoryState();
  let most = 0;
  const store = memoryStore({
    state,
    dropConsumed: "streaming",
    sinks: ["sink"],
    observe(event) {
      if (event.kind !== "artifact") return;
      const nodes = [...(state.tasks.get(event.ref.taskId)?.nodes.values() ?? [])];
      const logs = nodes.flatMap(({ shards }) => shards.flatMap((entry) => entry?.logs[0] ?? []));
      for (const { length, dropped } of logs) most = Math.max(most, length - dropped);
    },
  });
  const { engine } = await testEngine([source, step, sink], { store });
  const task = await engine.run(stream);
  expect(await task.result()).toEqual({ sink: batches });
  // The limit on pending batches, and twice that, since half of it is released at a time.
  expect(most).toBeLessThanOrEqual(2 * pending + 2);
});

test("a late reader gets an error: one that reads from the beginning, and a leaf's result", async () => {
  const store = memoryStore({ dropConsumed: "streaming", sinks: ["step"] });
  const { engine } = await testEngine([source, step], { store });
  const task = await engine.run(graphOf(node("source"), node("step", ["source"], start)));
  expect((await task.wait()).status).toBe("finished");
  await expect(task.result()).rejects.toMatchObject({ code: "ARTIFACTS_DROPPED" });
  await expect(task.artifacts("source").next()).rejects.toMatchObject({ code: "ARTIFACTS_DROPPED" });
});

test("finalize of a leaf that reads its outputs fails permanently", async () => {
  const asks = defineHandler("asks", {
    input: number,
    output: number,
    result: number,
    processBatch: (n) => n,
    async finalize(ctx) {
      let sum = 0;
      for await (const n of ctx.outputs()) sum += n;
      return sum;
    },
  });
  const { engine } = await testEngine([source, asks], { store: memoryStore({ sinks: ["asks"] }) });
  const task = await engine.run(graphOf(node("source"), node("asks", ["source"], start)));
  await expect(task.result()).rejects.toMatchObject({
    code: "TASK_FAILED",
    details: { reasonCode: "artifacts_dropped", nodeId: "asks", epoch: 1 },
  });
});
