import { expect, onTestFinished, test } from "vitest";
import { MemoryState, memoryStore } from "../../src/adapters/memory/index.ts";
import { Scheduler } from "../../src/core/coordinator/scheduler.ts";
import { Sweeper } from "../../src/core/coordinator/sweeper.ts";
import type { Message } from "../../src/core/messages/messages.ts";
import type { Attempt, ShardRef } from "../../src/core/model/records.ts";
import { PlanCache } from "../../src/core/plan/index.ts";
import type { Bus, Clock, Store } from "../../src/core/ports/index.ts";
import { StartLog, Supervisor } from "../../src/core/resilience/supervisor.ts";
import { silentLogger } from "../../src/definitions/index.ts";
import { type GraphNode, parseGraph } from "../../src/graph/index.ts";
import { node, parsed } from "../helpers/graphs.ts";
import { Gate, until } from "../helpers/waiting.ts";

/* Races of coordinators, step by step. */

const deafBus: Bus = {
  publish: async () => {},
  subscribe: async () => ({ close: async () => {} }),
  close: async () => {},
};

const coordinator = (store: Store, plans: PlanCache, bus: Bus = deafBus) =>
  new Scheduler({
    store,
    bus,
    plans,
    starts: new StartLog(silentLogger, 0),
    logger: silentLogger,
    cancelGraceMs: 1_000,
    onChange() {},
    onOwed() {},
    onFlows() {},
    onDue() {},
  });

async function claim(store: Store, taskId: string, nodeId: string): Promise<Attempt> {
  const ref = { taskId, nodeId, shard: 0, epoch: 1 };
  const claimId = `claim-${nodeId}`;
  const won = await store.claim(ref, { workerId: "worker", claimId, leaseMs: 60_000 });
  expect(won?.status).toBe("running");
  return { ...ref, claimId };
}

test("a streaming child that ends before its parent does not keep the task open", async () => {
  const store = memoryStore({ state: new MemoryState() });
  const plans = new PlanCache();
  const [first, second] = [coordinator(store, plans), coordinator(store, plans)];
  const graph = parsed(node("parent"), node("child", ["parent"], { start: "first_batch" }));
  await store.createTask({ id: "t", graph, params: {}, priority: 0 });
  await first.begin({ id: "t", priority: 0 }, plans.get(graph));

  const parent = await claim(store, "t", "parent");
  const origin = { source: "", seq: 0, chunk: 0 };
  await store.append(parent, 0, { seq: 0, uid: "0", origin, meta: 1, metrics: {} });
  await first.nodeChanged("t", "parent");

  // The child produces its own batches and reads nothing of its parent; only the second coordinator receives its end.
  const child = await claim(store, "t", "child");
  await store.complete(child, { generation: 0, count: 0 });
  await second.nodeChanged("t", "child");

  await store.complete(parent, { generation: 0, count: 1 });
  await first.nodeChanged("t", "parent");
  expect((await store.readTask("t"))?.status).toBe("finished");
});

test("a cancel goes to the current owner of the attempt, not to its owner when the task was read", async () => {
  const store = memoryStore({ state: new MemoryState() });
  const plans = new PlanCache();
  const told: Message[] = [];
  const bus: Bus = { ...deafBus, publish: async (_topic, _key, message) => void told.push(message) };
  const graph = parsed(node("job"));
  await store.createTask({ id: "t", graph, params: {}, priority: 0 });
  await coordinator(store, plans).begin({ id: "t", priority: 0 }, plans.get(graph));
  const first = await claim(store, "t", "job");
  const cancelShard: Store["cancelShard"] = async (ref, by) => {
    await store.release(first, 0);
    await store.requeue(first);
    await store.claim({ ...ref, epoch: 2 }, { workerId: "another", claimId: "later", leaseMs: 60_000 });
    return store.cancelShard(ref, by);
  };
  const whileItMoves = new Proxy(store, {
    get(target, name) {
      const method: unknown = name === "cancelShard" ? cancelShard : Reflect.get(target, name);
      return typeof method === "function" ? method.bind(target) : method;
    },
  });

  await store.cancelTask("t", "asked");
  await coordinator(whileItMoves, plans, bus).replan("t");
  expect(told).toMatchObject([
    { kind: "CANCEL", taskId: "t", nodeId: "job", shard: 0, epoch: 2, targetWorkerId: "another", reason: "asked" },
  ]);
});

test("a shard of an optional node that fails while the log of another is closed does not fail the task", async () => {
  const store = memoryStore({ state: new MemoryState() });
  const plans = new PlanCache();
  const graph = parsed(node("job", [], { optional: true, partitions: 2 }));
  await store.createTask({ id: "t", graph, params: {}, priority: 0 });
  await coordinator(store, plans).begin({ id: "t", priority: 0 }, plans.get(graph));
  const fail = async (shard: number) => {
    const ref = { taskId: "t", nodeId: "job", shard, epoch: 1 };
    const claimId = `claim-${shard}`;
    await store.claim(ref, { workerId: "worker", claimId, leaseMs: 60_000 });
    const failure = { ...ref, reasonCode: "broken", message: "it broke" };
    await store.fail({ ...ref, claimId }, { failure, permanent: true, delayMs: 0, maxFailures: 1 });
  };
  await fail(0);
  let closed = 0;
  const closeFailed: Store["closeFailed"] = async (ref) => {
    await store.closeFailed(ref);
    if (++closed === 1) await fail(1);
  };
  const whileItFails = new Proxy(store, {
    get: (target, name) => (name === "closeFailed" ? closeFailed : Reflect.get(target, name)?.bind(target)),
  });

  await coordinator(whileItFails, plans).replan("t");
  expect(closed).toBe(2);
  expect(await store.readTask("t")).toMatchObject({ status: "finished" });
});

test("a shard of an optional node that fails while the others are cancelled has its log closed", async () => {
  const store = memoryStore({ state: new MemoryState() });
  const plans = new PlanCache();
  const graph = parsed(node("job", [], { optional: true }));
  await store.createTask({ id: "t", graph, params: {}, priority: 0 });
  await coordinator(store, plans).begin({ id: "t", priority: 0 }, plans.get(graph));
  const attempt = await claim(store, "t", "job");
  const cancelShard: Store["cancelShard"] = async (ref, by) => {
    const failure = { ...ref, epoch: 1, reasonCode: "broken", message: "it broke" };
    await store.fail(attempt, { failure, permanent: true, delayMs: 0, maxFailures: 1 });
    return store.cancelShard(ref, by);
  };
  const whileItFails = new Proxy(store, {
    get: (target, name) => (name === "cancelShard" ? cancelShard : Reflect.get(target, name)?.bind(target)),
  });

  await store.cancelTask("t", "asked");
  await coordinator(whileItFails, plans).replan("t");
  expect(await store.readTask("t")).toMatchObject({ status: "cancelled" });
  expect(await store.readShards("t")).toMatchObject([{ status: "failed", count: 0 }]);
});

test("a due time that arrives during a sweep is not forgotten", async () => {
  const store = memoryStore({ state: new MemoryState() });
  const looking = new Gate();
  const dueDeferred: Store["dueDeferred"] = async (limit) => {
    const found = await store.dueDeferred(limit);
    await looking.pass();
    return found;
  };
  const slowly = new Proxy(store, {
    get: (target, name) => (name === "dueDeferred" ? dueDeferred : Reflect.get(target, name)?.bind(target)),
  });
  const sleeps: number[] = [];
  const clock: Clock = {
    now: () => 0,
    monotonic: () => 0,
    sleep: (ms, signal) => {
      sleeps.push(ms);
      return new Promise((resolve) => {
        if (signal?.aborted) resolve();
        signal?.addEventListener("abort", () => resolve(), { once: true });
      });
    },
    yield: async () => {},
  };
  const scheduler = coordinator(store, new PlanCache());
  const timing = { tickMs: 1_000, sweepMs: 30_000, maxLostLeases: 5, leaseMs: 30_000 };
  const sweeper = new Sweeper({
    store: slowly,
    clock,
    scheduler,
    isBusHealthy: () => true,
    fireSchedule: async () => {},
    refreshPauses: async () => {},
    ...timing,
  });
  const supervisor = new Supervisor({ clock, logger: silentLogger });
  onTestFinished(() => supervisor.stop());
  sweeper.start(supervisor);
  await until(() => looking.arrived === 1);
  sweeper.dueIn(50); // of a retry that was stored after the lookup
  looking.open();

  await until(() => sleeps.length === 1);
  expect(sleeps).toEqual([50]);
});

test("a pause and a resume at once leave the shards as the task is", async () => {
  for (const last of [true, false]) {
    const store = memoryStore({ state: new MemoryState() });
    const plans = new PlanCache();
    const graph = parsed(node("a"));
    await store.createTask({ id: "t", graph, params: {}, priority: 0 });
    await coordinator(store, plans).begin({ id: "t", priority: 0 }, plans.get(graph));
    await store.pauseTask("t", true);
    if (last) await coordinator(store, plans).replan("t");
    await store.pauseTask("t", !last);
    // The slow coordinator has read the task, and meanwhile another one does the opposite, completely.
    const slow = new Gate();
    const reads = { first: true };
    const delayed: Store = Object.assign(Object.create(store), {
      readTask: (id: string) => store.readTask(id),
      pauseShard: (ref: ShardRef) => store.pauseShard(ref),
      resumeShard: (ref: ShardRef) => store.resumeShard(ref),
      finishTask: (id: string) => store.finishTask(id),
      async readShards(id: string, nodeIds?: readonly string[]) {
        const shards = await store.readShards(id, nodeIds);
        if (!reads.first) return shards;
        reads.first = false;
        await slow.pass();
        return shards;
      },
    });
    const replanned = coordinator(delayed, plans).replan("t");
    await until(() => slow.arrived === 1);
    await store.pauseTask("t", last);
    await coordinator(store, plans).replan("t");
    slow.open();
    await replanned;
    const [record] = await store.readShards("t", ["a"]);
    expect(record?.paused !== undefined).toBe(last);
  }
});

test("the paused task of a batch ends with the task of its node", async () => {
  const store = memoryStore({ state: new MemoryState() });
  const plans = new PlanCache();
  const io = { flow: "order", item: "order" };
  const each: GraphNode = { node_id: "each", type: "flow", depends_on: ["orders"], optional: true, io };
  const graph = parseGraph({ nodes: [node("orders"), each], flows: { order: { nodes: [node("check")] } } });
  await store.createTask({ id: "t", graph, params: {}, priority: 0 });
  const scheduler = coordinator(store, plans);
  await scheduler.begin({ id: "t", priority: 0 }, plans.get(graph));
  await store.complete(await claim(store, "t", "orders"), { generation: 0, count: 0 });
  await scheduler.nodeChanged("t", "orders");
  const attempt = await claim(store, "t", "each");
  const child = { id: "c", graph: parsed(node("check")), params: {}, priority: 0 };
  await store.createTask({ ...child, parent: { taskId: "t", nodeId: "each", uid: "0" } });
  await store.pauseTask("t", true);
  await scheduler.replan("t");
  expect(await store.readTask("c")).toMatchObject({ status: "running", paused: true });

  const failure = { ...attempt, reasonCode: "timeout", message: "the batch timed out" };
  await store.fail(attempt, { failure, permanent: true, delayMs: 0, maxFailures: 1 });
  await scheduler.nodeChanged("t", "each");
  expect(await store.readTask("t")).toMatchObject({ status: "finished" });
  expect(await store.readTask("c")).toMatchObject({ status: "cancelled" });
});

test("a plan that read a retry as running adopts, even if a cancel has looked at it since", async () => {
  const store = memoryStore({ state: new MemoryState() });
  const plans = new PlanCache();
  const graph = parsed(node("a"), node("b", ["a"]));
  await store.createTask({ id: "t", graph, params: {}, priority: 0 });
  const earlier = coordinator(store, plans);
  await earlier.begin({ id: "t", priority: 0 }, plans.get(graph));
  await store.complete(await claim(store, "t", "a"), { generation: 0, count: 0 });
  await earlier.nodeChanged("t", "a");
  await store.cancelTask("t", "asked");
  await earlier.replan("t");

  await store.createTask({ id: "again", graph, params: {}, priority: 0, retryOf: "t" });
  const [read, cancelled] = [new Gate(), new Gate()];
  let reads = 0;
  const methods: Partial<Store> = {
    async readTask(id) {
      const task = await store.readTask(id);
      if (++reads === 1) await read.pass();
      return task;
    },
    // By the cancel, which has read everything known about the task.
    async cancelShard(ref, by) {
      await cancelled.pass();
      return store.cancelShard(ref, by);
    },
  };
  const slowly = new Proxy(store, {
    get: (target, name) => Reflect.get(methods, name) ?? Reflect.get(target, name).bind(target),
  });
  const scheduler = coordinator(slowly, plans);
  const planned = scheduler.replan("again");
  await until(() => read.arrived === 1);
  await store.cancelTask("again", "asked");
  const cancel = scheduler.replan("again");
  await until(() => cancelled.arrived === 1);
  read.open();
  await planned;
  cancelled.open();
  await cancel;
  const [a] = await store.readShards("again", ["a"]);
  expect(a).toMatchObject({ status: "finished", artifactsOf: { taskId: "t", nodeId: "a" } });
});
