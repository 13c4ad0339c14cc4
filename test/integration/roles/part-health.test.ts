import { describe, expect, test, vi } from "vitest";
import { memoryBus, memoryStore } from "../../../src/adapters/memory/index.ts";
import type { Message } from "../../../src/core/messages/messages.ts";
import type { Bus, BusHealth } from "../../../src/core/ports/index.ts";
import { Client } from "../../../src/engine/client.ts";
import { Coordinator } from "../../../src/engine/coordinator.ts";
import { createEngine } from "../../../src/engine/engine.ts";
import { Worker } from "../../../src/engine/worker.ts";
import { FlowError } from "../../../src/errors/index.ts";
import { sharedBus } from "../../helpers/engines.ts";
import { graphOf, node } from "../../helpers/graphs.ts";
import { source } from "../../helpers/handlers.ts";
import { Gate, until } from "../../helpers/waiting.ts";

const handlers = [source("a", [1])];
const kinds = {
  Coordinator: (store = memoryStore()) => new Coordinator({ store, handlers, tickMs: 5 }),
  Worker: (store = memoryStore()) => new Worker({ store, handlers }),
} as const;

const withBus = {
  Coordinator: (bus: Bus) => new Coordinator({ store: memoryStore(), handlers, bus }),
  Worker: (bus: Bus) => new Worker({ store: memoryStore(), handlers, bus }),
  Client: (bus: Bus) => new Client({ store: memoryStore(), handlers, bus }),
} as const;

test.for(Object.entries(withBus))("a %s is ready once it has reached its bus, and stays ready", async ([, make]) => {
  let status: BusHealth["status"] = "connecting";
  await using part = make({ ...sharedBus(), health: () => ({ status, restarts: 0, dropped: 0 }) });
  await part.start();
  expect(part.health()).toMatchObject({ state: "running", ready: false, bus: { status: "connecting" } });
  status = "ok";
  expect(part.health().ready).toBe(true);
  status = "unreachable";
  expect(part.health()).toMatchObject({ ready: true, bus: { status: "unreachable" } });
});

test("a client reports its state, and an unreachable store until it is reachable again", async () => {
  const store = memoryStore();
  const client = new Client({ store, handlers });
  expect(client.health()).toMatchObject({ state: "new", ready: false, loops: [], deadLetters: 0 });
  await client.start();
  expect(client.health()).toMatchObject({ state: "running", ready: true, store: { status: "ok" } });
  const listing = vi.spyOn(store, "listTasks").mockImplementation(() => {
    throw new FlowError("STORE_UNAVAILABLE", "gone", { retryable: false });
  });
  await expect(client.list()).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
  expect(client.health()).toMatchObject({ ready: false, store: { status: "unreachable", since: expect.any(Number) } });
  listing.mockRestore();
  await client.list();
  expect(client.health()).toMatchObject({ ready: true, store: { status: "ok" } });
  const creating = vi.spyOn(store, "createTask").mockImplementation(() => {
    throw new FlowError("STORE_UNAVAILABLE", "gone", { retryable: false });
  });
  await expect(client.run(graphOf(node("a")))).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
  expect(client.health().ready).toBe(false);
  creating.mockRestore();
  await client.stop();
  expect(client.health()).toMatchObject({ state: "stopped", ready: false });
});

describe.each(Object.entries(kinds))("the health of a %s", (_, make) => {
  test("has each state of its lifecycle", async () => {
    const store = memoryStore();
    const opening = new Gate();
    vi.spyOn(store, "open").mockImplementation(() => opening.pass());
    const part = make(store);
    const state = () => [part.health().state, part.health().ready];
    expect(state()).toEqual(["new", false]);
    expect(part.health()).toMatchObject({ store: { status: "ok" }, deadLetters: 0, loops: [] });
    const started = part.start();
    expect(state()).toEqual(["starting", false]);
    opening.open();
    await started;
    expect(state()).toEqual(["running", true]);
    expect(part.health().loops.length).toBeGreaterThan(0);
    const closing = new Gate();
    vi.spyOn(store, "close").mockImplementation(() => closing.pass());
    const stopped = part.stop();
    expect(state()).toEqual(["stopping", false]);
    closing.open();
    await stopped;
    expect(state()).toEqual(["stopped", false]);
  });

  test("is `stopped` if it could not be started", async () => {
    const store = memoryStore();
    vi.spyOn(store, "open").mockRejectedValue(new FlowError("STORE_UNAVAILABLE", "no such host"));
    const part = make(store);
    await expect(part.start()).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
    expect(part.health()).toMatchObject({ state: "stopped", ready: false });
  });

  test("reports an unreachable store until it is reachable again", async () => {
    const store = memoryStore();
    await using part = make(store);
    await part.start();
    const gone = () => {
      throw new FlowError("STORE_UNAVAILABLE", "gone", { retryable: true });
    };
    const spies = [
      vi.spyOn(store, "peekQueue").mockImplementation(gone),
      vi.spyOn(store, "expiredLeases").mockImplementation(gone),
    ];
    await until(() => !part.health().ready);
    expect(part.health()).toMatchObject({
      state: "running",
      ready: false,
      store: { status: "unreachable", since: expect.any(Number) },
    });
    for (const spy of spies) spy.mockRestore();
    await until(() => part.health().ready);
    expect(part.health().store).toEqual({ status: "ok" });
  });
});

test("a coordinator's health reflects a failed client call without waiting for a sweep", async () => {
  const store = memoryStore();
  await using coordinator = new Coordinator({ store, handlers, tickMs: 3_600_000 });
  await coordinator.start();
  const gone = new FlowError("STORE_UNAVAILABLE", "gone", { retryable: false });
  const creating = vi.spyOn(store, "createTask").mockRejectedValue(gone);
  await expect(coordinator.run(graphOf(node("a")))).rejects.toThrow(gone);
  expect(coordinator.health()).toMatchObject({ ready: false, store: { status: "unreachable" } });
  creating.mockRestore();
  await coordinator.list();
  expect(coordinator.health()).toMatchObject({ ready: true, store: { status: "ok" } });
});

test("the health of a worker, and of an engine, reflects a failed call of an attempt", async () => {
  const store = memoryStore();
  // Without a free slot and with a long lease, the attempt's own calls are the only ones.
  await using engine = await createEngine({ store, handlers, capacity: 1, leaseMs: 3_600_000, tickMs: 3_600_000 });
  const appending = vi.spyOn(store, "append");
  const gone = new FlowError("STORE_UNAVAILABLE", "gone", { retryable: true });
  appending.mockRejectedValue(gone);
  const task = await engine.run(graphOf(node("a")));
  await until(() => engine.health().store.status === "unreachable", "the bad news");
  expect(engine.health().ready).toBe(false);
  appending.mockRestore();
  expect(await task.result()).toEqual({ a: [1] });
  await until(() => engine.health().ready, "the good news");
});

test("a worker reports its running attempts and its capacity", async () => {
  const both = { store: memoryStore(), bus: memoryBus() };
  const gate = new Gate();
  const waits = [source("a", [1], { processBatch: (n) => gate.pass().then(() => n) })];
  await using coordinator = new Coordinator({ ...both, handlers: waits });
  await using worker = new Worker({ ...both, handlers: waits, capacity: 3 });
  await Promise.all([coordinator.start(), worker.start()]);
  expect(worker.health()).toMatchObject({ running: 0, capacity: 3 });
  const task = await coordinator.run(graphOf(node("a")));
  await until(() => gate.arrived === 1);
  expect(worker.health()).toMatchObject({ running: 1, capacity: 3 });
  gate.open();
  await task.result();
  await until(() => worker.health().running === 0);
});

test("each counts its unreadable messages", async () => {
  const bus = memoryBus();
  const both = { store: memoryStore(), bus: sharedBus(bus) };
  await using coordinator = new Coordinator({ ...both, handlers });
  await using worker = new Worker({ ...both, handlers });
  await Promise.all([coordinator.start(), worker.start()]);
  await bus.publish("cmd.a.v1", "k", {} as Message);
  await bus.publish("status.a.v1", "k", {} as Message);
  await bus.publish("status.a.v1", "k", "poison" as unknown as Message);
  await until(() => coordinator.health().deadLetters === 2 && worker.health().deadLetters === 1);
  await until(async () => (await coordinator.deadLetters()).items.length === 3);
});
