import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sqliteStore } from "flowkit/adapters/sqlite";
import type { Engine } from "flowkit/engine";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { memoryStore } from "../../../src/adapters/memory/index.ts";
import type { Store } from "../../../src/core/ports/index.ts";
import { testEngine } from "../../helpers/engines.ts";
import { graphOf, node } from "../../helpers/graphs.ts";
import { handler, numbers, source } from "../../helpers/handlers.ts";
import { Gate, until } from "../../helpers/waiting.ts";

/** Counts concurrent runs, in total and by name. */
class Meter {
  readonly most = new Map<string, number>();
  readonly #now = new Map<string, number>();

  async during<T>(names: readonly string[], value: T): Promise<T> {
    for (const name of names) {
      const now = (this.#now.get(name) ?? 0) + 1;
      this.#now.set(name, now);
      this.most.set(name, Math.max(this.most.get(name) ?? 0, now));
    }
    for (let turn = 0; turn < 3; turn++) await new Promise((done) => setImmediate(done));
    for (const name of names) this.#now.set(name, (this.#now.get(name) ?? 0) - 1);
    return value;
  }
}

const metered = (meter: Meter, type: string) =>
  source(type, [1, 2], { processBatch: (n, ctx) => meter.during(["all", type, ctx.taskId], n) });

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "flowkit-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** Three engines on one store, eight tasks of five independent nodes. */
async function runTasks(limits: object): Promise<Meter> {
  const meter = new Meter();
  const handlers = [metered(meter, "a"), metered(meter, "b")];
  const path = join(folder, "runs.db");
  const engines: Engine[] = [];
  for (let n = 0; n < 3; n++)
    engines.push((await testEngine(handlers, { store: sqliteStore(path), ...limits })).engine);
  const graph = graphOf(
    ...numbers(3).map((n) => node(`a${n}`, [], { type: "a" })),
    ...numbers(2).map((n) => node(`b${n}`, [], { type: "b" })),
  );
  const tasks = await Promise.all(numbers(8).map((n) => (engines[n % 3] as Engine).run(graph)));
  for (const task of tasks) {
    expect(await task.result()).toMatchObject({ a0: [1, 2], b1: [1, 2] });
    meter.most.set("task", Math.max(meter.most.get("task") ?? 0, meter.most.get(task.id) ?? 0));
  }
  return meter;
}

describe("three engines on one store never run more than", () => {
  test("maxRunning allows", async () => {
    expect((await runTasks({ maxRunning: 2 })).most.get("all")).toBe(2);
  });

  test("maxRunningPerType allows, and other types continue", async () => {
    const { most } = await runTasks({ maxRunningPerType: { a: 1 } });
    expect(most.get("a")).toBe(1);
    expect(most.get("b")).toBeGreaterThan(1);
  });

  test("maxRunningPerTask allows", async () => {
    const { most } = await runTasks({ maxRunningPerTask: 2 });
    expect(most.get("task")).toBe(2);
    expect(most.get("all")).toBeGreaterThan(2);
  });

  test("all of them allow in combination", async () => {
    const { most } = await runTasks({ maxRunning: 3, maxRunningPerType: { b: 1 }, maxRunningPerTask: 1 });
    expect(most.get("all")).toBeLessThanOrEqual(3);
    expect(most.get("b")).toBe(1);
    expect(most.get("task")).toBe(1);
  });
});

test("a queue blocked by a full limit is scanned without requests for slots that are not free", async () => {
  const asked: string[] = [];
  const store = new Proxy(memoryStore(), {
    get: (target, name: keyof Store) => {
      const member = target[name];
      if (typeof member !== "function") return member;
      asked.push(name);
      return member.bind(target);
    },
  });
  const gate = new Gate();
  const holding = (type: string) => source(type, [1], { processBatch: (n) => gate.pass().then(() => n) });
  const limits = { maxRunning: 5, maxRunningPerType: { a: 1, b: 1 }, maxRunningPerTask: 5 };
  const { engine } = await testEngine([holding("a"), holding("b")], { store, ...limits });
  const nodes = numbers(6).map((n) => node(`n${n}`, [], { type: n < 3 ? "a" : "b" }));
  const task = await engine.run(graphOf(...nodes));
  await until(() => gate.arrived === 2);
  let from = asked.length;
  const looks = () => asked.slice(from).filter((name) => name === "countHolders").length;
  await until(() => looks() > 2); // all claims caused by commands have ended
  from = asked.length;
  await until(() => looks() > 5);
  expect(asked.slice(from).filter((name) => name === "takeSlot" || name === "freeSlot")).toEqual([]);
  gate.open();
  expect(Object.keys(await task.result())).toHaveLength(6);
});

test("an engine runs as many attempts of a type as its capacity for that type", async () => {
  const meter = new Meter();
  const { engine } = await testEngine([metered(meter, "a"), metered(meter, "b")], { capacityPerType: { a: 1 } });
  const nodes = numbers(4).flatMap((n) => [node(`a${n}`, [], { type: "a" }), node(`b${n}`, [], { type: "b" })]);
  await (await engine.run(graphOf(...nodes))).result();
  expect(meter.most.get("a")).toBe(1);
  expect(meter.most.get("b")).toBe(4);
});

test("a node's own limit applies to its shards", async () => {
  const meter = new Meter();
  const shards = new Set<number>();
  const busy = source("a", numbers(48), {
    processBatch: (n, ctx) => {
      shards.add(ctx.shard);
      return meter.during(["a"], n);
    },
  });
  const { engine } = await testEngine([busy]);
  const graph = graphOf(node("n", [], { type: "a", partitions: 6, limits: { max_running: 2 } }));
  await (await engine.run(graph)).result();
  expect(shards.size).toBe(6); // a shard without a batch never runs beside another
  expect(meter.most.get("a")).toBe(2);
});

test("a graph with an unknown limit is refused", async () => {
  const { engine } = await testEngine([metered(new Meter(), "a")]);
  const graph = graphOf(node("a", [], { limits: { max_dreaming: 1 } }));
  await expect(engine.run(graph)).rejects.toThrow("limits.max_dreaming");
});

test.each(["toString", "valueOf", "hasOwnProperty"])(
  "a type '%s' has the limits that it is given, and else none",
  async (type) => {
    const graph = { nodes: [node("read", [], { type }), node("after", ["read"], { type: "keep" })] };
    const handlers = [source(type, [1, 2]), handler("keep")];
    for (const limits of [
      {},
      { maxRunningPerType: { [type]: 1 }, capacityPerType: { [type]: 1 } },
      { maxRunningPerType: {} },
    ]) {
      const { engine } = await testEngine(handlers, limits);
      expect(await (await engine.run(graph)).result()).toEqual({ after: [1, 2] });
    }
  },
);
