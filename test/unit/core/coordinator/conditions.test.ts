import { expect, test } from "vitest";
import { MemoryState, memoryStore } from "../../../../src/adapters/memory/index.ts";
import { Scheduler } from "../../../../src/core/coordinator/scheduler.ts";
import { PlanCache } from "../../../../src/core/plan/index.ts";
import type { Bus, Store } from "../../../../src/core/ports/index.ts";
import { StartLog } from "../../../../src/core/resilience/supervisor.ts";
import { silentLogger } from "../../../../src/definitions/index.ts";
import type { GraphNode } from "../../../../src/graph/index.ts";
import { node, parsed } from "../../../helpers/graphs.ts";

const deafBus: Bus = {
  publish: async () => {},
  subscribe: async () => ({ close: async () => {} }),
  close: async () => {},
};

/** Coordinators of one task; each may lose its store after a number of inserts, as if it had crashed there. */
async function tasksOf(...nodes: readonly GraphNode[]) {
  const store = memoryStore({ state: new MemoryState() });
  const graph = parsed(...nodes);
  const plans = new PlanCache();
  await store.createTask({ id: "t", graph, params: {}, priority: 0 });
  const coordinator = (inserts = Number.POSITIVE_INFINITY) => {
    let left = inserts;
    const crashing = new Proxy(store, {
      get(target, name: keyof Store) {
        const method = Reflect.get(target, name) as (...args: unknown[]) => unknown;
        return (...args: unknown[]) => {
          const isInsert = name === "skip" || name === "dispatch";
          if (left === 0 || (isInsert && left-- === 0)) return Promise.reject(new Error("crashed"));
          return method.apply(target, args);
        };
      },
    });
    return new Scheduler({
      store: crashing,
      bus: deafBus,
      plans,
      starts: new StartLog(silentLogger, 0),
      logger: silentLogger,
      cancelGraceMs: 1_000,
      onChange() {},
      onFlows() {},
      onOwed() {},
      onDue() {},
    });
  };
  const finish = async (nodeId: string) => {
    const ref = { taskId: "t", nodeId, shard: 0, epoch: 1 };
    await store.claim(ref, { workerId: "w", claimId: nodeId, leaseMs: 3_600_000 });
    await store.complete({ ...ref, claimId: nodeId }, { generation: 0, count: 0 });
  };
  const statuses = async (nodeId: string) => (await store.readShards("t", [nodeId])).map(({ status }) => status);
  await coordinator().replan("t");
  return { store, coordinator, finish, statuses };
}

const wide = node("wide", ["a", "b"], {
  fan_in: "any",
  partitions: 3,
  when: { status: { b: "finished" } },
});

test("the first shard decides for all: a coordinator that judges by later facts follows it", async () => {
  const { coordinator, finish, statuses } = await tasksOf(node("a"), node("b"), wide, node("next", ["wide"]));
  await finish("a");
  await expect(coordinator(1).nodeChanged("t", "a")).rejects.toThrow("crashed"); // after the first shard
  expect(await statuses("wide")).toEqual(["skipped"]);
  await finish("b");
  await coordinator().nodeChanged("t", "b");
  expect(await statuses("wide")).toEqual(["skipped", "skipped", "skipped"]);
  expect(await statuses("next")).toEqual(["queued"]);
});

test("a coordinator that would skip dispatches the rest of a node whose first shard is dispatched", async () => {
  const { store, coordinator, finish, statuses } = await tasksOf(node("a"), node("b"), wide);
  await finish("a");
  await store.dispatch({ taskId: "t", nodeId: "wide", shard: 0 }, { type: "wide", priority: 0, chosen: ["a", "b"] });
  await coordinator().replan("t");
  expect(await statuses("wide")).toEqual(["queued", "queued", "queued"]);
});

test("the shards of a node that some parents satisfy read the same ones: the first shard decides", async () => {
  const two = node("two", ["a", "b", "c"], { fan_in: "count:1", partitions: 2 });
  const { store, coordinator, finish } = await tasksOf(node("a"), node("b"), node("c"), two);
  await store.dispatch({ taskId: "t", nodeId: "two", shard: 0 }, { type: "two", priority: 0, chosen: ["a"] });
  await finish("a");
  await finish("b");
  await coordinator().replan("t");
  expect((await store.readShards("t", ["two"])).map(({ chosen }) => chosen)).toEqual([["a"], ["a"]]);
});

test("a first shard that was cancelled before it was dispatched decides nothing for the others", async () => {
  const two = node("two", ["a", "b"], { fan_in: "count:1", partitions: 2 });
  const { store, coordinator, finish } = await tasksOf(node("a"), node("b"), two);
  await store.cancelShard({ taskId: "t", nodeId: "two", shard: 0 }, { type: "two", graceMs: 1_000 });
  await finish("a");
  await coordinator().nodeChanged("t", "a");
  expect(await store.readShards("t", ["two"])).toMatchObject([{ status: "cancelled" }, { chosen: ["a"] }]);
});

test("a sweep finds what a crash after a skip left: its children, and the end of the task", async () => {
  const off = node("off", ["a"], { when: { status: { a: "skipped" } } });
  const { store, coordinator, finish, statuses } = await tasksOf(node("a"), off, node("next", ["off"]));
  await finish("a");
  await expect(coordinator(1).nodeChanged("t", "a")).rejects.toThrow("crashed");
  expect([await statuses("off"), await statuses("next")]).toEqual([["skipped"], []]);
  await coordinator().replan("t");
  expect(await statuses("next")).toEqual(["queued"]);
  await finish("next");
  await coordinator().replan("t");
  expect(await store.readTask("t")).toMatchObject({ status: "finished" });
});

test("a sweep closes the log of an optional node that failed, if the coordinator that saw it crashed", async () => {
  const { store, coordinator, statuses } = await tasksOf(node("a", [], { optional: true }), node("next", ["a"]));
  const ref = { taskId: "t", nodeId: "a", shard: 0, epoch: 1 };
  await store.claim(ref, { workerId: "w", claimId: "a", leaseMs: 3_600_000 });
  const failure = { nodeId: "a", shard: 0, epoch: 1, reasonCode: "boom", message: "it broke" };
  await store.fail({ ...ref, claimId: "a" }, { failure, permanent: true, delayMs: 0, maxFailures: 1 });
  await coordinator().replan("t");
  expect(await store.readShards("t", ["a"])).toMatchObject([{ status: "failed", count: 0, failure }]);
  expect(await statuses("next")).toEqual(["queued"]);
  expect(await store.readTask("t")).toMatchObject({ status: "running" });
});

test("a handler of outcomes starts although the coordinator that cancelled its parents crashed", async () => {
  const { store, coordinator, statuses } = await tasksOf(node("a"), {
    ...node("undo", ["a"], { adapter: "pull.outcomes" }),
    io: { start_when: "ended", input_inline: { input_adapter: "pull.outcomes" } },
  });
  await store.cancelTask("t", "enough");
  await expect(coordinator(0).replan("t")).rejects.toThrow("crashed");
  await store.cancelShard({ taskId: "t", nodeId: "a", shard: 0 }, { type: "a", graceMs: 1_000 });
  await coordinator().nodeChanged("t", "a");
  expect([await statuses("a"), await statuses("undo")]).toEqual([["cancelled"], ["queued"]]);
  expect(await store.readTask("t")).toMatchObject({ status: "cancelling" });
  await coordinator().replan("t");
  expect(await statuses("undo")).toEqual(["queued"]);
});
