import { symlinkSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { sqliteStore } from "../../../../src/adapters/sqlite/index.ts";
import type { Store } from "../../../../src/core/ports/index.ts";
import { cancellingShard, longMs, recordOf, runningShard, shardOf } from "../../../contract/store/fixture.ts";
import { tempFolder } from "../../../helpers/temp-folder.ts";

/** A file with two names: opened under the second one, it has another connection, as of another process. */
function twoNames(): readonly [string, string] {
  const path = join(tempFolder(), "runs.db");
  symlinkSync(path, `${path}-link`);
  return [path, `${path}-link`];
}

async function opened(path: string): Promise<Store> {
  const store = sqliteStore(path);
  await store.open();
  onTestFinished(() => store.close());
  return store;
}

const running = shardOf("a");
const cancelling = shardOf("b");
const limit = { key: "all", max: 5 };

/** A store that is closed without releasing anything, as when its process dies. */
async function leaveBehind(path: string): Promise<void> {
  const store = sqliteStore(path);
  await store.open();
  const attempt = await runningShard(store, running);
  await cancellingShard(store, cancelling);
  await store.takeSlot(limit, attempt);
  await store.announceWorker({ id: "w", types: [], capacity: 1, running: 1 }, longMs);
  await store.dueTasks(10, longMs);
  await store.close();
}

test("a process that opens a file alone expires the leases of dead processes", async () => {
  const [path] = twoNames();
  await leaveBehind(path);
  const store = await opened(path);
  expect(await store.expiredLeases(10)).toEqual([
    { ...running, epoch: 1 },
    { ...cancelling, epoch: 1 },
  ]);
  expect(await store.expire({ ...running, epoch: 1 }, 5)).toMatchObject({ status: "queued", epoch: 2, lost: 1 });
  expect(await store.expire({ ...cancelling, epoch: 1 }, 5)).toMatchObject({ status: "cancelled" });
  expect(await store.heldSlots()).toEqual([]);
  expect(await store.liveWorkers()).toEqual([]);
  expect(await store.dueTasks(10, longMs)).toEqual(["t"]);
});

test("leases are kept while another process has the file open", async () => {
  const [path, otherName] = twoNames();
  const first = await opened(path);
  await runningShard(first, running);
  await first.takeSlot(limit, { ...running, epoch: 1, claimId: "c" });
  await first.settle();
  const second = await opened(otherName);
  expect(await second.expiredLeases(10)).toEqual([]);
  expect(await recordOf(second, running)).toEqual(await recordOf(first, running));
  expect(await second.heldSlots()).toHaveLength(1);
});

test("a second store of the same process shares the connection and keeps its leases", async () => {
  const [path] = twoNames();
  const first = await opened(path);
  await runningShard(first, running);
  const second = await opened(path);
  expect(await second.expiredLeases(10)).toEqual([]);
});
