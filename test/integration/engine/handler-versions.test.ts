import { expect, onTestFinished, test, vi } from "vitest";
import * as z from "zod";
import { MemoryState, memoryStore } from "../../../src/adapters/memory/index.ts";
import { Client } from "../../../src/engine/index.ts";
import { defineHandler, flow, silentLogger } from "../../../src/index.ts";
import { testEngine } from "../../helpers/engines.ts";

/*
 * A task keeps the graph with which it was created, but runs with the handlers of the worker, perhaps of a later version.
 */

const Count = z.object({ n: z.int() });
const Label = z.object({ n: z.string() });
const used = vi.fn(() => null);

const readCount = defineHandler("read", { output: Count, iterBatches: () => [{ payload: { n: 1 } }] });
const useCount = defineHandler("use", { input: Count, output: z.null(), processBatch: used });
const counts = flow("work").node("a", readCount).then("b", useCount);

const readLabel = defineHandler("read", { output: Label, iterBatches: () => [{ payload: { n: "one" } }] });
const useLabel = defineHandler("use", { input: Label, output: z.null(), processBatch: used });
const labels = flow("work").node("a", readLabel).then("b", useLabel);

/** A task of the first version, of which nothing has run. */
async function created() {
  used.mockClear();
  const state = new MemoryState();
  const client = new Client({ store: memoryStore({ state }), logger: silentLogger, workerTypes: ["read", "use"] });
  await client.start();
  onTestFinished(() => client.stop());
  const task = await client.run(counts, { idempotencyKey: "today" });
  return { state, client, taskId: task.id };
}

test("a task of a flow is stored with the schemas of its handlers, also inside of a flow that it runs", async () => {
  const { state, taskId } = await created();
  const { graph } = (await memoryStore({ state }).readTask(taskId)) ?? {};
  expect(graph).toEqual(counts.compile({ schemas: true }));
  expect(graph?.schemas?.use?.input).toMatchObject({ properties: { n: { type: "integer" } } });
});

test("the same idempotency key finds the task although the schemas have changed", async () => {
  const { state, taskId } = await created();
  const { engine } = await testEngine([readLabel, useLabel], { state });
  const { id } = await engine.run(labels, { idempotencyKey: "today" });
  expect(id).toBe(taskId);
});

test("an output that no longer fits the next node of the task fails its own node, before its code runs", async () => {
  const { state, taskId } = await created();
  const iterBatches = vi.fn(() => [{ payload: { n: "one" } }]);
  const changed = defineHandler("read", { output: Label, iterBatches });
  const { engine } = await testEngine([changed, useCount], { state, mayLogErrors: true });
  await expect(engine.task(taskId).result()).rejects.toMatchObject({
    message: expect.stringMatching(
      /edge 'a' -> 'b': \.n is string, needs number; worker \S+ has another version of handler 'read' than the task/,
    ),
    details: { nodeId: "a", reasonCode: "handler_mismatch", epoch: 1 },
  });
  expect(iterBatches).not.toHaveBeenCalled();
});

test("an input that no longer fits what the source stores fails the node, before its code runs", async () => {
  const { state, taskId } = await created();
  const { engine } = await testEngine([readCount, useLabel], { state, mayLogErrors: true });
  await expect(engine.task(taskId).result()).rejects.toMatchObject({
    message: expect.stringMatching(/edge 'a' -> 'b': \.n is number, needs string; worker \S+ has another version/),
    details: { nodeId: "b", reasonCode: "handler_mismatch", epoch: 1 },
  });
  expect(used).not.toHaveBeenCalled();
});

test("a new version whose nodes fit each other runs a task of which nothing is stored", async () => {
  const { state, taskId } = await created();
  const { engine } = await testEngine([readLabel, useLabel], { state });
  await expect(engine.task(taskId).result()).resolves.toEqual({ b: [null] });
});

test("what the old version has stored is refused by the new one with the same code", async () => {
  const { state, client, taskId } = await created();
  const before = await testEngine([readCount], { state });
  await expect.poll(async () => (await client.task(taskId).status()).nodes[0]?.status).toBe("finished");
  await before.engine.stop();
  const { engine } = await testEngine([readLabel, useLabel], { state, mayLogErrors: true });
  await expect(engine.task(taskId).result()).rejects.toMatchObject({
    message: expect.stringContaining(
      "input does not match handler 'use', which is newer or older than the task: .n: expected string, received number",
    ),
    details: { nodeId: "b", batchUid: "0", reasonCode: "handler_mismatch", epoch: 1 },
  });
  expect(used).not.toHaveBeenCalled();
});

test("other changes of schemas change nothing: an output with more, an input that takes more", async () => {
  const { state, taskId } = await created();
  const read = defineHandler("read", {
    output: Count.extend({ at: z.string() }),
    iterBatches: () => [{ payload: { n: 1, at: "noon" } }],
  });
  const use = defineHandler("use", { input: z.object({ n: z.number() }), output: z.null(), processBatch: used });
  const { engine } = await testEngine([read, use], { state });
  await expect(engine.task(taskId).result()).resolves.toEqual({ b: [null] });
});
