import { expect, test } from "vitest";
import { MemoryState, memoryStore } from "../../../src/adapters/memory/index.ts";
import { Client } from "../../../src/engine/client.ts";
import { PermanentError } from "../../../src/errors/index.ts";
import { testEngine } from "../../helpers/engines.ts";
import { graphOf, node } from "../../helpers/graphs.ts";
import { handler, source } from "../../helpers/handlers.ts";
import { Gate, until } from "../../helpers/waiting.ts";

const named = (name: string) => ({ ...graphOf(node("a"), node("b", ["a"])), name });

test("tasks of a paused flow wait until it is resumed; begun ones go on, and other flows run", async () => {
  const gate = new Gate();
  const slow = source("a", [1], { processBatch: (n) => gate.pass().then(() => n) });
  const broken = handler("c", {
    errors: ["broken"],
    processBatch: () => {
      throw new PermanentError("broken");
    },
  });
  const { engine } = await testEngine([slow, handler("b"), broken]);
  const begun = await engine.run(named("etl"));
  const failing = await engine.run({ ...graphOf(node("a"), node("c", ["a"])), name: "etl" });
  await until(() => gate.arrived === 2);
  await engine.flows.pause("etl");
  expect(await engine.flows.paused()).toEqual(["etl"]);
  const waiting = await engine.run(named("etl"));
  const cancelled = await engine.run(named("etl"));
  const other = await engine.run(named("other"));
  gate.open();
  await begun.result();
  await until(async () => (await failing.status()).status === "failed");
  await other.result();
  const { status, nodes } = await waiting.status();
  expect([status, ...nodes.map((each) => each.epoch)]).toEqual(["queued", 0, 0]);
  const { nodes: whys } = await waiting.explain();
  expect(whys.map(({ text }) => text)).toEqual(["a waits until its flow is resumed", "b waits for a"]);
  await cancelled.cancel();
  await until(async () => (await cancelled.status()).status === "cancelled");
  await engine.flows.resume("etl");
  expect(await waiting.result()).toEqual({ b: [1] });
  expect(await engine.flows.paused()).toEqual([]);
});

test("a pause by another process holds back what sweeps and retries would begin", async () => {
  const state = new MemoryState();
  const client = new Client({ store: memoryStore({ state }), workerTypes: ["a", "b"] });
  await client.start();
  await client.flows.pause("etl");
  const before = await client.run(named("etl"));
  const { engine } = await testEngine([source("a", [1]), handler("b")], { state, sweepMs: 20 });
  const after = await engine.run(named("etl"));
  await after.cancel();
  await until(async () => (await after.status()).status === "cancelled");
  const retry = await engine.retry(after.id, { from: "failed" });
  for (let sweeps = 0; sweeps < 5; sweeps++) await (await engine.run(named("other"))).result();
  for (const task of [before, retry]) expect((await task.status()).nodes.map(({ epoch }) => epoch)).toEqual([0, 0]);
  await client.flows.resume("etl");
  expect(await before.result()).toEqual({ b: [1] });
  expect(await engine.task(retry.id).result()).toEqual({ b: [1] });
  await client.stop();
});
