import { symlinkSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { type SqliteStoreOptions, sqliteStore } from "../../../../src/adapters/sqlite/index.ts";
import type { Store } from "../../../../src/core/ports/index.ts";
import { newTask } from "../../../contract/store/fixture.ts";
import { tempFolder } from "../../../helpers/temp-folder.ts";

/** Two connections to one file, as of two processes. */
async function connections(options: SqliteStoreOptions): Promise<readonly [Store, Store]> {
  const path = join(tempFolder(), "runs.db");
  symlinkSync(path, `${path}-link`);
  const stores = [sqliteStore(path, options), sqliteStore(`${path}-link`, options)] as const;
  for (const store of stores) {
    await store.open();
    onTestFinished(() => store.close());
  }
  return stores;
}

test("a write rejects as retryable while another process writes, and a retry loses nothing", async () => {
  const [one, two] = await connections({ busyMs: 0 });
  await one.createTask(newTask("a")); // not committed before this turn of the event loop ends
  const busy = { code: "STORE_UNAVAILABLE", retryable: true, message: "another process is writing to the SQLite file" };
  await expect(two.createTask(newTask("b"))).rejects.toMatchObject(busy);
  await one.settle();
  expect(await two.createTask(newTask("b"))).toEqual({ outcome: "created", id: "b" });
  expect(await two.readTask("a")).toMatchObject({ id: "a" });
});

test("a process sees the settled writes of another one, whatever it has cached", async () => {
  const [one, two] = await connections({});
  await one.createTask(newTask("a"));
  expect(await two.readTask("a")).toBeUndefined();
  await one.settle();
  expect(await two.readTask("a")).toMatchObject({ status: "running" });
  await one.cancelTask("a", "enough");
  await one.settle();
  expect(await two.readTask("a")).toMatchObject({ status: "cancelling" });
});

test("a process that writes without a pause lets others write in between", async () => {
  const [one, two] = await connections({ busyMs: 0 });
  for (let n = 0; n < 1_000; n++) await one.createTask(newTask(`a${n}`)); // one turn of the event loop
  expect(await two.createTask(newTask("b"))).toEqual({ outcome: "created", id: "b" });
  await two.settle();
  expect(await one.readTask("b")).toMatchObject({ id: "b" });
});

test("a write that throws releases the lock, also if each operation is committed", async () => {
  const [one, two] = await connections({ busyMs: 0, commit: "call" });
  await one.createTask(newTask("a"));
  const vars = {
    toJSON(): never {
      throw new Error("no JSON");
    },
  };
  await expect(one.writeVars("a", { version: 0, vars: vars as never, appliedBy: "n" })).rejects.toThrow("no JSON");
  await new Promise((resolve) => setImmediate(resolve));
  expect(await two.createTask(newTask("b"))).toEqual({ outcome: "created", id: "b" });
});
