import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { MemoryState, memoryBus, memoryStore } from "../../../src/adapters/memory/index.ts";
import type { StatusMessage } from "../../../src/core/messages/messages.ts";
import type { Bus, Store } from "../../../src/core/ports/index.ts";
import { FlowError } from "../../../src/errors/index.ts";
import { noTicks, sharedBus, testEngine } from "../../helpers/engines.ts";
import { atOnce, graphOf, node } from "../../helpers/graphs.ts";
import { handler, numbers, source } from "../../helpers/handlers.ts";
import { Gate, until } from "../../helpers/waiting.ts";

const handlers = [
  source("a", numbers(5), {
    processBatch: (n, ctx) => {
      ctx.metrics.add("n", 1);
      return n;
    },
  }),
  handler("b"),
  handler("flaky", {
    finalize: ({ epoch }) => {
      if (epoch === 1) throw new Error("once");
    },
  }),
];
const graph = graphOf(
  node("a"),
  node("b", ["a"], { start: "first_batch" }),
  node("flaky", ["b"], { retry_policy: atOnce }),
  node("sum", ["a"], { fn: "metrics.aggregate", fnArgs: { node_id: "a" } }),
);
const expected = { flaky: numbers(5), sum: expect.objectContaining({ batches: 5, metrics: { n: 5 } }) };

/** A bus that delivers each message as often as `fate` returns, 0 times included. */
function fateful(fate: () => number): Bus {
  const bus = memoryBus();
  return {
    ...sharedBus(bus),
    publish: async (topic, key, message) => {
      for (let times = fate(); times > 0; times--) await bus.publish(topic, key, message);
    },
  };
}

describe("a task finishes with the same results", () => {
  test("if every message is lost", async () => {
    const { engine } = await testEngine(handlers, { bus: fateful(() => 0), sweepMs: 20 });
    expect(await (await engine.run(graph)).result()).toEqual(expected);
  });

  test("if the bus knows that it is unreachable: soon, however rarely tasks are swept otherwise", async () => {
    let away = true;
    const bus: Bus = {
      ...sharedBus(),
      publish: () => Promise.reject(new Error("broker down")),
      health: () => ({ status: away ? "unreachable" : "ok", restarts: 0, dropped: 0 }),
    };
    const state = new MemoryState();
    const aheads: (number | undefined)[] = [];
    const store = new Proxy(memoryStore({ state }), {
      get(target, key: keyof Store) {
        if (key !== "dueTasks") return (target[key] as (...args: unknown[]) => unknown).bind(target);
        return (limit: number, everyMs: number, aheadMs?: number) => {
          aheads.push(aheadMs);
          return target.dueTasks(limit, everyMs, aheadMs);
        };
      },
    });
    const hour = 3_600_000;
    const { engine } = await testEngine(handlers, {
      bus,
      state,
      store,
      tickMs: hour,
      sweepMs: hour,
      mayLogErrors: true,
    });
    expect(await (await engine.run(graph)).result()).toEqual(expected);
    expect(new Set(aheads)).not.toContain(0);
    away = false;
    await until(() => aheads.at(-1) === 0, "a sweep that knows that the bus is back");
    const sweeps = aheads.length;
    await sleep(1_000); // five of its recent entries
    expect(aheads.length - sweeps).toBe(0);
  });

  test("if every message arrives three times", async () => {
    const { engine, writes } = await testEngine(handlers, { bus: fateful(() => 3) });
    const task = await engine.run(graph);
    expect(await task.result()).toEqual(expected);
    const dispatches = writes.filter((event) => event.kind === "shard" && event.cause === "dispatch");
    expect(dispatches).toHaveLength(4);
  });

  test("if publishing always fails: no attempt fails because of it", async () => {
    const bus: Bus = { ...sharedBus(), publish: () => Promise.reject(new Error("broker down")) };
    const { engine, store } = await testEngine(handlers, { bus, sweepMs: 20, mayLogErrors: true });
    const task = await engine.run(graph);
    expect(await task.result()).toEqual(expected);
    const failures = (await store.readShards(task.id)).map(({ nodeId, failures }) => [nodeId, failures]);
    expect(Object.fromEntries(failures)).toEqual({ a: 0, b: 0, flaky: 1, sum: 0 });
  });

  test("if publishing fails, a cancel still works", async () => {
    const bus: Bus = { ...sharedBus(), publish: () => Promise.reject(new Error("broker down")) };
    const gate = new Gate();
    const { engine } = await testEngine(
      [source("a", [1], { processBatch: (n, ctx) => gate.pass(ctx.signal).then(() => n) })],
      { bus, sweepMs: 20, leaseMs: 90, mayLogErrors: true },
    );
    const task = await engine.run(graphOf(node("a")));
    await until(() => gate.arrived === 1);
    expect(await task.cancel()).toBe("recorded");
    await expect(task.result()).rejects.toMatchObject({ code: "TASK_CANCELLED" });
  });

  test("if messages are forged: about unknown tasks and nodes, or ones in other states", async () => {
    const gate = new Gate();
    const bus = memoryBus();
    const { engine, store } = await testEngine(
      [source("a", [1], { processBatch: (n, ctx) => gate.pass(ctx.signal).then(() => n) }), handler("b")],
      { bus },
    );
    const task = await engine.run(graphOf(node("a"), node("b", ["a"])));
    await until(() => gate.arrived === 1);
    const ids = { taskId: task.id, nodeId: "a", shard: 0, epoch: 1, type: "a" };
    const from = { ...ids, workerId: "w" };
    const failed = { kind: "TASK_FAILED", ...from, reasonCode: "no" } as const;
    const events: readonly StatusMessage[] = [
      { kind: "TASK_DONE", ...from, metrics: {} },
      { kind: "BATCH_OK", ...from, batchUid: "0", metrics: {} },
      { kind: "CANCELLED", ...from, reason: "no" },
      { kind: "TASK_RESUMED", ...from, leaseId: "l", leaseDeadline: 0 },
      { ...failed, permanent: true },
      { ...failed, permanent: false, dueInMs: 1 },
    ];
    for (const event of events) {
      await bus.publish("status.a.v1", "k", event);
      await bus.publish("status.a.v1", "k", { ...event, taskId: "ghost" });
      await bus.publish("status.a.v1", "k", { ...event, nodeId: "ghost" });
    }
    const command = { kind: "TASK_START", ...ids, cancelToken: "c" } as const;
    for (const epoch of [1, 2, 99]) await bus.publish("cmd.a.v1", "k", { ...command, epoch });
    await bus.publish("cmd.b.v1", "k", { ...command, nodeId: "b" });
    const targetWorkerId = (await store.readShards(task.id))[0]?.lease?.workerId ?? "";
    const signal = { kind: "CANCEL", ...ids, targetWorkerId, reason: "no" } as const;
    for (const wrong of [{ nodeId: "ghost" }, { epoch: 2 }, { targetWorkerId: "another" }]) {
      await bus.publish("signals.v1", "k", { ...signal, ...wrong });
    }
    expect((await store.readShards(task.id)).map(({ nodeId, status }) => [nodeId, status])).toEqual([["a", "running"]]);
    gate.open();
    expect(await task.result()).toEqual({ b: [1] });
  });

  test("if a cancel is forged: the attempt runs again, and nothing is lost", async () => {
    const gate = new Gate();
    const bus = memoryBus();
    const { engine, record } = await testEngine(
      [source("a", [1], { processBatch: (n, ctx) => (ctx.epoch === 1 ? gate.pass(ctx.signal).then(() => n) : n) })],
      { bus, leaseMs: 1_000 },
    );
    const task = await engine.run(graphOf(node("a", [], { retry_policy: { max: 0 } })));
    await until(() => gate.arrived === 1);
    const attempt = { taskId: task.id, nodeId: "a", shard: 0, epoch: 1, type: "a" };
    const targetWorkerId = (await record(task.id, "a"))?.lease?.workerId ?? "";
    await bus.publish("signals.v1", "k", { kind: "CANCEL", ...attempt, targetWorkerId, reason: "no" });
    expect(await task.result()).toEqual({ a: [1] });
    expect(await record(task.id, "a")).toMatchObject({ failures: 0 });
  });

  test.for(["before", "after"])("if each store operation fails once, %s its effect", async (side) => {
    const state = new MemoryState();
    const calls = new Map<string, number>();
    const store = new Proxy(memoryStore({ state }), {
      get(target, key: keyof Store) {
        const method = target[key] as (...args: unknown[]) => Promise<unknown>;
        if (key === "open" || key === "close") return () => method.call(target);
        return async (...args: unknown[]) => {
          const nth = (calls.get(key) ?? 0) + 1;
          calls.set(key, nth);
          const unreachable = new FlowError("STORE_UNAVAILABLE", `${key}, call ${nth}`, { retryable: true });
          if (nth === 1 && side === "before") throw unreachable;
          const answer = await method.apply(target, args);
          if (nth === 1) throw unreachable;
          return answer;
        };
      },
    });
    const { engine, store: reader } = await testEngine(handlers, { state, store, sweepMs: 50, mayLogErrors: true });
    const task = await engine.run(graph);
    expect(await task.result()).toEqual(expected);
    for (const { nodeId, failures, lost } of await reader.readShards(task.id)) {
      expect({ nodeId, failures, lost }).toEqual({ nodeId, failures: nodeId === "flaky" ? 1 : 0, lost: 0 });
    }
    for (const key of ["createTask", "claim", "append", "completeAndClaim", "fail", "tail", "readArtifacts"]) {
      expect(calls.get(key), key).toBeGreaterThan(1);
    }
  });
});

/** A store whose first call of this operation fails. */
const failingOnce = (state: MemoryState, operation: keyof Store): Store => {
  let failed = false;
  return new Proxy(memoryStore({ state }), {
    get(target, key: keyof Store) {
      const method = target[key] as (...args: unknown[]) => Promise<unknown>;
      return async (...args: unknown[]) => {
        if (key === operation && !failed) {
          failed = true;
          throw new FlowError("STORE_UNAVAILABLE", "not now", { retryable: true });
        }
        return method.apply(target, args);
      };
    },
  });
};

test("what a cancel calls for is tried again if the store was unreachable, without a sweep", async () => {
  const state = new MemoryState();
  const gate = new Gate();
  const { engine } = await testEngine(
    [source("a", [1], { processBatch: (n, ctx) => gate.pass(ctx.signal).then(() => n) })],
    { state, store: failingOnce(state, "cancelShard"), mayLogErrors: true, ...noTicks },
  );
  const task = await engine.run(graphOf(node("a")));
  await until(() => gate.arrived === 1);
  await task.cancel();
  await expect(task.result()).rejects.toMatchObject({ code: "TASK_CANCELLED" });
});

describe("an attempt that was cancelled writes its outcome again if the store was unreachable", () => {
  test("stopping: it releases its claim, and no lease needs to expire", async () => {
    const state = new MemoryState();
    const gate = new Gate();
    const { engine, record } = await testEngine(
      [source("a", [1], { processBatch: (n, ctx) => gate.pass(ctx.signal).then(() => n) })],
      { state, store: failingOnce(state, "release"), mayLogErrors: true },
    );
    const task = await engine.run(graphOf(node("a")));
    await until(() => gate.arrived === 1);
    await engine.stop({ graceMs: 0 });
    expect(await record(task.id, "a")).toMatchObject({ yields: 1, lost: 0 });
  });

  test("timed out: it counts as a failure with that code", async () => {
    const state = new MemoryState();
    const gate = new Gate();
    const { engine } = await testEngine(
      [source("a", [1], { processBatch: (n, ctx) => gate.pass(ctx.signal).then(() => n) })],
      { state, store: failingOnce(state, "fail"), mayLogErrors: true },
    );
    const task = await engine.run(graphOf(node("a", [], { timeout_sec: 0.02, retry_policy: { max: 0 } })));
    await expect(task.result()).rejects.toMatchObject({ details: { reasonCode: "timeout" } });
  });

  test("cancelled: it confirms, and no grace period needs to expire", async () => {
    const state = new MemoryState();
    const gate = new Gate();
    const { engine } = await testEngine(
      [source("a", [1], { processBatch: (n, ctx) => gate.pass(ctx.signal).then(() => n) })],
      { state, store: failingOnce(state, "confirmCancelled"), mayLogErrors: true },
    );
    const task = await engine.run(graphOf(node("a")));
    await until(() => gate.arrived === 1);
    await task.cancel();
    await expect(task.result()).rejects.toMatchObject({ code: "TASK_CANCELLED" });
  });
});

test("a task that cannot be planned does not keep others from being swept", async () => {
  const state = new MemoryState();
  const poisoned = new Proxy(memoryStore({ state }), {
    get(target, key: keyof Store) {
      const method = target[key] as (...args: unknown[]) => Promise<unknown>;
      return async (...args: unknown[]) => {
        if (key === "readTask" && args[0] === "poison") throw new Error("this record cannot be read");
        return method.apply(target, args);
      };
    },
  });
  const reader = memoryStore({ state });
  const graphJson = { schema_version: "1.0", nodes: [{ node_id: "a", type: "a", depends_on: [] }], edges: [] } as const;
  for (const id of ["poison", "t1", "t2"]) {
    await reader.createTask({ id, graph: graphJson, params: {}, priority: 0 });
  }
  const { engine } = await testEngine([source("a", [1])], { state, store: poisoned, mayLogErrors: true });
  expect(await engine.task("t1").result()).toEqual({ a: [1] });
  expect(await engine.task("t2").result()).toEqual({ a: [1] });
});
