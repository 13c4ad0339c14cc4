import { resolve } from "node:path";
import { describe, expect, test, vi } from "vitest";
import { memoryBus, memoryStore } from "../../../src/adapters/memory/index.ts";
import { topics } from "../../../src/core/messages/messages.ts";
import type { Bus, Store } from "../../../src/core/ports/index.ts";
import { Client } from "../../../src/engine/client.ts";
import { Coordinator } from "../../../src/engine/coordinator.ts";
import { createEngine } from "../../../src/engine/engine.ts";
import { Worker } from "../../../src/engine/worker.ts";
import { FlowError } from "../../../src/errors/index.ts";
import { graphOf, node } from "../../helpers/graphs.ts";
import { handler, source } from "../../helpers/handlers.ts";
import { testRoles } from "../../helpers/roles.ts";
import { runProcess } from "../../helpers/run-process.ts";
import { Gate, until } from "../../helpers/waiting.ts";

interface Given {
  readonly store: Store;
  readonly bus?: Bus;
}

const handlers = [source("a", [1])];
const kinds = {
  coordinator: (given: Given) => new Coordinator({ ...given, handlers }),
  worker: (given: Given) => new Worker({ ...given, handlers }),
  client: (given: Given) => new Client({ ...given, handlers }),
} as const;
const each = describe.each(Object.entries(kinds));

/** A store and a bus that count how often they were opened and closed. */
function counted() {
  const store = memoryStore();
  const bus = memoryBus();
  const calls = {
    opened: vi.spyOn(store, "open"),
    closed: vi.spyOn(store, "close"),
    busClosed: vi.spyOn(bus, "close"),
  };
  const callCounts = () => Object.values(calls).map(({ mock }) => mock.calls.length);
  return { store, bus, callCounts };
}

each("a %s", (what, make) => {
  test("starts once and stops once, however often it is called", async () => {
    const { store, bus, callCounts } = counted();
    const part = make({ store, bus });
    expect(callCounts()).toEqual([0, 0, 0]);
    expect(part.start()).toBe(part.start());
    await part.start();
    expect(callCounts()).toEqual([1, 0, 0]);
    expect(part.stop()).toBe(part.stop({ graceMs: 5 }));
    await part.stop();
    await part.start(); // a repeated stop is not an error
    expect(callCounts()).toEqual([1, 1, 1]);
  });

  test("is stopped by `await using`", async () => {
    const { store, bus, callCounts } = counted();
    {
      await using part = make({ store, bus });
      await part.start();
    }
    expect(callCounts()).toEqual([1, 1, 1]);
  });

  test("that was stopped cannot be started", async () => {
    const { store, callCounts } = counted();
    const part = make({ store });
    await part.stop();
    await expect(part.start()).rejects.toMatchObject({ code: "ENGINE_STOPPED" });
    expect(callCounts()).toEqual([0, 0, 0]);
  });

  test("that is stopped while starting closes what it opened", async () => {
    const { store, bus, callCounts } = counted();
    const gate = new Gate();
    vi.spyOn(store, "open").mockImplementation(() => gate.pass());
    const part = make({ store, bus });
    const started = expect(part.start()).rejects.toMatchObject({ code: "ENGINE_STOPPED" });
    const stopped = part.stop();
    gate.open();
    await Promise.all([started, stopped]);
    expect(callCounts().slice(1)).toEqual([1, 1]);
  });

  test("that cannot open its store reports it and closes the store", async () => {
    const { store, bus, callCounts } = counted();
    const gone = new FlowError("STORE_UNAVAILABLE", "no such host");
    vi.spyOn(store, "open").mockRejectedValue(gone);
    const part = make({ store, bus });
    await expect(part.start()).rejects.toBe(gone);
    await expect(part.start()).rejects.toBe(gone);
    await part.stop();
    expect(callCounts()).toEqual([1, 1, 0]);
  });

  test("reports errors of its stop, and performs the other steps nevertheless", async () => {
    const { store, bus, callCounts } = counted();
    const part = make({ store, bus });
    await part.start();
    vi.spyOn(bus, "close").mockRejectedValue(new Error("bus broken"));
    vi.spyOn(store, "close").mockRejectedValue(new Error("store broken"));
    const error = await part.stop().catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(AggregateError);
    expect((error as AggregateError).errors.map(({ message }) => message)).toEqual(["bus broken", "store broken"]);
    expect((error as AggregateError).message).toBe(`stopping the ${what} failed with several errors`);
    expect(callCounts()).toEqual([1, 1, 1]);
  });

  test.each([-1, Number.NaN, "5"])("rejects a grace period of %s, and keeps running", async (graceMs) => {
    const part = make({ store: memoryStore() });
    await part.start();
    await expect(part.stop({ graceMs: graceMs as number })).rejects.toMatchObject({ code: "ENGINE_OPTIONS" });
    await part.stop({ graceMs: 0 });
  });
});

describe("a shared store and bus", () => {
  test("are opened by the first user and closed by the last", async () => {
    const { store, bus, callCounts } = counted();
    const parts = Object.values(kinds).map((make) => make({ store, bus }));
    await Promise.all(parts.map((part) => part.start()));
    const engine = await createEngine({ store, bus, handlers });
    expect(callCounts()).toEqual([1, 0, 0]);
    await engine.stop();
    for (const part of parts) {
      expect(callCounts()).toEqual([1, 0, 0]);
      await part.stop();
    }
    expect(callCounts()).toEqual([1, 1, 1]);
  });

  test("stay open for the others if one cannot start", async () => {
    const { store, bus, callCounts } = counted();
    await using worker = new Worker({ store, bus, handlers });
    await worker.start();
    const refuse = vi.spyOn(bus, "subscribe").mockRejectedValue(new Error("no more groups"));
    const coordinator = new Coordinator({ store, bus, handlers });
    await expect(coordinator.start()).rejects.toThrow("no more groups");
    refuse.mockRestore();
    expect(callCounts()).toEqual([1, 0, 0]);
    await using client = new Client({ store, bus, handlers });
    await client.start();
    const task = await client.run(graphOf(node("a")));
    await until(async () => (await task.status()).nodes[0]?.status === "finished");
  });

  test("a worker of several types whose bus is unavailable gets an error with its code", async () => {
    const bus = memoryBus();
    const away = () => new FlowError("BUS_UNAVAILABLE", "no broker", { retryable: true });
    vi.spyOn(bus, "subscribe").mockImplementation(() => Promise.reject(away()));
    const worker = new Worker({ store: memoryStore(), bus, handlers: [source("a", [1]), handler("b")] });
    await expect(worker.start()).rejects.toMatchObject({ code: "BUS_UNAVAILABLE", retryable: true });
  });

  test("a worker that cannot subscribe to its signals leaves no subscription open", async () => {
    const bus = memoryBus();
    const subscribe = bus.subscribe.bind(bus);
    const left = vi.fn();
    vi.spyOn(bus, "subscribe").mockImplementation(async (options) => {
      if (options.topics[0] === topics.signals) throw new Error("no more groups");
      const { close } = await subscribe(options);
      return {
        close() {
          left(options.group);
          return close();
        },
      };
    });
    const store = memoryStore();
    await using client = new Client({ store, bus, handlers });
    await client.start(); // so that the bus is not closed
    const worker = new Worker({ store, bus, handlers: [...handlers, handler("b")] });
    await expect(worker.start()).rejects.toThrow("no more groups");
    expect(left.mock.calls.flat()).toEqual(["workers.a+b"]);
  });
});

describe("calls before the start", () => {
  test("report that it has not been started", async () => {
    for (const make of [kinds.coordinator, kinds.client]) {
      const part = make({ store: memoryStore() });
      const refused = { code: "ENGINE_NOT_STARTED" };
      await expect(part.run(graphOf(node("a")))).rejects.toMatchObject(refused);
      await expect(part.retry("t", { from: "failed" })).rejects.toMatchObject(refused);
      await expect(part.list()).rejects.toMatchObject(refused);
      await expect(part.delete("t")).rejects.toMatchObject(refused);
      await expect(part.cleanup({ endedForSec: 1 })).rejects.toMatchObject(refused);
      await expect(part.deadLetters()).rejects.toMatchObject(refused);
      expect(() => part.task("t")).toThrow(expect.objectContaining(refused));
    }
  });

  test("and after a stop that it has been stopped", async () => {
    for (const make of [kinds.coordinator, kinds.client]) {
      const part = make({ store: memoryStore() });
      await part.start();
      const task = await part.run(graphOf(node("a")));
      await part.stop();
      const refused = { code: "ENGINE_STOPPED" };
      await expect(part.run(graphOf(node("a")))).rejects.toMatchObject(refused);
      await expect(task.status()).rejects.toMatchObject(refused);
      await expect(part.list()).rejects.toMatchObject(refused);
    }
  });
});

test("coordinators with different types cannot share a bus: the second gets an error with advice", async () => {
  const { coordinator } = testRoles();
  await coordinator(["a", "b"]);
  const error = await coordinator(["a", "c"]).catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({
    code: "ENGINE_OPTIONS",
    message:
      "another coordinator on this bus has different node types than this one (a, c, coordinator_fn): use the same " +
      "handlers or workerTypes in both, or separate buses",
  });
});

describe("a program", () => {
  const run = (text: string) => {
    const start = `
      import { setTimeout as sleep } from "node:timers/promises"
      import { defineHandler } from "flowkit"
      import * as z from "zod"
      import { Client, Coordinator, memoryBus, memoryStore, Worker } from "flowkit/engine"
      const both = { store: memoryStore(), bus: memoryBus() }
      const handler = defineHandler("a", { output: z.number(), iterBatches: () => [{ payload: 1 }] })
    `;
    return runProcess(process.execPath, [
      "--import",
      resolve("test/helpers/flowkit-from-source.ts"),
      "--input-type=module",
      "-e",
      start + text,
    ]);
  };

  test.each(["Coordinator", "Worker"])("with a %s keeps running until that is stopped", async (part) => {
    const outcome = await run(`
      const part = new ${part}({ ...both, handlers: [handler] })
      await part.start()
      sleep(300, undefined, { ref: false })
      const timer = setTimeout(() => { console.log("still there"); part.stop() }, 300)
      timer.unref()
    `);
    expect(outcome).toEqual({ exitCode: 0, output: "still there\n" });
  });

  test("with `keepAlive: false`, or with a client only, exits", async () => {
    const outcome = await run(`
      await new Coordinator({ ...both, handlers: [handler], keepAlive: false }).start()
      await new Worker({ ...both, handlers: [handler], keepAlive: false }).start()
      await new Client({ ...both, handlers: [handler] }).start()
      setTimeout(() => console.log("still there"), 60_000).unref()
    `);
    expect(outcome).toEqual({ exitCode: 0, output: "" });
  });
});
