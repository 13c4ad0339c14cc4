import { describe, expect, inject, onTestFinished, test } from "vitest";
import { freePort } from "../../scripts/services/free-port.ts";
import { startKafka } from "../../scripts/services/kafka.ts";
import { mongoStore } from "../../src/adapters/mongo/index.ts";
import type { HandlerDefinition } from "../../src/definitions/index.ts";
import { Coordinator, type CoordinatorOwnOptions } from "../../src/engine/coordinator.ts";
import { Worker, type WorkerOptions } from "../../src/engine/worker.ts";
import { graphOf, node } from "../helpers/graphs.ts";
import { handler, numbers, source } from "../helpers/handlers.ts";
import { tcpProxy } from "../helpers/tcp-proxy.ts";
import { Gate, until } from "../helpers/waiting.ts";
import { openAdmin, openBus, sharedBrokers, uniquePrefix } from "./kafka/bus-tools.ts";
import { database, freshPrefix } from "./mongodb/mongo-world.ts";
import { needsServices } from "./services.ts";

needsServices("kafka", "mongodb");

const patience = 60_000;
const hourMs = 3_600_000;

interface PlaceOptions {
  readonly brokers?: string[];
  readonly mongoUrl?: string;
  readonly partitions?: number;
}

/** Coordinators and workers, each with its own store and bus, as in separate processes on the same servers. */
function place({ brokers = sharedBrokers(), mongoUrl = inject("mongodbUrl"), partitions = 3 }: PlaceOptions = {}) {
  const [topicPrefix, collectionPrefix] = [uniquePrefix(), freshPrefix()];
  const own = () => ({
    store: mongoStore({ url: mongoUrl, database, prefix: collectionPrefix, timeoutMs: 2_000 }),
    bus: openBus({ brokers, prefix: topicPrefix, topics: { partitions }, closeTimeoutMs: 1_000 }),
  });
  const started = async <T extends Coordinator | Worker>(part: T): Promise<T> => {
    onTestFinished(() => part.stop({ graceMs: 0 }));
    await part.start();
    return part;
  };
  return {
    topicPrefix,
    /** By default, no task is swept after its first sweep. */
    coordinator: (workerTypes: readonly string[], options: Partial<CoordinatorOwnOptions> = {}) =>
      started(new Coordinator({ ...own(), tickMs: 100, sweepMs: hourMs, workerTypes, ...options })),
    worker: (handlers: readonly HandlerDefinition[], options: Partial<WorkerOptions> = {}) =>
      started(new Worker({ ...own(), handlers, ...options })),
  };
}

/** A handler of one batch that waits at its worker's gate. */
const gated = (gate: Gate, seen: string[] = [], who = ""): HandlerDefinition[] => [
  source("a", [1], {
    async processBatch(payload, ctx) {
      seen.push(who);
      await gate.pass(ctx.signal);
      return payload;
    },
  }),
];

const one = graphOf(node("a"));

describe("work is shared", () => {
  test("two workers of one type share the work, each up to its capacity", async () => {
    const { coordinator, worker } = place();
    const plans = await coordinator(["a"]);
    const gates = [new Gate(), new Gate()] as const;
    for (const gate of gates) await worker(gated(gate), { capacity: 2 });
    const tasks = await Promise.all(numbers(6).map(() => plans.run(one)));
    await until(() => gates.every(({ arrived }) => arrived === 2), "two attempts at each", patience);
    for (const gate of gates) gate.open();
    for (const task of tasks) expect(await task.result()).toEqual({ a: [1] });
    expect(gates.map(({ arrived }) => arrived).reduce((sum, count) => sum + count)).toBe(6);
  });

  test("a worker at capacity that receives all messages does not block work that an idle one could claim", async () => {
    const { coordinator, worker, topicPrefix } = place({ partitions: 1 });
    const plans = await coordinator(["a"]);
    const seen: string[] = [];
    const gates = { first: new Gate(), second: new Gate() };
    await worker(gated(gates.first, seen, "first"), { capacity: 1 });
    await worker(gated(gates.second, seen, "second"), { capacity: 1 });
    const admin = await openAdmin();
    await until(
      async () => {
        const { groups } = await admin.describeGroups([`${topicPrefix}.workers.a`]);
        return groups[0]?.members.length === 2 && groups[0].state === "Stable";
      },
      "a group of two, of whom one has the only partition",
      patience,
    );

    // One worker claims the first task and is at capacity; later the roles are reversed.
    const held = await plans.run(one);
    await until(() => seen.length === 1, "the first attempt", patience);
    const [full, idle] = seen[0] === "first" ? (["first", "second"] as const) : (["second", "first"] as const);
    const behind = await Promise.all(numbers(4).map(() => plans.run(one)));
    await until(() => seen.length === 2, "an attempt of the idle worker", patience);
    gates[idle].open();
    for (const task of behind) expect(await task.result()).toEqual({ a: [1] });
    expect(seen).toEqual([full, ...numbers(4).map(() => idle)]);
    expect((await held.status()).status).toBe("running");
    gates[full].open();
    expect(await held.result()).toEqual({ a: [1] });
  });

  test("it does not matter which of the two has the partition", async () => {
    const { coordinator, worker } = place({ partitions: 1 });
    const plans = await coordinator(["a"]);
    const open = new Gate();
    open.open();
    const seen: string[] = [];
    // At capacity from the start, while it is the group's only member and has the partition.
    const gate = new Gate();
    await worker(gated(gate), { capacity: 1 });
    const held = await plans.run(one);
    await until(() => gate.arrived === 1, "its attempt", patience);
    const behind = await Promise.all(numbers(3).map(() => plans.run(one)));
    await worker(gated(open, seen, "added"), { capacity: 1 });
    for (const task of behind) expect(await task.result()).toEqual({ a: [1] });
    for (let more = 0; more < 2; more++) expect(await (await plans.run(one)).result()).toEqual({ a: [1] });
    expect(seen).toEqual(numbers(5).map(() => "added"));
    expect(gate.arrived).toBe(1);
    gate.open();
    await held.result();
  });

  test("a worker that is added while a task runs claims a share of the shards", async () => {
    const { coordinator, worker } = place();
    const plans = await coordinator(["wide"]);
    const running = { most: 0, now: 0 };
    const ran = { first: 0, second: 0 };
    const gate = new Gate();
    const wide = (who: keyof typeof ran) => [
      handler("wide", {
        iterBatches: () => numbers(24).map((payload) => ({ payload })),
        async loadInput(_, ctx) {
          running.most = Math.max(running.most, ++running.now);
          ctx.onCleanup(() => void running.now--);
          ran[who]++;
          if (who === "second" || ran.first > 2) await gate.pass(ctx.signal);
        },
      }),
    ];
    await worker(wide("first"), { capacity: 1 });
    const task = await plans.run(graphOf(node("wide", [], { partitions: 8 })));
    await until(() => gate.arrived === 1, "the third shard", patience);
    expect(running.most).toBe(1); // alone, one after another
    await worker(wide("second"), { capacity: 1 });
    await until(() => gate.arrived === 2, "a shard at each", patience);
    expect(running.most).toBe(2);
    gate.open();
    const { wide: batches } = (await task.result()) as { wide: number[] };
    expect(batches.toSorted((a, b) => a - b)).toEqual(numbers(24));
    expect(ran.first + ran.second).toBe(8);
    expect(ran.second).toBeGreaterThan(0);
    expect(ran.first).toBeGreaterThanOrEqual(3);
  });
});

describe("a server is away", () => {
  const two = graphOf(node("a"), node("b", ["a"]), node("set", ["b"], { fn: "vars.set", fnArgs: { kv: { x: 1 } } }));

  test("without Kafka, work continues through the store", async () => {
    const broker = await startKafka({ port: await freePort() });
    onTestFinished(() => broker.stop());
    const { coordinator, worker } = place({ brokers: [broker.address] });
    const plans = await coordinator(["a", "b"], { sweepMs: 500 });
    const gate = new Gate();
    const handlers = [...gated(gate), handler("b", { processBatch: (n) => Number(n) * 2 })];
    const runs = await worker(handlers);
    const before = await plans.run(two);
    await until(() => gate.arrived === 1, "the first node", patience);
    await broker.stop();
    gate.open();
    expect(await before.wait()).toMatchObject({ status: "finished", vars: { x: 1 } });
    const after = await plans.run(two);
    expect(await after.wait()).toMatchObject({ status: "finished", vars: { x: 1 } });
    for (const part of [plans, runs]) {
      await until(() => part.health().bus.status === "unreachable", "the bad news", patience);
      expect(part.health().ready).toBe(true);
    }
  });

  test("without MongoDB everything waits, and then continues", async () => {
    const { hostname, port } = new URL(inject("mongodbUrl"));
    const proxy = await tcpProxy({ host: hostname, port: Number(port) });
    const { coordinator, worker } = place({ mongoUrl: `mongodb://127.0.0.1:${proxy.port}/?directConnection=true` });
    const plans = await coordinator(["a", "b"], { sweepMs: 500 });
    const gate = new Gate();
    let later = 0;
    const counting = (payload: unknown) => {
      later++;
      return payload;
    };
    const runs = await worker([...gated(gate), handler("b", { processBatch: counting })]);
    const task = await plans.run(two);
    await until(() => gate.arrived === 1, "the first node", patience);
    proxy.interrupt();
    gate.open();
    for (const part of [plans, runs]) {
      await until(() => part.health().store.status === "unreachable", "the bad news", patience);
      expect(part.health().ready).toBe(false);
    }
    expect(later).toBe(0);
    proxy.resume();
    expect(await task.wait()).toMatchObject({ status: "finished", vars: { x: 1 } });
    expect(later).toBe(1);
    expect(gate.arrived).toBe(1); // the lease was long enough, so nothing ran twice
    for (const part of [plans, runs]) await until(() => part.health().ready, "the good news", patience);
  });
});

test("coordinators with different types cannot share a Kafka bus: the second gets an error with advice", async () => {
  const bus = openBus({ prefix: uniquePrefix() });
  const prefix = freshPrefix();
  const coordinator = async (workerTypes: readonly string[]) => {
    const store = mongoStore({ url: inject("mongodbUrl"), database, prefix });
    const part = new Coordinator({ store, bus, workerTypes });
    onTestFinished(() => part.stop({ graceMs: 0 }));
    await part.start();
  };
  await coordinator(["a", "b"]);
  await expect(coordinator(["a", "c"])).rejects.toMatchObject({
    code: "ENGINE_OPTIONS",
    message: expect.stringContaining("has different node types than this one (a, c, coordinator_fn)"),
  });
});
