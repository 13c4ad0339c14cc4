import { describe, expect, test, vi } from "vitest";
import { MemoryState, memoryStore } from "../../../../src/adapters/memory/index.ts";
import { carriedShards, parentsFirst } from "../../../../src/core/coordinator/carrying.ts";
import type { Attempt, CarriedOutput, ShardRecord, ShardRef } from "../../../../src/core/model/records.ts";
import { type Plan, planGraph } from "../../../../src/core/plan/index.ts";
import type { Store } from "../../../../src/core/ports/index.ts";
import type { Graph } from "../../../../src/graph/index.ts";
import { node, unchecked } from "../../../helpers/graphs.ts";

/* What the shards of a retry begin with, for each state of the earlier task and of the parents in the retry. */

const lender = "before";
const taskId = "again";

class Tasks {
  readonly store: Store;
  readonly plan: Plan;

  private constructor(store: Store, graph: Graph) {
    this.store = store;
    this.plan = planGraph(graph);
  }

  static async of(graph: Graph, options: Parameters<typeof memoryStore>[0] = {}): Promise<Tasks> {
    const store = memoryStore({ state: new MemoryState(), ...options });
    for (const id of [lender, taskId]) await store.createTask({ id, graph, params: {}, priority: 0 });
    return new Tasks(store, graph);
  }

  /** A shard of the earlier task, which ran and stored this many batches, from this source. */
  async ran(nodeId: string, stored: number, { shard = 0, source = "", task = lender } = {}): Promise<Attempt> {
    const ref = { taskId: task, nodeId, shard };
    await this.store.dispatch(ref, { type: nodeId, priority: 0 });
    const attempt = { ...ref, epoch: 1, claimId: `${task} ${nodeId}/${shard}` };
    await this.store.claim(attempt, { workerId: "w", claimId: attempt.claimId, leaseMs: 60_000 });
    for (let seq = 0; seq < stored; seq++) {
      const artifact = { seq, uid: `u${seq}`, origin: { source, seq, chunk: 0 }, meta: seq, metrics: {} };
      await this.store.append(attempt, 0, artifact);
    }
    return attempt;
  }

  async finished(nodeId: string, stored: number): Promise<ShardRecord> {
    const attempt = await this.ran(nodeId, stored);
    await this.store.complete(attempt, { generation: 0, count: stored });
    return this.record(attempt);
  }

  async record({ taskId: task, nodeId, shard }: ShardRef): Promise<ShardRecord> {
    const record = (await this.store.readShards(task, [nodeId])).find((each) => each.shard === shard);
    if (record === undefined) throw new Error("there is none");
    return record;
  }

  async adopted(nodeId: string, stored: number): Promise<void> {
    const finished = await this.finished(nodeId, stored);
    await this.store.adopt({ taskId, nodeId, shard: 0 }, { type: nodeId, priority: 0, ended: finished });
  }

  /** Dispatches the shard in the retry, with what it carries. */
  async begun(nodeId: string, carried?: CarriedOutput): Promise<void> {
    await this.store.dispatch({ taskId, nodeId, shard: 0 }, { type: nodeId, priority: 0, carried });
  }

  async carriedOf(nodeId: string, of = { taskId, retryOf: lender }): Promise<readonly (CarriedOutput | undefined)[]> {
    const found = this.plan.byId.get(nodeId);
    if (found === undefined) throw new Error("there is none");
    return carriedShards(this.store, { ...of, node: found });
  }
}

const logOf = (nodeId: string, length: number, more: Partial<ShardRef & { generation: number }> = {}) => ({
  ...{ taskId: lender, nodeId, shard: 0, generation: 0 },
  length,
  ...more,
});
const two = unchecked(node("a"), node("b", ["a"]));

test("a root carries what it had stored, with its generation, its sources' and its checkpoint", async () => {
  const tasks = await Tasks.of(two);
  const attempt = await tasks.ran("a", 2);
  await tasks.store.restart(attempt, { generation: 3, sourceGens: { "x/0": 2 } });
  await tasks.store.append(attempt, 3, {
    ...{ seq: 0, uid: "u", meta: 1, metrics: {} },
    origin: { source: "", seq: 0, chunk: 0 },
  });
  await tasks.store.report(attempt, { generation: 3, n: 1, checkpoint: { page: 1 }, checkpointIndex: 1 });
  expect(await tasks.carriedOf("a")).toEqual([
    {
      log: logOf("a", 1, { generation: 3 }),
      sourceGens: { "x/0": 2 },
      checkpoint: { page: 1 },
      checkpointIndex: 1,
    },
  ]);
});

test("a shard that had stored nothing still continues its generation", async () => {
  const tasks = await Tasks.of(two);
  const attempt = await tasks.ran("a", 2);
  await tasks.store.restart(attempt, { generation: 1, sourceGens: {} });
  expect(await tasks.carriedOf("a")).toEqual([{ log: logOf("a", 0, { generation: 1 }), sourceGens: {} }]);
});

describe("a child carries what it had stored", () => {
  test.each([
    ["adopted", true],
    ["carried", true],
    ["new", false],
    ["not there yet", false],
  ])("if its parent is %s: %s", async (how, isCarried) => {
    const tasks = await Tasks.of(two);
    await tasks.ran("b", 2, { source: "a/0" });
    if (how === "adopted") await tasks.adopted("a", 3);
    else await tasks.ran("a", 3);
    if (how === "carried") await tasks.begun("a", (await tasks.carriedOf("a"))[0]);
    if (how === "new") await tasks.begun("a");
    expect(await tasks.carriedOf("b")).toEqual(isCarried ? [{ log: logOf("b", 2), sourceGens: {} }] : []);
  });

  test("unless a carried parent has started over", async () => {
    const tasks = await Tasks.of(two);
    await tasks.ran("a", 3);
    await tasks.ran("b", 2, { source: "a/0" });
    await tasks.begun("a", (await tasks.carriedOf("a"))[0]);
    const attempt = { taskId, nodeId: "a", shard: 0, epoch: 1, claimId: "c" };
    await tasks.store.claim(attempt, { workerId: "w", claimId: "c", leaseMs: 60_000 });
    await tasks.store.restart(attempt, { generation: 1, sourceGens: {} });
    expect(await tasks.carriedOf("b")).toEqual([]);
  });

  test("if all of its parents' shards continue, apart from those that had no record", async () => {
    const tasks = await Tasks.of(
      unchecked(node("a", [], { partitions: 2 }), node("c"), node("b", ["a", "c"], { start: "first_batch" })),
    );
    await tasks.ran("a", 1, { shard: 0 });
    await tasks.ran("c", 1);
    await tasks.ran("b", 1, { source: "a/0" });
    await tasks.begun("a", (await tasks.carriedOf("a"))[0]);
    expect(await tasks.carriedOf("b")).toEqual([]);
    await tasks.begun("c", (await tasks.carriedOf("c"))[0]);
    expect(await tasks.carriedOf("b")).toHaveLength(1);
    await tasks.ran("a", 1, { shard: 1 });
    expect(await tasks.carriedOf("b")).toEqual([]);
  });
});

test.each(["any", "count:1"] as const)("a node with fan-in %s begins anew", async (fan_in) => {
  const tasks = await Tasks.of(unchecked(node("a"), node("b", ["a"], { fan_in })));
  await tasks.adopted("a", 1);
  await tasks.ran("b", 1, { source: "a/0" });
  expect(await tasks.carriedOf("b")).toEqual([]);
});

test("a function begins anew", async () => {
  const tasks = await Tasks.of(unchecked(node("f", [], { fn: "noop" })));
  await tasks.ran("f", 1, { source: "*" });
  expect(await tasks.carriedOf("f")).toEqual([]);
});

test("what was gathered is carried only if all parents are adopted: their outputs must not change any more", async () => {
  for (const isAdopted of [true, false]) {
    const tasks = await Tasks.of(two);
    await tasks.ran("b", 1, { source: "*" });
    if (isAdopted) await tasks.adopted("a", 1);
    else {
      await tasks.ran("a", 1);
      await tasks.begun("a", (await tasks.carriedOf("a"))[0]);
    }
    expect(await tasks.carriedOf("b")).toEqual(isAdopted ? [{ log: logOf("b", 1), sourceGens: {} }] : [undefined]);
  }
});

test("a log of which anything is dropped is not carried", async () => {
  const tasks = await Tasks.of(unchecked(node("a")), { sinks: ["a"] });
  await tasks.ran("a", 9);
  expect(await tasks.carriedOf("a")).toEqual([undefined]);
});

test("nothing is carried from a task that is being removed: only some of its records may be left", async () => {
  const tasks = await Tasks.of(two);
  await tasks.ran("b", 2, { source: "a/0" });
  expect(await tasks.carriedOf("b")).toHaveLength(1);
  vi.spyOn(tasks.store, "readTask").mockResolvedValue(undefined);
  expect(await tasks.carriedOf("b")).toEqual([]);
});

describe("a retry of a retry", () => {
  const third = "third";
  const of = { taskId: third, retryOf: taskId };

  test.each([
    [1, logOf("a", 3)],
    [5, logOf("a", 5, { taskId })],
  ])("carries the longer of both logs, where the second has %i of 3", async (copied, log) => {
    const tasks = await Tasks.of(two);
    await tasks.ran("a", 3);
    await tasks.begun("a", (await tasks.carriedOf("a"))[0]);
    await tasks.ran("a", copied, { task: taskId });
    expect(await tasks.carriedOf("a", of)).toEqual([{ log, sourceGens: {} }]);
  });

  test("carries what a shard was to begin with that was cancelled before its dispatch", async () => {
    const tasks = await Tasks.of(two);
    await tasks.ran("a", 3);
    const carried = (await tasks.carriedOf("a"))[0];
    await tasks.store.cancelShard({ taskId, nodeId: "a", shard: 0 }, { type: "a", graceMs: 0, carried });
    expect(await tasks.carriedOf("a", of)).toEqual([{ log: logOf("a", 3), sourceGens: {} }]);
  });

  test("carries the first task's log, where a shard of an unfinished node was adopted", async () => {
    const tasks = await Tasks.of(two);
    await tasks.adopted("a", 3);
    expect(await tasks.carriedOf("a", of)).toEqual([{ log: logOf("a", 3), sourceGens: {} }]);
  });
});

test("nodes are ordered after their parents, however the graph lists them", () => {
  const plan = planGraph(unchecked(node("d", ["b", "c"]), node("c", ["a"]), node("b", ["a"]), node("a"), node("e")));
  expect(parentsFirst(plan).map(({ id }) => id)).toEqual(["a", "e", "c", "b", "d"]);
});
