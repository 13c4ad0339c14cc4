import { expect, test, vi } from "vitest";
import { MemoryState, memoryStore } from "../../../src/adapters/memory/index.ts";
import type { TaskHandle } from "../../../src/core/tasks/api.ts";
import { testEngine } from "../../helpers/engines.ts";
import { graphOf, node } from "../../helpers/graphs.ts";
import { handler, source } from "../../helpers/handlers.ts";
import { stillTime } from "../../helpers/still-time.ts";
import { Gate, until } from "../../helpers/waiting.ts";

const whys = async (task: TaskHandle) =>
  Object.fromEntries((await task.explain()).nodes.map(({ nodeId, why }) => [nodeId, why]));

test("a task that runs, waits for its parent, and has ended", async () => {
  const gate = new Gate();
  const { engine } = await testEngine([
    source("a", [1], { processBatch: (n) => gate.pass().then(() => n) }),
    handler("b"),
  ]);
  const task = await engine.run(graphOf(node("a"), node("b", ["a"])));
  await until(() => gate.arrived === 1);
  const { status, nodes } = await task.explain();
  expect(status).toBe("running");
  expect(nodes.map(({ text }) => text)).toEqual([
    expect.stringMatching(/^a has been running on worker-\S+ for \d+\.\d s$/),
    "b waits for a",
  ]);
  gate.open();
  await task.result();
  expect((await task.explain()).nodes.map(({ text }) => text)).toEqual(["a finished", "b finished"]);
});

test("limits, full workers and the queue", async () => {
  const gate = new Gate();
  const wait = (type: string) => source(type, [1], { processBatch: (n) => gate.pass().then(() => n) });
  const { engine } = await testEngine([wait("a"), wait("b")], { capacity: 2, maxRunningPerType: { a: 1 } });
  const first = await engine.run(graphOf(node("a")));
  await until(() => gate.arrived === 1);
  const second = await engine.run(graphOf(node("a"), node("b")));
  await until(() => gate.arrived === 2);
  expect(await whys(second)).toMatchObject({ a: { reason: "limit", limit: "type", max: 1 }, b: { reason: "running" } });
  const third = await engine.run(graphOf(node("b")));
  const fourth = await engine.run(graphOf(node("b")));
  expect(await whys(third)).toEqual({ b: { reason: "queued", ahead: 0 } });
  expect(await whys(fourth)).toEqual({ b: { reason: "queued", ahead: 1 } });
  gate.open();
  for (const task of [first, second, third, fourth]) await task.result();
});

test("a pending retry", async () => {
  const loadInput = () => Promise.reject(new Error("again"));
  const { engine, record } = await testEngine([source("a", [1], { loadInput })]);
  const task = await engine.run(graphOf(node("a", [], { retry_policy: { max: 2, backoff_sec: 3_600, jitter: 0 } })));
  await until(async () => (await task.status()).status === "deferred");
  const { dueAt } = await record(task.id, "a");
  expect(await whys(task)).toEqual({
    a: {
      reason: "backoff",
      until: dueAt,
      reasonCode: "unexpected_error",
      message: "again",
      failures: 1,
      maxFailures: 3,
    },
  });
});

test("stopped workers are no longer alive: no worker serves what they left", async () => {
  const state = new MemoryState();
  const gate = new Gate();
  const block = source("a", [1], { processBatch: (n, ctx) => gate.pass(ctx.signal).then(() => n) });
  const first = await testEngine([block], { store: memoryStore({ state }) });
  const task = await first.engine.run(graphOf(node("a")));
  await until(() => gate.arrived === 1);
  const second = await testEngine([handler("other")], { store: memoryStore({ state }) });
  expect((await first.store.liveWorkers()).length).toBe(0); // of its own, unused state
  const live = () => memoryStore({ state }).liveWorkers();
  expect((await live()).map(({ types }) => types.join()).sort()).toEqual([
    "a",
    "coordinator_fn",
    "coordinator_fn",
    "other",
  ]);
  await first.engine.stop({ graceMs: 0 });
  expect((await live()).map(({ types }) => types.join()).sort()).toEqual(["coordinator_fn", "other"]);
  await until(async () => (await second.engine.task(task.id).status()).status !== "deferred");
  expect((await second.engine.task(task.id).explain()).nodes[0]?.text).toBe(
    "a waits for a worker: no live worker serves 'a'",
  );
});

test("a dead worker counts as alive until its announcement expires", async () => {
  const time = stillTime();
  const state = new MemoryState();
  await memoryStore({ state }).announceWorker({ id: "dead", types: ["a"], capacity: 1, running: 0 }, 30);
  const store = memoryStore({ state });
  const words = vi.spyOn(store, "announceWorker");
  const leaseMs = 60;
  const { engine } = await testEngine([handler("b")], { store, leaseMs });
  for (let passed = 0; passed < 3 * leaseMs; passed += 5) await time.pass(5);
  expect(words.mock.calls.length).toBeGreaterThanOrEqual(8);
  // Its own announcement is repeated before it expires.
  expect((await memoryStore({ state }).liveWorkers()).map(({ types }) => types.join()).sort()).toEqual([
    "b",
    "coordinator_fn",
  ]);
  expect(engine.health().running).toBe(0);
});

test("an unknown task", async () => {
  const { engine } = await testEngine([handler("a")]);
  await expect(engine.task("nobody").explain()).rejects.toMatchObject({ code: "TASK_UNKNOWN" });
});
