import { symlinkSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { expect, onTestFinished, test, vi } from "vitest";
import { sqliteStore } from "../../../../src/adapters/sqlite/index.ts";
import type { Store } from "../../../../src/core/ports/index.ts";
import { artifactOf, dispatchInit, newTask, shardOf } from "../../../contract/store/fixture.ts";
import { tempFolder } from "../../../helpers/temp-folder.ts";

const leaseMs = 30_000;

/** A file whose time passes only when the test says so, and processes on it. */
function machine() {
  const path = join(tempFolder(), "runs.db");
  let now = 1_000_000_000_000;
  const monotonic = vi.spyOn(performance, "now").mockImplementation(() => now);
  onTestFinished(() => monotonic.mockRestore());
  let processes = 0;
  return {
    pass(ms: number): void {
      now += ms;
    },
    /** Each has a connection of its own. */
    async process(): Promise<Store> {
      const name = join(tempFolder(), `${processes++}.db`);
      symlinkSync(path, name);
      const store = sqliteStore(name, { now: () => now });
      await store.open();
      onTestFinished(() => store.close());
      return store;
    },
    /** What the file has about the leases. */
    read() {
      const database = new DatabaseSync(path, { readOnly: true });
      onTestFinished(() => database.close());
      const leases = database.prepare("SELECT pk, node_id AS node, expires_at AS at, fresh_until AS fresh FROM shards");
      const file = database.prepare('SELECT fresh_from AS "from", fresh_until AS until FROM store_time');
      return {
        leases: leases.all().map((row) => ({ ...row })),
        file: { ...file.get() },
      };
    },
  };
}

/** Inserts a shard with a lease, as the end of another node does. */
async function start(store: Store, nodeId: string, { taskId = "t", ms = leaseMs } = {}) {
  const ref = shardOf(nodeId, 0, taskId);
  const by = { workerId: "w", claimId: `claim-${nodeId}`, leaseMs: ms };
  expect(await store.dispatchClaimed({ ref, init: dispatchInit(), by })).toMatchObject({ status: "running" });
  await store.settle();
  return { ...ref, epoch: 1, claimId: by.claimId };
}

async function finish(store: Store, attempt: Awaited<ReturnType<typeof start>>): Promise<void> {
  const outcome = { generation: 0, count: 1, sourceGens: {}, last: artifactOf(0) };
  expect(await store.completeAndClaim(attempt, outcome)).toEqual({ answer: "ok" });
  await store.settle();
}

const expiredNodes = async (store: Store) => (await store.expiredLeases(10)).map(({ nodeId }) => nodeId);

test("a lease that is not indexed yet is found when it ends, by every process, without a write before", async () => {
  const { process, pass, read } = machine();
  const [first, second] = [await process(), await process()];
  await first.createTask(newTask("t"));
  await start(first, "a");
  expect(read().leases).toEqual([{ pk: 1, node: "a", at: null, fresh: 1_000_000_000_000 + leaseMs }]);
  pass(leaseMs - 1);
  for (const store of [first, second]) expect(await expiredNodes(store)).toEqual([]);
  pass(1);
  for (const store of [first, second]) expect(await expiredNodes(store)).toEqual(["a"]);
  expect(await second.expire({ ...shardOf("a"), epoch: 1 }, 5)).toMatchObject({ status: "queued" });
  await second.settle();
  for (const store of [first, second]) expect(await expiredNodes(store)).toEqual([]);
});

test("leases are indexed by the first write after a second, of any process, in the order of their ends", async () => {
  const { process, pass, read } = machine();
  const [first, second] = [await process(), await process()];
  await first.createTask(newTask("t"));
  await start(first, "a");
  pass(10);
  await start(second, "b");
  await finish(first, await start(first, "c"));
  const from = 1_000_000_000_000;
  expect(read().file).toEqual({ from: 1, until: from + leaseMs });
  pass(1_000);
  await second.addDeadLetter({ id: "l", topic: "t", key: "k", body: "", reason: "no JSON" });
  await second.settle();
  expect(read()).toEqual({
    leases: [
      { pk: 1, node: "a", at: from + leaseMs, fresh: null },
      { pk: 2, node: "b", at: from + 10 + leaseMs, fresh: null },
      { pk: 3, node: "c", at: null, fresh: null },
    ],
    file: { from: null, until: null },
  });
  await start(first, "d");
  expect(read().file).toEqual({ from: 4, until: from + 1_010 + leaseMs });
  pass(leaseMs);
  for (const store of [first, second]) expect(await expiredNodes(store)).toEqual(["a", "b", "d"]);
});

test("a shorter lease after a longer one ends in time", async () => {
  const { process, pass } = machine();
  const store = await process();
  await store.createTask(newTask("t"));
  await start(store, "a");
  await start(store, "b", { ms: 500 });
  pass(500);
  expect(await expiredNodes(store)).toEqual(["b"]);
});

test("a lease on a row with the key of a deleted one is found", async () => {
  const { process, pass, read } = machine();
  const store = await process();
  for (const id of ["t", "u"]) await store.createTask(newTask(id));
  await finish(store, await start(store, "a"));
  pass(1_000);
  await store.finishTask("t");
  await finish(store, await start(store, "b", { taskId: "u" }));
  expect(read().file).toMatchObject({ from: 2 });
  await store.finishTask("u");
  for (const id of ["t", "u"]) expect(await store.deleteTask(id)).toBe("deleted");
  await store.createTask(newTask("v"));
  await start(store, "c", { taskId: "v" });
  expect(read().leases).toMatchObject([{ pk: 1, node: "c" }]);
  pass(leaseMs);
  expect(await expiredNodes(store)).toEqual(["c"]);
});

test("a process that opens the file alone expires the leases of a dead process that are not indexed yet", async () => {
  const { process, read } = machine();
  const dead = await process();
  await dead.createTask(newTask("t"));
  await start(dead, "a");
  await dead.close();
  const store = await process();
  expect(await expiredNodes(store)).toEqual(["a"]);
  expect(read().file).toEqual({ from: null, until: null });
});
