import { setTimeout as sleep } from "node:timers/promises";
import { expect, inject, test } from "vitest";
import type { PostgresStore } from "../../../src/adapters/postgres/index.ts";
import {
  appended,
  dispatchInit,
  longMs,
  newTask,
  recordOf,
  runningShard,
  shardOf,
} from "../../contract/store/fixture.ts";
import { until } from "../../helpers/waiting.ts";
import { needsServices } from "../services.ts";
import { freshSchema, openStore, testPool } from "./postgres-world.ts";

needsServices("postgres");

async function world(keepEndedSec?: number) {
  const schema = freshSchema();
  const pool = testPool();
  const options = { pool, schema };
  return {
    store: await openStore({ ...options, ...(keepEndedSec === undefined ? {} : { keepEndedSec }) }),
    other: await openStore({ url: inject("postgresUrl"), schema }),
    /** How many rows there are. */
    async rows(...tables: readonly string[]): Promise<number> {
      let sum = 0;
      for (const table of tables)
        sum += (await pool.query(`SELECT count(*)::int AS n FROM "${schema}".${table}`)).rows[0].n;
      return sum;
    },
  };
}

async function endedTask(store: PostgresStore, id: string): Promise<void> {
  const attempt = await runningShard(store, shardOf("extract", 0, id));
  await store.takeSlot({ key: "all", max: 9 }, attempt);
  await appended(store, attempt, 2);
  await store.complete(attempt, { generation: 0, count: 2 });
  await store.finishTask(id);
}

test("tasks that ended long ago are removed with all their rows, while sweeps continue", async () => {
  const { store, rows } = await world(1);
  await endedTask(store, "old");
  await store.createTask(newTask("open"));
  await store.dueTasks(10, longMs);
  expect(await rows("tasks", "shards", "artifacts")).toBe(5); // two tasks, a shard, two artifacts
  await until(
    async () => {
      await store.dueTasks(10, longMs);
      return (await rows("tasks", "shards", "artifacts")) === 1;
    },
    "the end of all rows",
    20_000,
  );
  expect(await store.readTask("open")).toBeDefined();
  expect(await store.heldSlots()).toEqual([]);
});

test("borrowed artifacts stay as long as the retry that borrows them", async () => {
  const { store } = await world(0);
  await endedTask(store, "lender");
  await store.createTask(newTask("borrower", { retryOf: "lender", borrowsFrom: ["lender"] }));
  const finished = await recordOf(store, shardOf("extract", 0, "lender"));
  await store.adopt(shardOf("extract", 0, "borrower"), { type: "extractor", priority: 0, ended: finished });
  await endedTask(store, "other");
  const isGone = async (id: string) => {
    await store.dueTasks(10, longMs);
    return (await store.readTask(id)) === undefined;
  };
  await until(() => isGone("other"), "the end of the other", 20_000);
  expect(await store.readArtifacts(shardOf("extract", 0, "lender"), 0, 0, 10)).toHaveLength(2);
  await store.finishTask("borrower");
  await until(() => isGone("lender"), "the end of both", 20_000);
});

test("a removal and the concurrent creation of a borrower agree on one outcome", async () => {
  const { store, other } = await world();
  for (let round = 0; round < 20; round++) {
    const [lender, borrower] = [`l${round}`, `b${round}`];
    await endedTask(store, lender);
    const create = async () => {
      await sleep(round % 4);
      await other.createTask(newTask(borrower, { borrowsFrom: [lender] }));
      return other.readShards(lender);
    };
    const [answer, shards] = await Promise.all([store.deleteTask(lender), create()]);
    expect(answer, `round ${round}`).toBe(shards.length === 0 ? "deleted" : "borrowed");
    const left = await store.readArtifacts(shardOf("extract", 0, lender), 0, 0, 10);
    expect(left).toHaveLength(answer === "borrowed" ? 2 : 0);
  }
});

test("a removal leaves nothing of a dispatch or an append in flight", async () => {
  const { store, other, rows } = await world();
  for (let round = 0; round < 20; round++) {
    const id = `t${round}`;
    const attempt = await runningShard(store, shardOf("extract", 0, id));
    await store.cancelTask(id, "enough");
    await store.closeTask(id);
    const late = [
      ...[1, 2, 3].map((shard) => other.dispatch(shardOf("late", shard, id), dispatchInit())),
      appended(other, attempt, 3),
    ];
    const [answer] = await Promise.all([store.deleteTask(id), ...late]);
    expect(answer).toBe("deleted");
  }
  expect(await rows("tasks", "shards", "artifacts")).toBe(0);
});

test("limits without holders, silent workers and expired dead letters do not accumulate", async () => {
  const { store, rows } = await world();
  const attempt = await runningShard(store);
  for (const key of ["task:t", "all"]) await store.takeSlot({ key, max: 1 }, attempt);
  await store.freeSlot({ key: "task:t", holder: attempt });
  expect(await store.heldSlots()).toHaveLength(1);
  expect(await rows("limits")).toBe(1);
  for (const n of [1, 2, 3]) await store.announceWorker({ id: `w${n}`, types: [], capacity: 1, running: 0 }, 1);
  await sleep(10);
  expect(await store.liveWorkers()).toEqual([]);
  await store.addDeadLetter({ id: "d", topic: "t", key: "k", body: "{", reason: "r" });
  // The letter, and for an hour the time when each of the workers was last heard from.
  expect(await rows("registry")).toBe(4);
});
