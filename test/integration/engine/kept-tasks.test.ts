import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sqliteStore } from "flowkit/adapters/sqlite";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { MemoryState, memoryStore } from "../../../src/adapters/memory/index.ts";
import type { TaskHandle } from "../../../src/core/tasks/api.ts";
import { testEngine } from "../../helpers/engines.ts";
import { graphOf, node } from "../../helpers/graphs.ts";
import { numbers, source } from "../../helpers/handlers.ts";
import { collect, Gate, until } from "../../helpers/waiting.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "flowkit-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

const graph = graphOf(node("a"));
const breaks = () => Promise.reject(new TypeError("broken"));

describe.each(["memory", "sqlite"])("tasks of a %s store", (kind) => {
  const start = async () => {
    const store = kind === "sqlite" ? sqliteStore(join(folder, "runs.db")) : memoryStore({ state: new MemoryState() });
    const gate = new Gate();
    const handlers = [
      source("a", [1]),
      source("broken", [1], { processBatch: breaks }),
      source("waits", [1], { processBatch: (n, ctx) => gate.pass(ctx.signal).then(() => n) }),
    ];
    return { gate, kept: store, ...(await testEngine(handlers, { store })) };
  };

  test("are listed page by page, the newest first, by status", async () => {
    const { engine } = await start();
    const ids: string[] = [];
    for (const _ of numbers(5)) {
      const task = await engine.run({ ...graph, name: "etl" });
      await task.result();
      ids.unshift(task.id);
    }
    const failed = await engine.run(graphOf(node("broken")));
    await expect(failed.result()).rejects.toMatchObject({ code: "TASK_FAILED" });
    const seen: string[] = [];
    let cursor: string | undefined;
    do {
      const page = await engine.list({ status: "finished", limit: 2, ...(cursor === undefined ? {} : { cursor }) });
      expect(page.items.length).toBeLessThanOrEqual(2);
      seen.push(...page.items.map(({ id }) => id));
      cursor = page.cursor;
    } while (cursor !== undefined);
    expect(seen).toEqual(ids);
    const [first] = (await engine.list({ status: ["failed", "cancelled"] })).items;
    expect(first).toMatchObject({ id: failed.id, status: "failed", failure: { nodeId: "broken" } });
    expect(first).not.toHaveProperty("graph");
    const all = await engine.list();
    expect(all.items.map(({ id, name }) => [id, name])).toEqual([
      [failed.id, undefined],
      ...ids.map((id) => [id, "etl"]),
    ]);
  });

  test("can be deleted when they have ended, and their keys can be used again", async () => {
    const { engine, gate } = await start();
    const task = await engine.run(graph, { idempotencyKey: "daily" });
    await task.result();
    await engine.delete(task.id);
    await expect(task.status()).rejects.toMatchObject({ code: "TASK_UNKNOWN", details: { taskId: task.id } });
    await expect(engine.delete(task.id)).rejects.toMatchObject({ code: "TASK_UNKNOWN" });
    const again = await engine.run(graph, { idempotencyKey: "daily" });
    expect(again.id).not.toBe(task.id);
    await again.result();
    const open = await engine.run(graphOf(node("waits")));
    await until(() => gate.arrived === 1);
    await expect(engine.delete(open.id)).rejects.toMatchObject({ code: "TASK_OPEN", details: { taskId: open.id } });
    gate.open();
    expect(await open.result()).toEqual({ waits: [1] });
  });

  test("are gone for concurrent readers too: a partial task is never returned", async () => {
    const { engine, kept } = await start();
    const readShards = kept.readShards.bind(kept);
    for (const read of [(task: TaskHandle) => task.status(), (task: TaskHandle) => collect(task.events())]) {
      kept.readShards = readShards;
      const task = await engine.run(graph);
      await task.result();
      kept.readShards = async (...args) => {
        kept.readShards = readShards;
        await kept.deleteTask(task.id);
        return readShards(...args);
      };
      await expect(read(task)).rejects.toMatchObject({ code: "TASK_UNKNOWN", details: { taskId: task.id } });
    }
  });

  test("are cleaned up when they ended long enough ago", async () => {
    const { engine, gate } = await start();
    const tasks = await Promise.all(numbers(120).map(() => engine.run(graph)));
    for (const task of tasks) await task.result();
    const open = await engine.run(graphOf(node("waits")));
    await until(() => gate.arrived === 1);
    expect(await engine.cleanup({ endedForSec: 3_600 })).toEqual({ deleted: 0, borrowed: 0 });
    expect(await engine.cleanup({ endedForSec: 0 })).toEqual({ deleted: 120, borrowed: 0 });
    expect((await engine.list()).items.map(({ id }) => id)).toEqual([open.id]);
    gate.open();
    await open.result();
  });
});

test("a cleanup keeps lenders of tasks that stay, and deletes them with their borrowers", async () => {
  let now = 0;
  const store = memoryStore({ state: new MemoryState(), now: () => now });
  const end = async (id: string, borrowsFrom?: string) => {
    const nodes = { schema_version: "1.0" as const, nodes: [], edges: [] };
    const task = { id, graph: nodes, params: {}, priority: 0 };
    await store.createTask(borrowsFrom === undefined ? task : { ...task, borrowsFrom: [borrowsFrom] });
    await store.finishTask(id);
    now += 10_000;
  };
  const { engine } = await testEngine([source("a", [1])], { store, tickMs: 3_600_000 });
  await end("first");
  await end("second", "first");
  await end("third", "second");
  await end("other");
  expect(await engine.cleanup({ endedForSec: 25 })).toEqual({ deleted: 0, borrowed: 2 });
  await expect(engine.delete("second")).rejects.toMatchObject({ code: "TASK_BORROWED", details: { taskId: "second" } });
  expect(await engine.cleanup({ endedForSec: 15 })).toEqual({ deleted: 3, borrowed: 0 });
  expect((await engine.list()).items.map(({ id }) => id)).toEqual(["other"]);
});

test.each([{ limit: 0 }, { limit: 1.5 }, { limit: 1_001 }])("a list with %o is refused", async (options) => {
  const { engine } = await testEngine([source("a", [1])]);
  await expect(engine.list(options)).rejects.toMatchObject({ code: "ENGINE_OPTIONS" });
});

test("a cleanup deletes a lender whose borrower somebody else deletes meanwhile", async () => {
  const store = memoryStore({ state: new MemoryState() });
  const task = { graph: { schema_version: "1.0" as const, nodes: [], edges: [] }, params: {}, priority: 0 };
  await store.createTask({ ...task, id: "lender" });
  await store.finishTask("lender");
  await store.createTask({ ...task, id: "borrower", borrowsFrom: ["lender"] });
  await store.finishTask("borrower");
  const { engine } = await testEngine([source("a", [1])], { store, tickMs: 3_600_000 });
  const { deleteTask } = store;
  store.deleteTask = async (id) => {
    if (id === "borrower") await deleteTask.call(store, id);
    return deleteTask.call(store, id);
  };
  expect(await engine.cleanup({ endedForSec: 0 })).toEqual({ deleted: 1, borrowed: 0 });
  expect((await engine.list()).items).toEqual([]);
});

test("a cleanup with an invalid time is refused", async () => {
  const { engine } = await testEngine([source("a", [1])]);
  for (const endedForSec of [-1, Number.NaN]) {
    await expect(engine.cleanup({ endedForSec })).rejects.toMatchObject({ code: "ENGINE_OPTIONS" });
  }
});
