import { join } from "node:path";
import { sqliteStore } from "flowkit/adapters/sqlite";
import { describe, expect, test, vi } from "vitest";
import * as z from "zod";
import { MemoryState, memoryStore } from "../../../src/adapters/memory/index.ts";
import type { GraphInput } from "../../../src/core/tasks/api.ts";
import type { BatchContext, HandlerDefinition } from "../../../src/definitions/index.ts";
import { type Json, PermanentError, RetryableError } from "../../../src/errors/index.ts";
import { testEngine } from "../../helpers/engines.ts";
import { atOnce, graphOf, node } from "../../helpers/graphs.ts";
import { handler, numbers, paced, source } from "../../helpers/handlers.ts";
import { stillTime } from "../../helpers/still-time.ts";
import { tempFolder } from "../../helpers/temp-folder.ts";
import { collect, Gate, until } from "../../helpers/waiting.ts";

/* A retry of a task continues the nodes that had not finished: what they had stored is carried. */

const from = { from: "failed" } as const;
const failed = { code: "TASK_FAILED" };
const streams = { start: "first_batch" } as const;

/** Paid calls: which batches were answered, by node and in order. */
class Service {
  readonly answered: string[] = [];
  /** Batches that fail, once this holds. */
  readonly down = new Map<string, () => boolean>();

  /** A handler whose batches each ask the service once. */
  asks(name: string, more: Partial<HandlerDefinition> = {}): HandlerDefinition {
    return handler(name, { ...more, processBatch: (value, ctx) => this.ask(value, ctx) });
  }

  async ask(value: unknown, { nodeId, uid }: BatchContext): Promise<unknown> {
    await null;
    const call = `${nodeId}/${uid}`;
    const fails = this.down.get(call);
    if (fails !== undefined) {
      await until(fails);
      throw new PermanentError("down");
    }
    this.answered.push(call);
    return value;
  }

  /** The calls answered since the last time. */
  take(): readonly string[] {
    return this.answered.splice(0).sort();
  }
}

const atOnceFails = (): boolean => true;

/** True once this shard of the only task has stored this many batches. */
const hasStored = (state: MemoryState, nodeId: string, count: number) => (): boolean => {
  const [taskId = ""] = state.tasks.keys();
  return state.shard({ taskId, nodeId, shard: 0 })?.logs[0]?.length === count;
};

const calls = (nodeId: string, uids: readonly number[]): string[] => uids.map((uid) => `${nodeId}/${uid}`).sort();

/** Runs a graph whose calls in `down` fail, then a retry in which they do not. */
async function retried(
  down: readonly string[],
  handlers: (service: Service) => readonly HandlerDefinition[],
  graph: GraphInput,
) {
  const service = new Service();
  for (const call of down) service.down.set(call, atOnceFails);
  const world = await testEngine(handlers(service), { pageSize: 3 });
  const task = await world.engine.run(graph);
  await expect(task.result()).rejects.toMatchObject(failed);
  const before = service.take();
  service.down.clear();
  const again = await world.engine.retry(task.id, from);
  const result = await again.result();
  return { ...world, service, task, again, result, before, after: service.take() };
}

describe.each(["memory", "sqlite"])("in a %s store", (kind) => {
  test("a retry of a node with 100 paid calls repeats none that was answered", async () => {
    const service = new Service();
    service.down.set("enrich/100", atOnceFails);
    const store =
      kind === "sqlite" ? sqliteStore(join(tempFolder(), "runs.db")) : memoryStore({ state: new MemoryState() });
    const handlers = [source("orders", numbers(120)), service.asks("enrich", { concurrency: 8 })];
    const { engine } = await testEngine(handlers, { store });
    const task = await engine.run(graphOf(node("orders"), node("enrich", ["orders"])));
    await expect(task.result()).rejects.toMatchObject(failed);
    const before = service.take();
    expect(before.length).toBeGreaterThanOrEqual(100);
    service.down.clear();
    const again = await engine.retry(task.id, from);
    expect(await again.result()).toEqual({ enrich: numbers(120) });
    expect([...before, ...service.take()].sort()).toEqual(calls("enrich", numbers(120)));
  });
});

test("a cancelled task continues after what each of its nodes had stored", async () => {
  const gate = new Gate();
  const service = new Service();
  const src = source("src", numbers(20), {
    iterBatches: (_args, { signal }) => paced(numbers(20), async (at) => (at === 9 ? gate.pass(signal) : undefined)),
    processBatch: (value, ctx) => service.ask(value, ctx),
  });
  const { engine, record } = await testEngine([src, service.asks("a"), service.asks("b")], { pageSize: 4 });
  const task = await engine.run(graphOf(node("src"), node("a", ["src"], streams), node("b", ["a"], streams)));
  await until(async () => (await task.status()).nodes.every(({ batches }) => batches === 9));
  await task.cancel();
  await expect(task.result()).rejects.toMatchObject({ code: "TASK_CANCELLED" });
  expect(service.take()).toHaveLength(27);
  gate.open();
  const again = await engine.retry(task.id, from);
  expect(await again.result()).toEqual({ b: numbers(20) });
  const rest = numbers(20).slice(9);
  expect(service.take()).toEqual(["src", "a", "b"].flatMap((id) => calls(id, rest)).sort());
  expect((await record(again.id, "b")).carried).toMatchObject({ taskId: task.id, nodeId: "b", length: 9 });
});

test("carried batches are decoded by their reader's schema, which those after them already match", async () => {
  const state = new MemoryState();
  const gate = new Gate();
  const version = (row: z.ZodType): HandlerDefinition[] => [
    handler("src", {
      output: row,
      iterBatches: (_args, { signal }) =>
        paced(
          numbers(6).map((n) => ({ n, old: n })),
          async (at) => (at === 3 ? gate.pass(signal) : undefined),
        ),
    }),
    handler("all", { input: row, processBatch: (value) => value as Json }),
  ];
  const Old = z.object({ n: z.int(), old: z.int() });
  const { engine } = await testEngine(version(Old), { state });
  const other = node("other", ["src"], { type: "all", ...streams });
  const task = await engine.run(graphOf(node("src"), node("all", ["src"]), other));
  await until(() => hasStored(state, "src", 3)());
  await task.cancel();
  await expect(task.result()).rejects.toMatchObject({ code: "TASK_CANCELLED" });
  await engine.stop();
  gate.open();
  const { engine: next, record } = await testEngine(version(Old.omit({ old: true })), { state });
  const again = await next.retry(task.id, from);
  const { all } = (await again.result()) as { all: unknown };
  expect(all).toEqual(numbers(6).map((n) => ({ n })));
  expect((await record(again.id, "src")).carried).toMatchObject({ length: 3 });
});

test("batches that were stored before an earlier one are carried with the gap between them", async () => {
  const { result, before, after, artifacts, task, again } = await retried(
    ["a/2"],
    (service) => {
      const others = new Gate();
      const slow = handler("a", {
        concurrency: 4,
        async processBatch(value, ctx) {
          if (ctx.uid === "2") await others.pass();
          const answer = await service.ask(value, ctx);
          if (service.answered.length === 7) others.open();
          return answer;
        },
      });
      return [source("src", numbers(8)), slow];
    },
    graphOf(node("src"), node("a", ["src"])),
  );
  expect(before).toEqual(calls("a", [0, 1, 3, 4, 5, 6, 7]));
  expect(after).toEqual(calls("a", [2]));
  expect(result).toEqual({ a: numbers(8) });
  const copied = (await artifacts(again.id, "a")).slice(0, 7);
  const withoutAttempt = copied.map(({ epoch: _, claimId: __, ...rest }) => rest);
  expect((await artifacts(task.id, "a")).map(({ epoch: _, claimId: __, ...rest }) => rest)).toEqual(withoutAttempt);
});

test("each batch gets all of its tries again", async () => {
  const tries: number[] = [];
  let isDown = true;
  const flaky = source("a", [1, 2], {
    processBatch: (value, ctx) => {
      if (ctx.uid === "1") tries.push(ctx.tries);
      if (ctx.uid === "1" && isDown) throw new RetryableError("down");
      return value;
    },
  });
  const { engine, record } = await testEngine([flaky]);
  const task = await engine.run(graphOf(node("a", [], { retry_policy: { max: 2, ...atOnce } })));
  await expect(task.result()).rejects.toMatchObject(failed);
  expect((await record(task.id, "a")).tries).toEqual({ 1: { failed: 2, dueAt: expect.any(Number) } });
  isDown = false;
  const again = await engine.retry(task.id, from);
  expect(await again.result()).toEqual({ a: [1, 2] });
  expect(tries).toEqual([1, 2, 3, 1]);
});

test("a source continues from its checkpoint, which comes along with the batches before it", async () => {
  const begun: unknown[] = [];
  const service = new Service();
  service.down.set("src/p5", atOnceFails);
  const src = source("src", [], {
    async *iterBatches(_args, ctx) {
      const first = Number((await ctx.checkpoint.get()) ?? 0);
      begun.push(first);
      for (let page = first; page < 8; page++) {
        yield { uid: `p${page}`, payload: page };
        await ctx.checkpoint.set(page + 1);
      }
    },
    processBatch: (value, ctx) => service.ask(value, ctx),
  });
  const { engine, artifacts } = await testEngine([src], { pageSize: 2 });
  const task = await engine.run(graphOf(node("src")));
  await expect(task.result()).rejects.toMatchObject(failed);
  service.take();
  service.down.clear();
  const again = await engine.retry(task.id, from);
  expect(await again.result()).toEqual({ src: numbers(8) });
  expect(begun).toEqual([0, 5]);
  expect(service.take()).toEqual(["src/p5", "src/p6", "src/p7"]);
  expect((await artifacts(again.id, "src")).map(({ origin }) => origin.seq)).toEqual(numbers(8));
});

test("a handler that cannot resume starts over, and so does what it had fed", async () => {
  const { result, before, after, record, again } = await retried(
    ["n/4"],
    (service) => [
      service.asks("n", { resumable: false, iterBatches: () => numbers(6).map((payload) => ({ payload })) }),
      service.asks("below"),
    ],
    graphOf(node("n"), node("below", ["n"], streams)),
  );
  expect(before.filter((call) => call.startsWith("n"))).toEqual(calls("n", numbers(4)));
  expect(after).toEqual([...calls("below", numbers(6)), ...calls("n", numbers(6))]);
  expect(result).toEqual({ below: numbers(6) });
  const restarted = await record(again.id, "n");
  expect(restarted.generation).toBe(1);
  expect(restarted).not.toHaveProperty("carried");
  expect(await record(again.id, "below")).toMatchObject({ sourceGens: { "n/0": 1 } });
});

test("every shard of a node continues after its own batches", async () => {
  const { result, after, artifacts, task } = await retried(
    ["parts/9"],
    (service) => [source("src", numbers(30)), service.asks("parts")],
    graphOf(node("src"), node("parts", ["src"], { partitions: 3 })),
  );
  const shards = await Promise.all(numbers(3).map((shard) => artifacts(task.id, "parts", shard)));
  const stored = shards.flat().map(({ uid }) => Number(uid));
  expect(stored.length).toBeGreaterThan(3);
  expect([...calls("parts", stored), ...after].sort()).toEqual(calls("parts", numbers(30)));
  expect([...(result as { parts: number[] }).parts].sort((a, b) => a - b)).toEqual(numbers(30));
});

test("a retry that fails can be retried in turn, also for nodes that it had not begun", async () => {
  const service = new Service();
  const state = new MemoryState();
  service.down.set("a/8", hasStored(state, "b", 8)); // so that no answer is in flight
  const src = source("src", numbers(10), { processBatch: (value, ctx) => service.ask(value, ctx) });
  const handlers = [src, service.asks("a"), service.asks("b")];
  const graph = graphOf(node("src"), node("a", ["src"], streams), node("b", ["a"], streams));
  const { engine, record, store } = await testEngine(handlers, { state, pageSize: 3 });
  const first = await engine.run(graph);
  await expect(first.result()).rejects.toMatchObject(failed);
  const answered = service.take();
  expect(answered.filter((call) => call.startsWith("b"))).toEqual(calls("b", numbers(8)));
  // A retry that is cancelled before any of its nodes is dispatched.
  const task = await store.readTask(first.id);
  if (task === undefined) throw new Error("it is gone");
  const lent = { retryOf: first.id, borrowsFrom: [first.id] };
  await store.createTask({ id: "second", graph: task.graph, params: {}, priority: 0, ...lent });
  await engine.task("second").cancel();
  await expect(engine.task("second").result()).rejects.toMatchObject({ code: "TASK_CANCELLED" });
  expect((await record("second", "b")).carried).toMatchObject({ taskId: first.id, nodeId: "b" });
  service.down.clear();
  const third = await engine.retry("second", from);
  expect(await third.result()).toEqual({ b: numbers(10) });
  const all = ["src", "a", "b"].flatMap((id) => calls(id, numbers(10)));
  expect([...answered, ...service.take()].sort()).toEqual(all.sort());
  await expect(engine.delete(first.id)).rejects.toMatchObject({ code: "TASK_BORROWED" });
});

test("an interrupted copy continues where it ended", async () => {
  const service = new Service();
  service.down.set("a/9", atOnceFails);
  const state = new MemoryState();
  const handlers = [source("src", numbers(12)), service.asks("a")];
  const first = await testEngine(handlers, { state });
  const task = await first.engine.run(graphOf(node("src"), node("a", ["src"])));
  await expect(task.result()).rejects.toMatchObject(failed);
  await first.engine.stop();
  const answered = service.take();
  service.down.clear();
  const store = memoryStore({ state });
  let copied = 0;
  const halfway = new Gate();
  const append = store.append.bind(store);
  vi.spyOn(store, "append").mockImplementation(async (...args) => {
    if (copied++ === 5) await halfway.pass();
    return append(...args);
  });
  const second = await testEngine(handlers, { store, state, pageSize: 4 });
  const again = await second.engine.retry(task.id, from);
  await until(() => halfway.arrived === 1);
  const stopped = second.engine.stop({ graceMs: 0 });
  halfway.open();
  await stopped;
  const { length } = state.shard({ taskId: again.id, nodeId: "a", shard: 0 })?.logs[0] ?? { length: 0 };
  expect([5, 6]).toContain(length);
  const third = await testEngine(handlers, { state, pageSize: 4 });
  expect(await third.engine.task(again.id).result()).toEqual({ a: numbers(12) });
  expect([...answered, ...service.take()].sort()).toEqual(calls("a", numbers(12)));
});

test("a node whose batches are gone starts over, and so does what was built from it", async () => {
  const service = new Service();
  const state = new MemoryState();
  service.down.set("a/7", hasStored(state, "a", 3));
  const handlers = [
    source("src", numbers(8), { processBatch: (value, ctx) => service.ask(value, ctx) }),
    service.asks("a"),
    service.asks("b"),
  ];
  const first = await testEngine(handlers, { state });
  const task = await first.engine.run(
    graphOf(node("src"), node("a", ["src"], { ...streams, partitions: 2 }), node("b", ["a"], streams)),
  );
  await expect(task.result()).rejects.toMatchObject(failed);
  await first.engine.stop();
  service.down.clear();
  const store = memoryStore({ state });
  const read = store.readArtifacts.bind(store);
  vi.spyOn(store, "readArtifacts").mockImplementation(async (ref, generation, seq, limit) => {
    const isGone = ref.taskId === task.id && ref.nodeId === "a" && ref.shard === 0 && limit > 1;
    return isGone ? [] : read(ref, generation, seq, limit);
  });
  service.take();
  const { engine, record, logged } = await testEngine(handlers, { store, state });
  const again = await engine.retry(task.id, from);
  const { b } = (await again.result()) as { readonly b: readonly number[] };
  expect(b.toSorted((x, y) => x - y)).toEqual(numbers(8));
  expect(await record(again.id, "a", 0)).toMatchObject({ generation: 1 });
  expect(await record(again.id, "a", 1)).toMatchObject({ generation: 0, carried: { taskId: task.id } });
  expect((await record(again.id, "b")).sourceGens).toEqual({ "a/0": 1, "a/1": 0 });
  expect(service.take().filter((call) => call.startsWith("b"))).toEqual(calls("b", numbers(8)));
  expect(logged).toContainEqual(
    expect.objectContaining({ level: "warn", message: expect.stringContaining("starts over") }),
  );
});

test("the time of the copy does not count against timeout_sec", async () => {
  const time = stillTime();
  const service = new Service();
  service.down.set("a/9", atOnceFails);
  const state = new MemoryState();
  const store = memoryStore({ state });
  const handlers = [source("a", numbers(10), { processBatch: (value, ctx) => service.ask(value, ctx) })];
  const { engine, record } = await testEngine(handlers, { store, state });
  const task = await engine.run(graphOf(node("a", [], { timeout_sec: 0.2, retry_policy: { max: 0 } })));
  await expect(task.result()).rejects.toMatchObject(failed);
  service.down.clear();
  const append = store.append.bind(store);
  vi.spyOn(store, "append").mockImplementation(async (...args) => {
    await new Promise((resolve) => setTimeout(resolve, 50));
    return append(...args);
  });
  const again = await engine.retry(task.id, from);
  expect(await time.during(again.result())).toEqual({ a: numbers(10) });
  expect(await record(again.id, "a")).toMatchObject({ epoch: 1, carried: { length: 9 } });
});

describe("batches that were set aside", () => {
  test.each([
    ["number", { tolerate_batches: 2 }, ["1", "3"], ["7"]],
    ["share", { tolerate_share: 0.2 }, ["1", "3", "5"], []],
  ] as const)("stay so, and do not count again against the %s that is tolerated", async (_, tolerate, aside, more) => {
    const hopeless = new Set(["1", "3", "5"]);
    const src = source("src", numbers(10), {
      processBatch: (value, { uid }) => {
        if (hopeless.has(uid)) throw new PermanentError("bad_order");
        return value;
      },
    });
    const { engine, record } = await testEngine([src]);
    const batches = { on_failure: "set_aside", ...tolerate } as const;
    const task = await engine.run(graphOf(node("src", [], { batches })));
    await expect(task.result()).rejects.toMatchObject({ details: { reasonCode: "too_many_failed_batches" } });
    hopeless.clear();
    hopeless.add("7"); // fails only where it was not stored
    const again = await engine.retry(task.id, from);
    const missing = new Set<string>([...aside, ...more]);
    expect(await again.result()).toEqual({ src: numbers(10).filter((n) => !missing.has(String(n))) });
    expect(await record(again.id, "src")).toMatchObject({
      count: 10,
      failedBatches: missing.size,
      carried: { length: aside.length === 2 ? 5 : 10, aside: aside.length },
    });
  });
});

test("events, status and explain say how many batches are carried", async () => {
  const { again, task } = await retried(
    ["a/5"],
    (service) => [source("src", numbers(9)), service.asks("a")],
    graphOf(node("src"), node("a", ["src"])),
  );
  const events = await collect(again.events());
  expect(events).toContainEqual(expect.objectContaining({ nodeId: "a", cause: "dispatch", carriedBatches: 5 }));
  expect(events.filter((event) => "carriedBatches" in event)).toHaveLength(1);
  const { nodes } = await again.status();
  expect(nodes.map(({ nodeId, carriedBatches }) => [nodeId, carriedBatches])).toEqual([
    ["src", undefined],
    ["a", 5],
  ]);
  const explained = await again.explain();
  expect(explained.nodes[1]).toMatchObject({ nodeId: "a", carried: { batches: 5, taskId: task.id } });
  expect(explained.nodes[1]?.text).toBe(`a finished; it began with 5 batches of task ${task.id}`);
});
