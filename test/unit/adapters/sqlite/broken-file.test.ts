import { closeSync, openSync, statSync, writeSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { sqliteStore } from "../../../../src/adapters/sqlite/index.ts";
import { connectionTo } from "../../../../src/adapters/sqlite/sqlite-store.ts";
import { createEngine } from "../../../../src/engine/engine.ts";
import { FlowError } from "../../../../src/errors/index.ts";
import { newTask, shardOf } from "../../../contract/store/fixture.ts";
import { graphOf, node } from "../../../helpers/graphs.ts";
import { handler, source } from "../../../helpers/handlers.ts";
import { tempFolder } from "../../../helpers/temp-folder.ts";

const text = "x".repeat(2_000);

/** Limits the growth of the file to this many pages, as an almost full disk does. */
function fillDisk(path: string, pages: number): void {
  const connection = connectionTo({ path, commit: "turn", synchronous: "normal", busyMs: 5_000 });
  const { page_count = 0 } = connection.get<{ page_count: number }>("PRAGMA page_count") ?? {};
  connection.get(`PRAGMA max_page_count = ${page_count + pages}`);
}

test("on a full disk the store breaks for good and loses no settled write", async () => {
  const path = join(tempFolder(), "runs.db");
  const store = sqliteStore(path);
  await store.open();
  await store.settle();
  fillDisk(path, 20);
  const settled: string[] = [];
  const fill = async () => {
    for (let n = 0; n < 1_000; n++) {
      await store.createTask(newTask(`t${n}`, { params: { text } }));
      await store.settle();
      settled.push(`t${n}`);
    }
  };
  const full = {
    code: "STORE_UNAVAILABLE",
    retryable: false,
    message: expect.stringContaining("database or disk is full"),
  };
  await expect(fill()).rejects.toMatchObject(full);
  expect(settled.length).toBeGreaterThan(5);
  // Later calls reject too.
  await expect(store.readTask("t0")).rejects.toMatchObject(full);
  await expect(store.settle()).rejects.toMatchObject(full);
  await store.close();
  const again = sqliteStore(path);
  await again.open();
  onTestFinished(() => again.close());
  for (const id of settled) expect(await again.readTask(id)).toMatchObject({ id, params: { text } });
  expect(await again.readTask(`t${settled.length}`)).toBeUndefined();
  expect(await again.dispatch(shardOf("extract", 0, "t0"), { type: "extractor", priority: 0 })).toBe("dispatched");
});

test("a task rejects on a full disk and continues once the disk has space", async () => {
  const path = join(tempFolder(), "runs.db");
  const batches = Array.from({ length: 100 }, (_, n) => `${n}:${text}`);
  const handlers = [source("src", batches), handler("step")];
  const start = () => createEngine({ handlers, store: sqliteStore(path), tickMs: 20 });
  const graph = graphOf(node("src"), node("step", ["src"]));
  const first = await start();
  const task = await first.run(graph, { idempotencyKey: "once" });
  fillDisk(path, 30);
  await expect(task.result()).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
  const stopped = await first.stop({ graceMs: 0 }).catch((error: unknown) => error);
  if (stopped !== undefined) expect(FlowError.is(stopped, "STORE_UNAVAILABLE")).toBe(true);
  await using second = await start();
  const again = await second.run(graph, { idempotencyKey: "once" });
  expect(again.id).toBe(task.id);
  expect(await again.result()).toEqual({ step: batches });
});

test("a file with damaged pages is rejected when they are read", async () => {
  const path = join(tempFolder(), "runs.db");
  const store = sqliteStore(path);
  await store.open();
  for (let n = 0; n < 50; n++) await store.createTask(newTask(`t${n}`, { params: { text } }));
  await store.close();
  const pageBytes = 4096;
  const file = openSync(path, "r+");
  for (let at = pageBytes; at < statSync(path).size; at += pageBytes)
    writeSync(file, Buffer.alloc(pageBytes, 0xff), 0, pageBytes, at);
  closeSync(file);
  const damaged = sqliteStore(path);
  onTestFinished(() => damaged.close());
  const readAll = async () => {
    await damaged.open();
    for (let n = 0; n < 50; n++) await damaged.readTask(`t${n}`);
  };
  await expect(readAll()).rejects.toMatchObject({
    code: "STORE_UNAVAILABLE",
    retryable: false,
    message: expect.stringContaining("database disk image is malformed"),
  });
});
