import { defineHandler } from "flowkit";
import { Worker } from "flowkit/engine";
import { expect, onTestFinished, test, vi } from "vitest";
import * as z from "zod";
import { memoryStore } from "../../../../../src/adapters/memory/index.ts";
import type { Store } from "../../../../../src/core/ports/index.ts";
import { rotated } from "../../../../../src/core/worker/claim/limits.ts";
import { node, parsed } from "../../../../helpers/graphs.ts";
import { numbers, source } from "../../../../helpers/handlers.ts";
import { until } from "../../../../helpers/waiting.ts";

const refOf = (nodeId: string, priority = 0) => ({ taskId: "t", nodeId, shard: 0, epoch: 1, type: "a", priority });

test("only what has the first priority is rotated, and nothing is left out", () => {
  const queued = [refOf("a", 5), refOf("b", 5), refOf("c", 5), refOf("d", 1), refOf("e")];
  const namesAt = (at: number) => rotated(queued, () => at).map(({ nodeId }) => nodeId);
  expect(namesAt(0)).toEqual(["a", "b", "c", "d", "e"]);
  expect(namesAt(0.5)).toEqual(["b", "c", "a", "d", "e"]);
  expect(namesAt(0.99)).toEqual(["c", "a", "b", "d", "e"]);
  expect(rotated([], () => 0.5)).toEqual([]);
});

test("after a claim that another worker won, a worker claims what is further back in the queue", async () => {
  const inner = memoryStore();
  const claimed: string[] = [];
  const claim: Store["claim"] = async (ref, by) => {
    claimed.push(ref.nodeId);
    if (ref.nodeId !== "n0") return inner.claim(ref, by);
    await inner.claim(ref, { ...by, workerId: "another", claimId: "another" });
    return undefined;
  };
  const store: Store = new Proxy(inner, {
    get(target, name) {
      const member: unknown = name === "claim" ? claim : Reflect.get(target, name);
      return typeof member === "function" ? member.bind(target) : member;
    },
  });
  const names = numbers(10).map((index) => `n${index}`);
  await store.createTask({
    id: "t",
    graph: parsed(...names.map((name) => node(name, [], { type: "a" }))),
    params: {},
    priority: 0,
  });
  for (const nodeId of names) await store.dispatch({ taskId: "t", nodeId, shard: 0 }, { type: "a", priority: 0 });
  const random = vi.spyOn(Math, "random").mockReturnValue(0.5);
  onTestFinished(() => void random.mockRestore());
  const worker = new Worker({ store, handlers: [source("a", [1])], capacity: 1 });
  onTestFinished(() => worker.stop({ graceMs: 0 }));
  await worker.start();
  await until(() => claimed.length === names.length, "the claims");
  // n0 is lost, and n1 was seen with it. Then all are in view, and the one in the middle comes first.
  expect(claimed.slice(0, 4)).toEqual(["n0", "n1", "n6", "n5"]);
  expect(new Set(claimed)).toEqual(new Set(names));
});

test("the task of the next attempt in the queue is read while the one before it runs", async () => {
  const store = memoryStore();
  const ids = ["t0", "t1", "t2"];
  for (const id of ids) {
    await store.createTask({ id, graph: parsed(node("n", [], { type: "a" })), params: {}, priority: 0 });
    await store.dispatch({ taskId: id, nodeId: "n", shard: 0 }, { type: "a", priority: 0 });
  }
  const read: string[] = [];
  const { readTask } = store;
  vi.spyOn(store, "readTask").mockImplementation((id) => {
    read.push(id);
    return readTask.call(store, id);
  });
  let ended = 0;
  const slow = defineHandler("a", {
    output: z.number(),
    async *iterBatches() {
      const next = ids[ended + 1];
      if (next !== undefined) await until(() => read.includes(next), `a read of ${next}`, 20_000);
      ended++;
      yield { payload: 1 };
    },
  });
  const worker = new Worker({ store, handlers: [slow], capacity: 1 });
  onTestFinished(() => worker.stop({ graceMs: 0 }));
  await worker.start();
  await until(() => ended === ids.length, "the end of all");
  expect(read).toEqual(ids); // each once
});
