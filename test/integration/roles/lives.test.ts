import { resolve } from "node:path";
import { describe, expect, test, vi } from "vitest";
import { memoryBus, memoryStore } from "../../../src/adapters/memory/index.ts";
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

/** A store and a bus that tell how often they were opened and closed. */
function counted() {
  const store = memoryStore();
  const bus = memoryBus();
  const calls = {
    opened: vi.spyOn(store, "open"),
    closed: vi.spyOn(store, "close"),
    busClosed: vi.spyOn(bus, "close"),
  };
  const told = () => Object.values(calls).map(({ mock }) => mock.calls.length);
  return { store, bus, told };
}

each("a %s", (what, make) => {
  test("starts once and stops once, however often it is told to", async () => {
    const { store, bus, told } = counted();
    const part = make({ store, bus });
    expect(told()).toEqual([0, 0, 0]);
    expect(part.start()).toBe(part.start());
    await part.start();
    expect(told()).toEqual([1, 0, 0]);
    expect(part.stop()).toBe(part.stop({ graceMs: 5 }));
    await part.stop();
    await part.start(); // what was is over, and no error
    expect(told()).toEqual([1, 1, 1]);
  });

  test("is stopped by `await using`", async () => {
    const { store, bus, told } = counted();
    {
      await using part = make({ store, bus });
      await part.start();
    }
    expect(told()).toEqual([1, 1, 1]);
  });

  test("that was stopped can't be started", async () => {
    const { store, told } = counted();
    const part = make({ store });
    await part.stop();
    await expect(part.start()).rejects.toMatchObject({ code: "ENGINE_STOPPED" });
    expect(told()).toEqual([0, 0, 0]);
  });

  test("that is stopped while it starts ends what it began", async () => {
    const { store, bus, told } = counted();
    const gate = new Gate();
    vi.spyOn(store, "open").mockImplementation(() => gate.pass());
    const part = make({ store, bus });
    const started = expect(part.start()).rejects.toMatchObject({ code: "ENGINE_STOPPED" });
    const stopped = part.stop();
    gate.open();
    await Promise.all([started, stopped]);
    expect(told().slice(1)).toEqual([1, 1]);
  });

  test("that can't open its store says so, and closes it", async () => {
    const { store, bus, told } = counted();
    const gone = new FlowError("STORE_UNAVAILABLE", "no such host");
    vi.spyOn(store, "open").mockRejectedValue(gone);
    const part = make({ store, bus });
    await expect(part.start()).rejects.toBe(gone);
    await expect(part.start()).rejects.toBe(gone);
    await part.stop();
    expect(told()).toEqual([1, 1, 0]);
  });

  test("tells what its stop met, and takes the other steps all the same", async () => {
    const { store, bus, told } = counted();
    const part = make({ store, bus });
    await part.start();
    vi.spyOn(bus, "close").mockRejectedValue(new Error("bus broken"));
    vi.spyOn(store, "close").mockRejectedValue(new Error("store broken"));
    const error = await part.stop().catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(AggregateError);
    expect((error as AggregateError).errors.map(({ message }) => message)).toEqual(["bus broken", "store broken"]);
    expect((error as AggregateError).message).toBe(`stopping the ${what} failed with several errors`);
    expect(told()).toEqual([1, 1, 1]);
  });

  test.each([-1, Number.NaN, "5"])("refuses to stop within %s, and goes on", async (graceMs) => {
    const part = make({ store: memoryStore() });
    await part.start();
    await expect(part.stop({ graceMs: graceMs as number })).rejects.toMatchObject({ code: "ENGINE_OPTIONS" });
    await part.stop({ graceMs: 0 });
  });
});

describe("a store and a bus that several share", () => {
  test("are opened by the first and closed by the last", async () => {
    const { store, bus, told } = counted();
    const parts = Object.values(kinds).map((make) => make({ store, bus }));
    await Promise.all(parts.map((part) => part.start()));
    const engine = await createEngine({ store, bus, handlers });
    expect(told()).toEqual([1, 0, 0]);
    await engine.stop();
    for (const part of parts) {
      expect(told()).toEqual([1, 0, 0]);
      await part.stop();
    }
    expect(told()).toEqual([1, 1, 1]);
  });

  test("stay open for the others when one can't start", async () => {
    const { store, bus, told } = counted();
    await using worker = new Worker({ store, bus, handlers });
    await worker.start();
    const refuse = vi.spyOn(bus, "subscribe").mockRejectedValue(new Error("no more groups"));
    const coordinator = new Coordinator({ store, bus, handlers });
    await expect(coordinator.start()).rejects.toThrow("no more groups");
    refuse.mockRestore();
    expect(told()).toEqual([1, 0, 0]);
    await using client = new Client({ store, bus, handlers });
    await client.start();
    const task = await client.run(graphOf(node("a")));
    await until(async () => (await task.status()).nodes[0]?.status === "finished");
  });

  test("a worker of several types whose bus is away is told so with its code", async () => {
    const bus = memoryBus();
    const away = () => new FlowError("BUS_UNAVAILABLE", "no broker", { retryable: true });
    vi.spyOn(bus, "subscribe").mockImplementation(() => Promise.reject(away()));
    const worker = new Worker({ store: memoryStore(), bus, handlers: [source("a", [1]), handler("b")] });
    await expect(worker.start()).rejects.toMatchObject({ code: "BUS_UNAVAILABLE", retryable: true });
  });

  test("a worker that can't subscribe to all leaves no subscription behind", async () => {
    const bus = memoryBus();
    const subscribe = bus.subscribe.bind(bus);
    const left = vi.fn();
    vi.spyOn(bus, "subscribe").mockImplementation(async (options) => {
      if (options.topics[0] === "cmd.b.v1") throw new Error("no more groups");
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
    await client.start(); // so that nobody closes the bus
    const worker = new Worker({ store, bus, handlers: [...handlers, handler("b")] });
    await expect(worker.start()).rejects.toThrow("no more groups");
    expect(left.mock.calls.flat()).toEqual(["workers.a", expect.stringMatching(/^signals\.worker-/)]);
  });
});

describe("calls before the start", () => {
  test("say that it has not been started", async () => {
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

  test("and after the stop that it has been stopped", async () => {
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

test("coordinators of different types can't share a bus: the second is told what to do", async () => {
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

  test.each(["Coordinator", "Worker"])("with a %s goes on until that is stopped", async (part) => {
    const outcome = await run(`
      const part = new ${part}({ ...both, handlers: [handler] })
      await part.start()
      sleep(300, undefined, { ref: false })
      const timer = setTimeout(() => { console.log("still there"); part.stop() }, 300)
      timer.unref()
    `);
    expect(outcome).toEqual({ exitCode: 0, output: "still there\n" });
  });

  test("with `keepAlive: false`, or with a client, ends", async () => {
    const outcome = await run(`
      await new Coordinator({ ...both, handlers: [handler], keepAlive: false }).start()
      await new Worker({ ...both, handlers: [handler], keepAlive: false }).start()
      await new Client({ ...both, handlers: [handler] }).start()
      setTimeout(() => console.log("still there"), 60_000).unref()
    `);
    expect(outcome).toEqual({ exitCode: 0, output: "" });
  });
});
