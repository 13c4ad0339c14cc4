import { expect } from "vitest";
import type { Store } from "../../../src/core/ports/index.ts";
import { claimed, dispatchInit, newTask, pastShortMs, type StoreTest, shardOf } from "./fixture.ts";

const dispatch = (store: Store, nodeId: string, priority = 0, type = "extractor") =>
  store.dispatch(shardOf(nodeId), dispatchInit({ priority, type }));

const peek = async (store: Store, limit = 100, types: readonly string[] = ["extractor"]) =>
  (await store.peekQueue(types, limit)).map(({ nodeId }) => nodeId);

export function queueContract(it: StoreTest): void {
  it("peekQueue orders by priority, then by ready time, then by queue order", async (fixture) => {
    const { store, peer, advance } = fixture;
    await store.createTask(newTask("t"));
    for (const nodeId of ["d", "c", "b"]) await dispatch(store, nodeId);
    await dispatch(store, "low", -100);
    await dispatch(store, "high", 100);
    await advance(pastShortMs);
    for (const nodeId of ["late", "a"]) await dispatch(peer, nodeId);
    await dispatch(peer, "high too", 100);
    expect(await peek(peer)).toEqual(["high", "high too", "d", "c", "b", "late", "a", "low"]);
  });

  it("peekQueue returns only what is below a priority, if one is given", async ({ store, peer }) => {
    await store.createTask(newTask("t"));
    for (const [index, priority] of [3, 0, -1, 0].entries()) await dispatch(store, `n${index}`, priority);
    const below = async (priority: number, limit = 10) =>
      (await peer.peekQueue(["extractor", "cleaner"], limit, undefined, undefined, priority)).map(
        ({ nodeId }) => nodeId,
      );
    expect(await below(4)).toEqual(["n0", "n1", "n3", "n2"]);
    expect(await below(3)).toEqual(["n1", "n3", "n2"]);
    expect(await below(3, 1)).toEqual(["n1"]);
    expect(await below(0)).toEqual(["n2"]);
    expect(await below(-1)).toEqual([]);
  });

  it("peekQueue returns at most the limit, in order", async ({ store }) => {
    await store.createTask(newTask("t"));
    for (let i = 0; i < 20; i++) await dispatch(store, `n${i}`, i % 5);
    expect(await peek(store, 1)).toEqual(["n4"]);
    expect(await peek(store, 6)).toEqual(["n4", "n9", "n14", "n19", "n3", "n8"]);
  });

  it("peekQueue returns task, node, shard, epoch, type and priority", async ({ store }) => {
    await store.createTask(newTask("t"));
    await store.dispatch(shardOf("clean", 3), dispatchInit());
    expect(await store.peekQueue(["extractor"], 5)).toEqual([
      { taskId: "t", nodeId: "clean", shard: 3, epoch: 1, type: "extractor", priority: 0 },
    ]);
  });

  it("peekQueue returns only the requested types, merged in order", async ({ store }) => {
    await store.createTask(newTask("t"));
    await dispatch(store, "x1", 1, "x");
    await dispatch(store, "y2", 2, "y");
    await dispatch(store, "x3", 3, "x");
    await dispatch(store, "z9", 9, "z");
    await dispatch(store, "y0", 0, "y");
    expect(await peek(store, 10, ["x", "y"])).toEqual(["x3", "y2", "x1", "y0"]);
    expect(await peek(store, 3, ["y", "x"])).toEqual(["x3", "y2", "x1"]);
    expect(await peek(store, 10, ["unknown"])).toEqual([]);
    expect(await peek(store, 10, [])).toEqual([]);
  });

  it("peekQueue skips excluded tasks", async ({ store }) => {
    for (const id of ["t", "u", "v"]) {
      await store.createTask(newTask(id));
      for (const nodeId of ["a", "b"]) await store.dispatch(shardOf(nodeId, 0, id), dispatchInit());
    }
    const tasks = async (limit: number, ...except: string[]) =>
      (await store.peekQueue(["extractor"], limit, new Set(except))).map(({ taskId }) => taskId);
    expect(await tasks(1, "t")).toEqual(["u"]);
    expect(await tasks(9, "t", "v")).toEqual(["u", "u"]);
    expect(await tasks(9, "t", "u", "v")).toEqual([]);
    expect(await tasks(3)).toEqual(["t", "t", "u"]);
  });

  it("peekQueue returns only the given tasks, even behind many others", async ({ store }) => {
    const tasks = async (limit: number, only: readonly string[], except?: readonly string[]) =>
      (await store.peekQueue(["extractor"], limit, except && new Set(except), new Set(only))).map(
        ({ taskId }) => taskId,
      );
    for (let each = 0; each < 30; each++) {
      await store.createTask(newTask(`t${each}`));
      await store.dispatch(shardOf("a", 0, `t${each}`), dispatchInit());
    }
    expect(await tasks(1, ["t29"])).toEqual(["t29"]);
    expect(await tasks(9, ["t29", "t3", "unknown"])).toEqual(["t3", "t29"]);
    expect(await tasks(9, ["t29", "t3"], ["t3"])).toEqual(["t29"]);
    expect(await tasks(9, [])).toEqual([]);
  });

  it("peekQueue removes nothing", async ({ store, peer }) => {
    await store.createTask(newTask("t"));
    for (const nodeId of ["a", "b"]) await dispatch(store, nodeId);
    expect(await peek(store)).toEqual(["a", "b"]);
    expect(await peek(peer)).toEqual(["a", "b"]);
  });

  it("claimed and cancelled shards leave the queue", async ({ store, peer }) => {
    await store.createTask(newTask("t"));
    for (const nodeId of ["a", "b", "c", "d"]) await dispatch(store, nodeId);
    await claimed(peer, shardOf("a"));
    await store.cancelShard(shardOf("c"), { type: "extractor", graceMs: 0 });
    expect(await peek(store)).toEqual(["b", "d"]);
  });

  it("a requeued shard has its next epoch and follows those that were ready earlier", async ({ store, advance }) => {
    await store.createTask(newTask("t"));
    await dispatch(store, "a");
    const attempt = await claimed(store, shardOf("a"));
    await advance(pastShortMs);
    await dispatch(store, "b");
    await advance(pastShortMs);
    await store.release(attempt, 0);
    expect(await peek(store)).toEqual(["b"]);
    await store.requeue(attempt);
    expect(await store.peekQueue(["extractor"], 10)).toMatchObject([
      { ...shardOf("b"), epoch: 1 },
      { ...shardOf("a"), epoch: 2 },
    ]);
  });

  it("a long queue is drained in order", async ({ store }) => {
    await store.createTask(newTask("t"));
    const expected: string[] = [];
    for (let i = 0; i < 60; i++) await dispatch(store, `n${i}`, (i * 7) % 10);
    for (let priority = 9; priority >= 0; priority--) {
      for (let i = 0; i < 60; i++) if ((i * 7) % 10 === priority) expected.push(`n${i}`);
    }
    const taken: string[] = [];
    for (let next = await peek(store, 4); next.length > 0; next = await peek(store, 4)) {
      for (const nodeId of next) {
        await claimed(store, shardOf(nodeId));
        taken.push(nodeId);
      }
    }
    expect(taken).toEqual(expected);
  });
}
