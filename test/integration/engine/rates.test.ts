import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sqliteStore } from "flowkit/adapters/sqlite";
import type { Engine } from "flowkit/engine";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { memoryStore } from "../../../src/adapters/memory/index.ts";
import type { Store } from "../../../src/core/ports/index.ts";
import type { JsonObject } from "../../../src/errors/index.ts";
import type { GraphNode } from "../../../src/graph/index.ts";
import { testEngine } from "../../helpers/engines.ts";
import { graphOf, node } from "../../helpers/graphs.ts";
import { numbers, source } from "../../helpers/handlers.ts";
import { Gate, until } from "../../helpers/waiting.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "flowkit-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** By the store's clock, to which a process's monotonic clock may drift a little while a test runs. */
const slackMs = 20;

/** A handler that records when each of its calls begins. */
function recorded(type: string, batches: readonly number[], at: number[]) {
  return source(type, batches, {
    processBatch: (n) => {
      at.push(performance.now());
      return n;
    },
  });
}

const named = (...nodes: GraphNode[]) => ({ ...graphOf(...nodes), name: "asking" });
const rated = (limits: JsonObject) => named(node("ask", [], { limits }));
const tookMs = (at: readonly number[]): number => Math.max(...at) - Math.min(...at);

describe("perSec of a node", () => {
  test("spaces the tries of its batches in all tasks of the flow", async () => {
    const at: number[] = [];
    const { engine } = await testEngine([recorded("ask", [1, 2, 3], at)]);
    const graph = rated({ per_sec: 50 });
    const tasks = await Promise.all(numbers(4).map(() => engine.run(graph)));
    for (const task of tasks) expect(await task.result()).toMatchObject({ ask: [1, 2, 3] });
    expect(at).toHaveLength(12);
    expect(tookMs(at)).toBeGreaterThanOrEqual(11 * 20 - slackMs);
  });

  test("lets as many begin at once as its burst allows", async () => {
    const at: number[] = [];
    const { engine } = await testEngine([recorded("ask", numbers(10), at)]);
    await (await engine.run(rated({ per_sec: 0.01, burst: 10 }))).result();
    expect(at).toHaveLength(10);
  });

  test("counts further tries of a batch too", async () => {
    const at: number[] = [];
    const failing = source("ask", [1], {
      processBatch: (n, { tries }) => {
        at.push(performance.now());
        if (tries < 4) throw new Error("again");
        return n;
      },
    });
    const { engine } = await testEngine([failing]);
    const limits = { per_sec: 20 };
    const graph = named(node("ask", [], { limits, retry_policy: { max: 5, backoff_sec: 0 } }));
    await (await engine.run(graph)).result();
    expect(tookMs(at)).toBeGreaterThanOrEqual(3 * 50 - slackMs);
  });

  test("is kept by engines on one store together", async () => {
    const at: number[] = [];
    const path = join(folder, "runs.db");
    const engines: Engine[] = [];
    for (let n = 0; n < 3; n++)
      engines.push((await testEngine([recorded("ask", [1, 2], at)], { store: sqliteStore(path) })).engine);
    const tasks = await Promise.all(engines.map((engine) => engine.run(rated({ per_sec: 25 }))));
    for (const task of tasks) await task.result();
    expect(at).toHaveLength(6);
    expect(tookMs(at)).toBeGreaterThanOrEqual(5 * 40 - slackMs);
  });

  test("holds for each value of its key", async () => {
    const at: number[] = [];
    const { engine } = await testEngine([recorded("ask", [1], at)]);
    const graph = rated({ per_sec: 0.01, key: { $ref: "params.tenant" } });
    const tasks = await Promise.all(["a", "b", "c"].map((tenant) => engine.run(graph, { params: { tenant } })));
    for (const task of tasks) await task.result();
    expect(at).toHaveLength(3);
  });
});

describe("ratePerType", () => {
  test("spaces the tries of all nodes of a type", async () => {
    const at: number[] = [];
    const { engine } = await testEngine([recorded("ask", [1, 2], at)], { ratePerType: { ask: { perSec: 25 } } });
    const graph = graphOf(node("one", [], { type: "ask" }), node("two", [], { type: "ask" }));
    await (await engine.run(graph)).result();
    expect(at).toHaveLength(4);
    expect(tookMs(at)).toBeGreaterThanOrEqual(3 * 40 - slackMs);
  });
});

test("a node waits for its rate in the queue: it is not claimed, others run, and explain says why", async () => {
  const at: number[] = [];
  const { engine, record } = await testEngine([recorded("ask", [1], at), source("other", [1])], { capacity: 1 });
  const limits = { per_sec: 0.01 };
  const graph = named(node("ask", [], { limits }), node("other"));
  const first = await engine.run(graph);
  await first.result();
  const second = await engine.run(graph);
  await until(async () => (await record(second.id, "other"))?.status === "finished");
  const { nodes } = await second.explain();
  const why = nodes.find(({ nodeId }) => nodeId === "ask");
  expect(why?.why).toMatchObject({ reason: "rate", perSec: 0.01 });
  expect(why?.text).toMatch(/^ask waits for its rate of 0\.01 a second: the next start is due in \d+\.\d s$/);
  expect(await record(second.id, "ask")).toMatchObject({ status: "queued", epoch: 1, failures: 0 });
  await second.cancel({ reason: "enough" });
  await second.wait();
  expect(at).toHaveLength(1);
});

test("maxRunning with a key limits each of its values in all tasks of the flow", async () => {
  const gate = new Gate();
  const { engine, store } = await testEngine([source("ask", [1], { processBatch: (n) => gate.pass().then(() => n) })]);
  const graph = rated({ max_running: 1, key: { $ref: "params.tenant" } });
  const run = (tenant: string | number) => engine.run(graph, { params: { tenant } });
  const first = await run("acme");
  await until(() => gate.arrived === 1);
  const second = await run("acme");
  const other = await run(7);
  await until(() => gate.arrived === 2);
  const explained = await second.explain();
  expect(explained.nodes[0]).toMatchObject({
    why: { reason: "limit", limit: "key", max: 1, of: "acme" },
    text: "ask waits for a slot: 1 of 1 running for 'acme'",
  });
  gate.open();
  for (const task of [first, second, other]) await task.result();
  await until(async () => (await store.heldSlots()).length === 0);
});

describe("attempts behind more than a thousand that wait for one key", () => {
  const key = { $ref: "params.tenant" };
  const many = 1_100;
  const stores = { memory: () => memoryStore(), SQLite: () => sqliteStore(join(folder, "runs.db")) };
  test.each([
    ["maxRunning", "memory", { max_running: 1, key }],
    ["maxRunning", "SQLite", { max_running: 1, key }],
    ["perSec", "memory", { per_sec: 0.01, key }],
    ["perSec", "SQLite", { per_sec: 0.01, key }],
  ] as const)("get their turn: %s, %s", async (_, kind, limits) => {
    const gate = new Gate();
    const seen: unknown[] = [];
    const ask = source("ask", [1], {
      processBatch: async (n, { params }) => {
        seen.push(params.tenant);
        if (params.tenant === "acme") await gate.pass();
        return n;
      },
    });
    const calls: string[] = [];
    const store = new Proxy<Store>(stores[kind](), {
      get(target, name: keyof Store) {
        const member = target[name];
        if (typeof member !== "function") return member;
        calls.push(name);
        return member.bind(target);
      },
    });
    const { engine } = await testEngine([ask], { store, capacity: 3 });
    const graph = rated(limits);
    const run = (tenant: string) => engine.run(graph, { params: { tenant } });
    await run("acme");
    await until(() => seen.length === 1);
    await Promise.all(numbers(many).map(() => run("acme")));
    const others = await Promise.all(["b", "c", "d"].map(run));
    for (const task of others) expect(await task.result()).toEqual({ ask: [1] });
    expect(seen.toSorted()).toEqual(["acme", "b", "c", "d"]);
    calls.length = 0; // what blocks them is known by now
    await run("e").then((task) => task.result());
    const asked = calls.filter((name) => ["peekQueue", "takeSlot", "updateEntry"].includes(name));
    expect(asked.length).toBeLessThan(100);
  });
});

test("a worker that has nothing else looks again when the next token is due", async () => {
  const at: number[] = [];
  const looks: number[] = [];
  const inner = memoryStore();
  const store = new Proxy(inner, {
    get(target, name: keyof Store) {
      const member = target[name];
      if (typeof member !== "function") return member;
      if (name === "updateEntry") looks.push(performance.now());
      return member.bind(target);
    },
  });
  const { engine } = await testEngine([recorded("ask", [1], at)], { store });
  const tasks = await Promise.all(numbers(3).map(() => engine.run(rated({ per_sec: 2 }))));
  for (const task of tasks) await task.result();
  expect(tookMs(at)).toBeGreaterThanOrEqual(2 * 500 - slackMs);
  // The worker polls every 200 ms or more often; each scan would ask for each of the tasks.
  expect(looks.length).toBeLessThan(25);
});

test("a wait for a rate does not count towards a timeout", async () => {
  const at: number[] = [];
  const { engine } = await testEngine([recorded("ask", [1, 2, 3], at)]);
  const limits = { per_sec: 0.5 };
  // Long, since the processing time of the batches counts, and the machine may be busy.
  const timed = { limits, timeout_sec: 1.9, batches: { timeout_sec: 1.9 }, retry_policy: { max: 0 } };
  const task = await engine.run(named(node("ask", [], timed)));
  expect(await task.result()).toEqual({ ask: [1, 2, 3] });
  expect(tookMs(at)).toBeGreaterThanOrEqual(2 * 2_000 - slackMs);
});

test("a cancelled task keeps neither slot nor place", async () => {
  const gate = new Gate();
  const { engine, store } = await testEngine([
    source("ask", [1], { processBatch: (n, ctx) => gate.pass(ctx.signal).then(() => n) }),
  ]);
  const graph = rated({ max_running: 1, key: { $ref: "params.tenant" } });
  const run = () => engine.run(graph, { params: { tenant: "acme" } });
  const first = await run();
  await until(() => gate.arrived === 1);
  const [second, third] = [await run(), await run()];
  await second.cancel({ reason: "enough" });
  await first.cancel({ reason: "enough" });
  await until(() => gate.arrived === 2);
  gate.open();
  expect(await third.result()).toEqual({ ask: [1] });
  await until(async () => (await store.heldSlots()).length === 0);
});

test("a task without the parameter that its limits depend on is refused", async () => {
  const { engine } = await testEngine([source("ask", [1])]);
  const graph = rated({ max_running: 1, key: { $ref: "params.tenant" } });
  await expect(engine.run(graph)).rejects.toMatchObject({ code: "PARAMS_INVALID" });
  await expect(engine.run(graph, { params: { tenant: "a".repeat(257) } })).rejects.toMatchObject({
    code: "PARAMS_INVALID",
  });
});
