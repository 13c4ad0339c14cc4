import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { expect, onTestFinished, test } from "vitest";
import { sqliteStore } from "../../../../src/adapters/sqlite/index.ts";
import { sqliteSnapshot } from "../../../../src/adapters/sqlite/sqlite-store.ts";
import type { Store } from "../../../../src/core/ports/index.ts";
import { longMs, runningShard, shardOf } from "../../../contract/store/fixture.ts";
import { tempFolder } from "../../../helpers/temp-folder.ts";

const running = shardOf("a");

/** A file whose only process has died, with a name that is not valid in a URL. */
async function leftBehind(): Promise<string> {
  const path = join(tempFolder(), "all runs#1.db");
  const store = sqliteStore(path);
  await store.open();
  await runningShard(store, running);
  await store.announceWorker({ id: "w", types: [], capacity: 1, running: 1 }, longMs);
  await store.close();
  return path;
}

async function opened(store: Store): Promise<Store> {
  await store.open();
  onTestFinished(() => store.close());
  return store;
}

test("of a file that no process has open: leases are as they were, and no file is created", async () => {
  const path = await leftBehind();
  const before = readFileSync(path);
  const snapshot = await opened(sqliteSnapshot(path));
  expect(await snapshot.expiredLeases(10)).toEqual([]);
  expect(await snapshot.liveWorkers()).toMatchObject([{ id: "w" }]);
  expect(await snapshot.updateEntry({ kind: "paused_flow", id: "f" }, (_, now) => ({ answer: now }))).toBeGreaterThan(
    0,
  );
  expect(readdirSync(dirname(path))).toEqual(["all runs#1.db"]);
  await snapshot.close();
  expect(readdirSync(dirname(path))).toEqual(["all runs#1.db"]);
  expect(readFileSync(path).equals(before)).toBe(true);
});

test("of a file that another process writes to has what is in its log", async () => {
  const path = await leftBehind();
  const writer = await opened(sqliteStore(path));
  await writer.addDeadLetter({ id: "l", topic: "t", key: "k", body: "", reason: "no JSON" });
  await writer.settle();
  const snapshot = await opened(sqliteSnapshot(path));
  expect((await snapshot.listDeadLetters({ limit: 5 })).items).toMatchObject([{ id: "l" }]);
});

test("rejects a write, and continues", async () => {
  const path = await leftBehind();
  const snapshot = await opened(sqliteSnapshot(path));
  await expect(snapshot.removeWorker("w")).rejects.toMatchObject({
    code: "STORE_UNAVAILABLE",
    message: "this SQLite store is read-only",
  });
  expect(await snapshot.liveWorkers()).toHaveLength(1);
});

test("rejects a missing file, an empty one, and one of another program", async () => {
  const path = join(tempFolder(), "runs.db");
  await expect(sqliteSnapshot(path).open()).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
  expect(readdirSync(dirname(path))).toEqual([]);
  const database = new DatabaseSync(path);
  onTestFinished(() => database.close());
  await expect(sqliteSnapshot(path).open()).rejects.toMatchObject({
    code: "STORE_VERSION",
    details: { olderLayout: 0 },
  });
  database.exec("CREATE TABLE other (x)");
  await expect(sqliteSnapshot(path).open()).rejects.toThrow("belongs to another program");
});
