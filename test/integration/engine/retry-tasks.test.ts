import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sqliteStore } from "flowkit/adapters/sqlite";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { MemoryState, memoryStore } from "../../../src/adapters/memory/index.ts";
import { sourceShard } from "../../../src/core/plan/index.ts";
import type { GraphInput } from "../../../src/core/tasks/api.ts";
import { StreamInput } from "../../../src/core/worker/input/index.ts";
import type { HandlerDefinition } from "../../../src/definitions/index.ts";
import { PermanentError } from "../../../src/errors/index.ts";
import { testEngine } from "../../helpers/engines.ts";
import { graphOf, node, parsed } from "../../helpers/graphs.ts";
import { handler, numbers, source } from "../../helpers/handlers.ts";
import { Gate, until } from "../../helpers/waiting.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "flowkit-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

const from = { from: "failed" } as const;
const failed = { code: "TASK_FAILED" };

/** What fails until it is repaired, and which batches ran where. */
class Plant {
  readonly ran: string[] = [];
  readonly broken = new Set<string>();

  step(name: string, more: Partial<HandlerDefinition> = {}): HandlerDefinition {
    return handler(name, { ...more, processBatch: (value) => this.#run(name, value) });
  }

  source(name: string, count: number, more: Partial<HandlerDefinition> = {}): HandlerDefinition {
    return source(name, numbers(count), { ...more, processBatch: (value) => this.#run(name, value) });
  }

  /** Names of what ran since the last call. */
  takeRan(): readonly string[] {
    return [...new Set(this.ran.splice(0))].sort();
  }

  #run(name: string, value: unknown): unknown {
    this.ran.push(name);
    if (this.broken.has(name)) throw new PermanentError("broken");
    return value;
  }
}

/** A graph whose `breaks` fails once, then goes through in a retry. */
async function retried(handlers: (plant: Plant) => readonly HandlerDefinition[], graph: GraphInput) {
  const plant = new Plant();
  plant.broken.add("breaks");
  const world = await testEngine(handlers(plant));
  const task = await world.engine.run(graph);
  await expect(task.result()).rejects.toMatchObject(failed);
  const ranFirst = plant.takeRan();
  plant.broken.clear();
  const again = await world.engine.retry(task.id, from);
  const result = await again.result();
  return { ...world, plant, task, again, result, ranFirst, ranAgain: plant.takeRan() };
}

describe.each(["memory", "sqlite"])("a retry in a %s store", (kind) => {
  test("runs what had not finished, based on what had, and does not change the first task", async () => {
    const plant = new Plant();
    plant.broken.add("breaks");
    const store = kind === "sqlite" ? sqliteStore(join(folder, "runs.db")) : memoryStore({ state: new MemoryState() });
    const handlers = [plant.source("src", 5), plant.step("breaks"), plant.step("after")];
    const { engine } = await testEngine(handlers, { store, pageSize: 2 });
    const task = await engine.run(graphOf(node("src"), node("breaks", ["src"]), node("after", ["breaks"])), {
      priority: 3,
    });
    await expect(task.result()).rejects.toMatchObject(failed);
    const before = await task.status();
    plant.takeRan();
    plant.broken.clear();
    const again = await engine.retry(task.id, from);
    expect(again.id).not.toBe(task.id);
    expect(await again.result()).toEqual({ after: numbers(5) });
    expect(plant.takeRan()).toEqual(["after", "breaks"]);
    expect(await task.status()).toEqual(before);
    const view = await again.status();
    expect(view).toMatchObject({ status: "finished", retryOf: task.id });
    expect(view.nodes.map(({ nodeId, batches, epoch }) => [nodeId, batches, epoch])).toEqual([
      ["src", 5, 1],
      ["breaks", 5, 1],
      ["after", 5, 1],
    ]);
    const outputs = [];
    for await (const output of again.artifacts("src")) outputs.push(output);
    expect(outputs).toEqual(numbers(5));
    await expect(engine.delete(task.id)).rejects.toMatchObject({ code: "TASK_BORROWED" });
    await engine.delete(again.id);
    await engine.delete(task.id);
    await expect(engine.retry(task.id, from)).rejects.toMatchObject({ code: "TASK_UNKNOWN" });
  });
});

test("a stream that had begun is read from its beginning", async () => {
  const { result, ranAgain } = await retried(
    (plant) => [plant.source("src", 7), plant.step("breaks"), plant.step("after")],
    graphOf(
      node("src"),
      node("breaks", ["src"], { start: "first_batch" }),
      node("after", ["breaks"], { start: "first_batch" }),
    ),
  );
  expect(result).toEqual({ after: numbers(7) });
  expect(ranAgain).toContain("breaks");
});

test("a gather reads adopted nodes and nodes that ran again", async () => {
  const { result, ranAgain } = await retried(
    (plant) => [plant.source("a", 2), plant.source("b", 2), plant.step("breaks"), plant.step("all")],
    graphOf(
      node("a"),
      node("b", ["a"], { adapter: "pull.from_artifacts" }),
      node("breaks", ["b"]),
      node("all", ["a", "breaks"], { adapter: "pull.gather" }),
    ),
  );
  expect(result).toEqual({ all: [{ a: [0, 1], breaks: [0, 1] }] });
  expect(ranAgain).toEqual(["all", "breaks"]);
});

test("every shard of a node is adopted", async () => {
  const { result, ranAgain, again, record } = await retried(
    (plant) => [plant.source("src", 20), plant.step("parts"), plant.step("breaks")],
    graphOf(node("src"), node("parts", ["src"], { partitions: 3 }), node("breaks", ["parts"])),
  );
  expect([...(result as { breaks: number[] }).breaks].sort((a, b) => a - b)).toEqual(numbers(20));
  expect(ranAgain).toEqual(["breaks"]);
  for (const shard of numbers(3)) expect((await record(again.id, "parts", shard)).artifactsOf).toBeDefined();
});

test("functions: updates are applied once, and sums include adopted nodes", async () => {
  const { result, again } = await retried(
    (plant) => [plant.source("src", 3), plant.step("breaks")],
    graphOf(
      node("src"),
      node("once", ["src"], { fn: "vars.incr", fnArgs: { key: "count", by: 2 } }),
      node("breaks", ["once"], { adapter: "pull.from_artifacts", adapterArgs: { from_nodes: ["src"] } }),
      node("twice", ["breaks"], { fn: "vars.incr", fnArgs: { key: "count", by: 3 } }),
      node("merged", ["twice"], {
        fn: "merge.generic",
        fnArgs: { from_nodes: ["once", "breaks"], target: { key: "m" } },
      }),
    ),
  );
  expect(result).toEqual({ merged: { m: 2 } });
  expect((await again.status()).vars).toEqual({ count: 5 });
});

test("a finished node below a node that runs again runs again", async () => {
  const gate = new Gate();
  const plant = new Plant();
  plant.broken.add("breaks");
  const slowly = source("breaks", [1], {
    processBatch: async (value) => {
      await gate.pass();
      if (plant.broken.has("breaks")) throw new PermanentError("broken");
      return value;
    },
  });
  const { engine } = await testEngine([plant.source("src", 2), slowly, plant.step("early"), plant.step("below")]);
  const task = await engine.run(
    graphOf(
      node("src"),
      node("breaks"),
      node("early", ["src", "breaks"], { fan_in: "any", adapter: "pull.gather" }),
      node("below", ["early"]),
    ),
  );
  await until(async () => (await task.status()).nodes[3]?.status === "finished");
  gate.open();
  await expect(task.result()).rejects.toMatchObject(failed);
  expect(plant.takeRan()).toEqual(["below", "early", "src"]);
  plant.broken.clear();
  const again = await engine.retry(task.id, from);
  await again.result();
  expect(plant.takeRan()).toEqual(["below", "early"]);
});

test("a retry of a retry finds the artifacts of the first task, which is kept", async () => {
  const plant = new Plant();
  const { engine, record } = await testEngine([plant.source("a", 2), plant.step("b"), plant.step("c")]);
  plant.broken.add("b");
  const first = await engine.run(graphOf(node("a"), node("b", ["a"]), node("c", ["b"])));
  await expect(first.result()).rejects.toMatchObject(failed);
  plant.broken.clear();
  plant.broken.add("c");
  const second = await engine.retry(first.id, from);
  await expect(second.result()).rejects.toMatchObject(failed);
  plant.takeRan();
  plant.broken.clear();
  const third = await engine.retry(second.id, from);
  expect(await third.result()).toEqual({ c: [0, 1] });
  expect(plant.takeRan()).toEqual(["c"]);
  expect((await record(third.id, "a")).artifactsOf?.taskId).toBe(first.id);
  expect((await record(third.id, "b")).artifactsOf?.taskId).toBe(second.id);
  for (const { id } of [first, second])
    await expect(engine.delete(id)).rejects.toMatchObject({ code: "TASK_BORROWED" });
  expect(await engine.cleanup({ endedForSec: 0 })).toEqual({ deleted: 3, borrowed: 0 });
});

test("a cancelled task continues, and one whose nodes had all finished ends at once", async () => {
  const plant = new Plant();
  const state = new MemoryState();
  const { engine, store } = await testEngine([plant.source("a", 2)], { state });
  const task = await engine.run(graphOf(node("a")));
  await task.result();
  const { graph } = (await store.readTask(task.id)) ?? {};
  if (graph === undefined) throw new Error("no graph");
  await store.createTask({ id: "cancelled", graph, params: {}, priority: 0, borrowsFrom: [task.id] });
  const [finished] = await store.readShards(task.id);
  if (finished === undefined) throw new Error("no record");
  await store.adopt({ taskId: "cancelled", nodeId: "a", shard: 0 }, { type: "a", priority: 0, ended: finished });
  await store.cancelTask("cancelled", "late");
  await store.closeTask("cancelled");
  plant.takeRan();
  const again = await engine.retry("cancelled", from);
  expect(await again.result()).toEqual({ a: [0, 1] });
  expect(plant.takeRan()).toEqual([]);
});

test("a sweep recovers from a crash between the task's creation and its adoptions", async () => {
  const plant = new Plant();
  plant.broken.add("breaks");
  const state = new MemoryState();
  const handlers = [plant.source("src", 3), plant.step("breaks")];
  const first = await testEngine(handlers, { state });
  const task = await first.engine.run(graphOf(node("src"), node("breaks", ["src"])));
  await expect(task.result()).rejects.toMatchObject(failed);
  await first.engine.stop();
  plant.takeRan();
  plant.broken.clear();
  const store = memoryStore({ state });
  const { graph } = (await store.readTask(task.id)) ?? {};
  if (graph === undefined) throw new Error("no graph");
  const retry = { id: "retry", graph, params: {}, priority: 0, retryOf: task.id, borrowsFrom: [task.id] };
  await store.createTask(retry);
  const second = await testEngine(handlers, { state });
  expect(await second.engine.task("retry").result()).toEqual({ breaks: [0, 1, 2] });
  expect(plant.takeRan()).toEqual(["breaks"]);
});

test("an update that was stored before the node failed to finish is not applied again", async () => {
  const { engine, store } = await testEngine([source("a", [1])]);
  const graph = parsed(node("once", [], { fn: "vars.incr", fnArgs: { key: "count", by: 2 } }));
  await store.createTask({ id: "first", graph, params: {}, priority: 0 });
  await store.writeVars("first", { version: 0, vars: { count: 2 }, appliedBy: "once" });
  await store.cancelTask("first", "late");
  await store.closeTask("first");
  const again = await engine.retry("first", from);
  expect(await again.wait()).toMatchObject({ status: "finished", vars: { count: 2 } });
});

test("a reader that started before the adoption finds the adopted artifacts", async () => {
  const plant = new Plant();
  const { engine, store, record } = await testEngine([plant.source("src", 3)]);
  const task = await engine.run(graphOf(node("src")));
  await task.result();
  const finished = await record(task.id, "src");
  const { graph } = (await store.readTask(task.id)) ?? { graph: parsed(node("src")) };
  await engine.stop();
  await store.createTask({ id: "retry", graph, params: {}, priority: 0, retryOf: task.id, borrowsFrom: [task.id] });
  const ref = { taskId: "retry", nodeId: "src", shard: 0 };
  const [sources, rest] = [[sourceShard("src", 0)], { taskId: "retry", sourceGens: {}, origins: [], pageSize: 9 }];
  const input = new StreamInput({ store, sources, ...rest });
  vi.spyOn(store, "readArtifacts").mockImplementationOnce(async () => {
    await store.adopt(ref, { type: "src", priority: 0, ended: finished });
    return []; // what the retry's own log has
  });
  const page = await input.pull();
  expect(page).toMatchObject({ kind: "page", artifacts: numbers(3).map((meta) => ({ meta })) });
  expect(await input.pull()).toEqual({ kind: "end" });
});

test("artifacts that the store has dropped are produced again", async () => {
  const plant = new Plant();
  plant.broken.add("breaks");
  const store = memoryStore({ dropConsumed: true });
  const { engine } = await testEngine([plant.source("src", 3), plant.step("copy"), plant.step("breaks")], { store });
  const task = await engine.run(graphOf(node("src"), node("copy", ["src"]), node("breaks", ["copy"])));
  await expect(task.result()).rejects.toMatchObject(failed);
  plant.takeRan();
  plant.broken.clear();
  const again = await engine.retry(task.id, from);
  expect(await again.result()).toEqual({ breaks: [0, 1, 2] });
  expect(plant.takeRan()).toEqual(["breaks", "copy", "src"]);
});

test("so are those that it dropped while they were read", async () => {
  const plant = new Plant();
  const breaks = handler("breaks", {
    processBatch: (n) => {
      if (n === 8 && plant.broken.has("breaks")) throw new PermanentError("broken");
      return n;
    },
  });
  plant.broken.add("breaks");
  const state = new MemoryState();
  const store = memoryStore({ state, dropConsumed: "streaming" });
  const { engine } = await testEngine([plant.source("src", 10), breaks], { store });
  const task = await engine.run(graphOf(node("src"), node("breaks", ["src"])));
  await expect(task.result()).rejects.toMatchObject(failed);
  expect(state.shard({ taskId: task.id, nodeId: "src", shard: 0 })?.logs[0]).toMatchObject({ length: 10, dropped: 5 });
  plant.takeRan();
  plant.broken.clear();
  const again = await engine.retry(task.id, from);
  expect(await again.result()).toEqual({ breaks: numbers(10) });
  expect(plant.takeRan()).toEqual(["src"]);
});

test("a task that cannot be retried is refused", async () => {
  const gate = new Gate();
  const { engine, state } = await testEngine([
    source("a", [1]),
    source("waits", [1], { processBatch: (n, ctx) => gate.pass(ctx.signal).then(() => n) }),
  ]);
  await expect(engine.retry("nobody", from)).rejects.toMatchObject({ code: "TASK_UNKNOWN" });
  const done = await engine.run(graphOf(node("a")));
  await done.result();
  await expect(engine.retry(done.id, from)).rejects.toMatchObject({ code: "TASK_FINISHED" });
  const open = await engine.run(graphOf(node("waits")));
  await expect(engine.retry(open.id, from)).rejects.toMatchObject({ code: "TASK_OPEN" });
  await until(() => gate.arrived === 1);
  await open.cancel();
  await expect(open.result()).rejects.toMatchObject({ code: "TASK_CANCELLED" });
  await expect(engine.retry(open.id, { from: "start" as "failed" })).rejects.toMatchObject({ code: "ENGINE_OPTIONS" });
  const other = await testEngine([source("a", [1])], { state });
  await expect(other.engine.retry(open.id, from)).rejects.toMatchObject({ code: "GRAPH_INVALID" });
});

test("a retry requested twice with one key is one task", async () => {
  const plant = new Plant();
  plant.broken.add("breaks");
  const { engine } = await testEngine([plant.source("breaks", 1)]);
  const task = await engine.run(graphOf(node("breaks")));
  await expect(task.result()).rejects.toMatchObject(failed);
  plant.broken.clear();
  const keyed = { ...from, idempotencyKey: "again" };
  const [one, two] = await Promise.all([engine.retry(task.id, keyed), engine.retry(task.id, keyed)]);
  expect(one.id).toBe(two.id);
  expect(await two.result()).toEqual({ breaks: [0] });
});

test("the key of another task is refused for a retry, and a retry's key for a run", async () => {
  const plant = new Plant();
  plant.broken.add("breaks");
  const { engine } = await testEngine([plant.source("breaks", 1)]);
  const [one, two] = [
    await engine.run(graphOf(node("breaks")), { idempotencyKey: "first" }),
    await engine.run(graphOf(node("breaks"))),
  ];
  for (const task of [one, two]) await expect(task.result()).rejects.toMatchObject(failed);
  const exists = { code: "TASK_EXISTS", details: { differs: ["retryOf"] } };
  await expect(engine.retry(one.id, { ...from, idempotencyKey: "first" })).rejects.toMatchObject(exists);
  plant.broken.clear();
  const again = await engine.retry(one.id, { ...from, idempotencyKey: "again" });
  await expect(engine.retry(two.id, { ...from, idempotencyKey: "again" })).rejects.toMatchObject(exists);
  await expect(engine.run(graphOf(node("breaks")), { idempotencyKey: "again" })).rejects.toMatchObject(exists);
  expect(await again.result()).toEqual({ breaks: [0] });
});
