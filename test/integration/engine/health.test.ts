import { describe, expect, test, vi } from "vitest";
import { MemoryState, memoryBus, memoryStore } from "../../../src/adapters/memory/index.ts";
import type { Message } from "../../../src/core/messages/messages.ts";
import { createEngine } from "../../../src/engine/engine.ts";
import { FlowError, PermanentError } from "../../../src/errors/index.ts";
import { sharedBus, testEngine } from "../../helpers/engines.ts";
import { graphOf, node } from "../../helpers/graphs.ts";
import { source } from "../../helpers/handlers.ts";
import { Gate, until } from "../../helpers/waiting.ts";

test("an engine is ready until it is stopped", async () => {
  const engine = await createEngine({ handlers: [source("a", [1])], capacity: 3 });
  expect(engine.health()).toMatchObject({
    ready: true,
    store: { status: "ok" },
    running: 0,
    capacity: 3,
    deadLetters: 0,
  });
  expect(engine.health().loops.map(({ name, restarts }) => [name, restarts])).toContainEqual(["sweeps", 0]);
  const stopped = engine.stop();
  expect(engine.health().ready).toBe(false);
  await stopped;
});

test("an unreachable store is reported, with the time, until it is reachable again", async () => {
  const store = memoryStore({ state: new MemoryState() });
  const { engine } = await testEngine([source("a", [1])], { store, tickMs: 5 });
  const expired = vi.spyOn(store, "expiredLeases").mockImplementation(() => {
    throw new FlowError("STORE_UNAVAILABLE", "gone", { retryable: true });
  });
  const before = Date.now();
  await until(() => !engine.health().ready);
  const { store: state } = engine.health();
  expect(state).toEqual({ status: "unreachable", since: expect.any(Number) });
  if (state.status === "unreachable") expect(state.since).toBeGreaterThanOrEqual(before);
  await until(() => (engine.health().loops.find(({ name }) => name === "sweeps")?.restarts ?? 0) >= 2);
  expect(engine.health().store).toEqual(state); // since the first time, not the last
  expired.mockRestore();
  await until(() => engine.health().ready);
  expect(engine.health().store).toEqual({ status: "ok" });
});

describe("unreadable messages", () => {
  const poison: readonly unknown[] = [
    undefined,
    null,
    "TASK_START",
    {},
    { kind: "TASK_START", taskId: "t" },
    { kind: "new", taskId: "t", nodeId: "n", shard: 0, epoch: 1 },
    { kind: "WORKER_ONLINE", taskId: "t", nodeId: "n", shard: 0, epoch: 1 },
  ];

  test("are stored with the reason and counted, and work continues", async () => {
    const bus = memoryBus();
    const { engine } = await testEngine([source("a", [1])], { bus: sharedBus(bus) });
    for (const message of poison) await bus.publish("cmd.a.v1", "k", message as Message);
    await bus.publish("status.a.v1", "k", { kind: "TASK_DONE", taskId: 7 } as unknown as Message);
    await until(async () => (await engine.deadLetters()).items.length === poison.length + 1);
    expect(engine.health().deadLetters).toBe(poison.length + 1);
    const { items } = await engine.deadLetters();
    const reason = "not a message known to this version";
    expect(items.find(({ body }) => body === '{"kind":"TASK_START","taskId":"t"}')).toMatchObject({
      topic: "cmd.a.v1",
      reason,
    });
    expect(items.find(({ body }) => body === '{"kind":"TASK_DONE","taskId":7}')).toMatchObject({
      topic: "coordinators",
    });
    const { items: page, cursor } = await engine.deadLetters({ limit: 2 });
    expect([page.length, cursor === undefined]).toEqual([2, false]);
    await expect(engine.deadLetters({ limit: 0 })).rejects.toMatchObject({ code: "ENGINE_OPTIONS" });
    expect(await (await engine.run(graphOf(node("a")))).result()).toEqual({ a: [1] });
  });

  test("and messages whose handling keeps failing: the sweep finds what they announced", async () => {
    const store = memoryStore({ state: new MemoryState() });
    const gate = new Gate();
    const waits = source("a", [1], { processBatch: (n) => gate.pass().then(() => n) });
    const { engine } = await testEngine([waits], { store, sweepMs: 50, mayLogErrors: true });
    const task = await engine.run(graphOf(node("a")));
    await until(() => gate.arrived === 1);
    const unreadable = vi.spyOn(store, "readShards").mockRejectedValue(new RangeError("no shards today"));
    gate.open();
    await until(() => engine.health().deadLetters > 0);
    unreadable.mockRestore();
    expect(await task.wait()).toMatchObject({ status: "finished" });
    const [letter] = (await engine.deadLetters()).items;
    expect(letter).toMatchObject({
      topic: "status.a.v1",
      key: `${task.id}:a`,
      reason: "handler failed: no shards today",
    });
  });

  test("are truncated if long", async () => {
    const bus = memoryBus();
    const { engine } = await testEngine([source("a", [1])], { bus: sharedBus(bus) });
    await bus.publish("cmd.a.v1", "k", "x".repeat(100_000) as unknown as Message);
    await until(async () => (await engine.deadLetters()).items.length === 1);
    expect((await engine.deadLetters()).items[0]?.body).toHaveLength(4_096);
  });
});

test("waiting for a task resolves with its end, whatever the outcome", async () => {
  const gate = new Gate();
  const { engine } = await testEngine([
    source("good", [1], { processBatch: (n) => gate.pass().then(() => n) }),
    source("bad", [1], { processBatch: () => Promise.reject(new PermanentError("broken")) }),
  ]);
  const good = await engine.run(graphOf(node("good")));
  const waiting = good.wait();
  await until(() => gate.arrived === 1);
  gate.open();
  expect(await waiting).toMatchObject({ id: good.id, status: "finished" });
  const bad = await engine.run(graphOf(node("bad")));
  expect(await bad.wait()).toMatchObject({ status: "failed", failure: { nodeId: "bad", reasonCode: "broken" } });
  await expect(engine.task("nobody").wait()).rejects.toMatchObject({ code: "TASK_UNKNOWN" });
});
