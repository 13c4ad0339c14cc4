import { expect, test } from "vitest";
import { MemoryState, memoryStore } from "../../../src/adapters/memory/index.ts";
import type { Store } from "../../../src/core/ports/index.ts";
import { FlowError } from "../../../src/errors/index.ts";
import { testEngine } from "../../helpers/engines.ts";
import { atOnce, graphOf, node } from "../../helpers/graphs.ts";
import { handler, numbers, source } from "../../helpers/handlers.ts";
import { cluster, type Lifeline } from "../../helpers/processes.ts";
import { stillTime } from "../../helpers/still-time.ts";
import { Gate, until } from "../../helpers/waiting.ts";

test("a killed worker's attempt continues elsewhere with the next epoch, after what it had stored", async () => {
  const time = stillTime();
  const { start, store } = cluster();
  const hang = new Gate();
  const processed: [string, unknown][] = [];
  const worker = (name: string) =>
    source("a", numbers(6), {
      processBatch: async (n) => {
        processed.push([name, n]);
        if (name === "first" && n === 3) await hang.pass();
        return n;
      },
    });
  const first = await start([worker("first")]);
  const task = await first.engine.run(graphOf(node("a")));
  await time.during(until(() => hang.arrived === 1));
  const second = await start([worker("second")]);
  first.lifeline.cut();
  expect(await time.during(second.engine.task(task.id).result())).toEqual({ a: numbers(6) });
  expect(processed.filter(([name]) => name === "second").map(([, n]) => n)).toEqual([3, 4, 5]);
  const [record] = await store.readShards(task.id);
  expect(record).toMatchObject({ epoch: 2, lost: 1, failures: 0 });
});

test("a lost lease does not count as a retry: the one that max 1 allows is still left", async () => {
  const time = stillTime();
  const { start, store } = cluster();
  const hang = new Gate();
  const first = await start([source("a", [1], { processBatch: () => hang.pass() })]);
  const task = await first.engine.run(graphOf(node("a", [], { retry_policy: { max: 1, ...atOnce } })));
  await time.during(until(() => hang.arrived === 1));
  first.lifeline.cut();
  const fails = source("a", [1], {
    finalize: ({ epoch }) => {
      if (epoch === 2) throw new Error("once");
    },
  });
  const second = await start([fails]);
  expect(await time.during(second.engine.task(task.id).result())).toEqual({ a: [1] });
  expect((await store.readShards(task.id))[0]).toMatchObject({ epoch: 3, lost: 1, failures: 1 });
});

test("a batch that kills every worker ends as worker_lost, after exactly the limit", async () => {
  const time = stillTime();
  const { start, store } = cluster();
  const killed: number[] = [];
  const deadly = (kill: () => Promise<void>) =>
    source("deadly", [1], {
      processBatch: async (_n, ctx) => {
        await kill();
        killed.push(ctx.epoch);
        await new Gate().pass();
      },
    });
  const victim = async () => {
    const started = Promise.withResolvers<Lifeline>(); // a batch may begin before that
    const process = await start([deadly(async () => (await started.promise).cut())], { maxLostLeases: 2 });
    started.resolve(process.lifeline);
    return process;
  };
  const first = await victim();
  const task = await first.engine.run(graphOf(node("deadly")));
  for (const epoch of [1, 2]) {
    await time.during(until(() => killed.length === epoch));
    await victim();
  }
  await time.during(until(() => killed.length === 3));
  const survivor = await start([source("deadly", [1])], { maxLostLeases: 2 });
  await expect(time.during(survivor.engine.task(task.id).result())).rejects.toMatchObject({
    details: { reasonCode: "worker_lost", nodeId: "deadly" },
  });
  expect(killed).toEqual([1, 2, 3]);
  expect((await store.readShards(task.id))[0]).toMatchObject({ status: "failed", lost: 3, failures: 0 });
});

test("workers that die one after another, each after storing a batch, finish a node however many they are", async () => {
  const time = stillTime();
  const { start, store } = cluster();
  const died: number[] = [];
  const mortal = async (batches: number) => {
    const started = Promise.withResolvers<Lifeline>();
    let processed = 0;
    const handlers = [
      source("a", numbers(6), {
        processBatch: async (n, ctx) => {
          if (++processed <= batches) return n;
          (await started.promise).cut();
          died.push(ctx.epoch);
          await new Gate().pass();
        },
      }),
    ];
    const process = await start(handlers, { maxLostLeases: 1 });
    started.resolve(process.lifeline);
    return process;
  };
  const first = await mortal(1);
  const task = await first.engine.run(graphOf(node("a")));
  for (const epoch of [1, 2, 3, 4]) {
    await time.during(until(() => died.length === epoch));
    await mortal(1);
  }
  await time.during(until(() => died.length === 5));
  const last = await mortal(6);
  expect(await time.during(last.engine.task(task.id).result())).toEqual({ a: numbers(6) });
  expect((await store.readShards(task.id))[0]).toMatchObject({ epoch: 6, lost: 1, storedAtLoss: 5 });
});

test("a slow worker is fenced: its late result is dropped, its signal aborted", async () => {
  const time = stillTime();
  const { start, store } = cluster();
  const gate = new Gate();
  const outcomes: string[] = [];
  const first = await start([
    source("a", [1], {
      processBatch: async (_n, ctx) => {
        ctx.signal.addEventListener("abort", () => outcomes.push("aborted"));
        await gate.pass();
        return "late";
      },
    }),
  ]);
  const task = await first.engine.run(graphOf(node("a")));
  await time.during(until(() => gate.arrived === 1));
  first.lifeline.cut();
  const second = await start([source("a", [1], { processBatch: () => "in time" })]);
  expect(await time.during(second.engine.task(task.id).result())).toEqual({ a: ["in time"] });
  gate.open();
  await time.during(until(() => outcomes.length === 1, "the abort of the slow attempt"));
  await time.during(until(() => first.engine.health().running === 0, "the slot of the slow attempt"));
  const artifacts = await store.readArtifacts({ taskId: task.id, nodeId: "a", shard: 0 }, 0, 0, 10);
  expect(artifacts.map(({ meta }) => meta)).toEqual(["in time"]);
});

test("a lease is renewed as long as its attempt runs, for many lease lengths", async () => {
  const time = stillTime();
  const { start, store } = cluster();
  const gate = new Gate();
  const one = await start([source("a", [1], { processBatch: () => gate.pass().then(() => 1) })], { leaseMs: 900 });
  const task = await one.engine.run(graphOf(node("a")));
  const deadlines = new Set<number>();
  const renewed = async () => {
    const [record] = await store.readShards(task.id);
    if (record?.lease !== undefined) deadlines.add(record.lease.deadline);
    return deadlines.size >= 6;
  };
  await time.during(until(renewed, "six renewals"));
  gate.open();
  expect(await task.result()).toEqual({ a: [1] });
  expect([...deadlines]).toEqual([...deadlines].toSorted((a, b) => a - b));
  expect((await store.readShards(task.id))[0]).toMatchObject({ epoch: 1, lost: 0 });
});

test("the coordinator of a task is killed between two nodes: another notices by itself and continues", async () => {
  const { start } = cluster();
  const gate = new Gate();
  const handlers = [source("a", [1], { processBatch: () => gate.pass().then(() => 1) }), handler("b")];
  const first = await start(handlers);
  const task = await first.engine.run(graphOf(node("a"), node("b", ["a"])));
  await until(() => gate.arrived === 1);
  first.lifeline.cut();
  gate.open();
  const second = await start(handlers, { sweepMs: 50 });
  expect(await second.engine.task(task.id).result()).toEqual({ b: [1] });
});

test("a coordinator takes over a task whose attempt runs elsewhere: no new epoch", async () => {
  const { start, store } = cluster();
  const [busy, work] = [new Gate(), new Gate()];
  const handlers = [
    source("blocker", [1], { processBatch: (n) => busy.pass().then(() => n) }),
    source("a", [1], { processBatch: (n) => work.pass().then(() => n) }),
  ];
  const first = await start(handlers, { capacity: 1 });
  await first.engine.run(graphOf(node("blocker")));
  await until(() => busy.arrived === 1);
  const task = await first.engine.run(graphOf(node("a")));
  const second = await start(handlers, { capacity: 1, sweepMs: 50, leaseMs: 60_000 });
  await until(() => work.arrived === 1, "the attempt at the second engine");
  first.lifeline.cut();
  work.open();
  expect(await second.engine.task(task.id).result()).toEqual({ a: [1] });
  expect((await store.readShards(task.id))[0]).toMatchObject({ epoch: 1, lost: 0, failures: 0 });
});

test("a task created by a process that dies immediately starts elsewhere", async () => {
  const { start, store } = cluster();
  const graph = { ...graphOf(node("a"), node("b", ["a"])), schema_version: "1.0", edges: [["a", "b"]] } as never;
  await store.createTask({ id: "t", graph, params: {}, priority: 0 });
  const other = await start([source("a", [1]), handler("b")]);
  expect(await other.engine.task("t").result()).toEqual({ b: [1] });
});

test("stopping one of two workers: its attempts move at once, as neither failures nor lost leases", async () => {
  const { start, store } = cluster();
  const hang = new Gate();
  const worker = (name: string) =>
    source("a", numbers(4), {
      processBatch: async (n, ctx) => {
        if (name === "first" && n === 2) await hang.pass(ctx.signal);
        return `${name}${n}`;
      },
    });
  const first = await start([worker("first")], { leaseMs: 60_000 });
  const task = await first.engine.run(graphOf(node("a", [], { retry_policy: { max: 0 } })));
  await until(() => hang.arrived === 1);
  const second = await start([worker("second")], { leaseMs: 60_000 });
  await first.engine.stop({ graceMs: 1 });
  expect(await second.engine.task(task.id).result()).toEqual({ a: ["first0", "first1", "second2", "second3"] });
  expect((await store.readShards(task.id))[0]).toMatchObject({ failures: 0, lost: 0, yields: 1, epoch: 2 });
});

test("a claim whose answer is lost while its worker is stopped is released, if it was made", async () => {
  const state = new MemoryState();
  const store = memoryStore({ state });
  let claims = 0;
  const deaf = new Proxy(store, {
    get(target, key: keyof Store) {
      const method = target[key] as (...args: unknown[]) => Promise<unknown>;
      if (key !== "claim") return method.bind(target);
      return async (...args: unknown[]) => {
        await method.apply(target, args);
        claims++;
        throw new FlowError("STORE_UNAVAILABLE", "the answer is lost", { retryable: true });
      };
    },
  });
  const { engine } = await testEngine([source("a", [1])], { store: deaf, mayLogErrors: true });
  const task = await engine.run(graphOf(node("a")));
  await until(() => claims > 0);
  await engine.stop({ graceMs: 0 });
  expect(await memoryStore({ state }).readShards(task.id)).toMatchObject([{ status: "deferred", lost: 0 }]);
  const { engine: other } = await testEngine([source("a", [1])], { store: memoryStore({ state }), tickMs: 10 });
  expect(await other.task(task.id).result()).toEqual({ a: [1] });
  expect(await memoryStore({ state }).readShards(task.id)).toMatchObject([{ epoch: 2, lost: 0, failures: 0 }]);
});
