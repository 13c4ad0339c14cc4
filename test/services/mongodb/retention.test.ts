import { setTimeout as sleep } from "node:timers/promises";
import { expect, inject, test } from "vitest";
import type { MongoStore } from "../../../src/adapters/mongo/index.ts";
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
import { database, freshPrefix, openStore, testClient } from "./mongo-world.ts";

needsServices("mongodb");

const collections = ["tasks", "nodes", "artifacts", "limits"] as const;

async function world(keepEndedSec?: number) {
  const prefix = freshPrefix();
  const client = testClient();
  const db = client.db(database);
  const options = keepEndedSec === undefined ? {} : { keepEndedSec };
  return {
    collection: (name: string) => db.collection<{ _id: string }>(prefix + name),
    store: await openStore({ client, prefix, ...options }),
    other: await openStore({ url: inject("mongodbUrl"), prefix }),
    /** How many documents there are of a task. */
    async documentsOf(id: string): Promise<number> {
      const ofTask = { $or: [{ _id: id }, { task_id: id }, { "holders.task_id": id }] } as object;
      const counts = await Promise.all(collections.map((name) => db.collection(prefix + name).countDocuments(ofTask)));
      return counts.reduce((sum, count) => sum + count, 0);
    },
  };
}

async function endedTask(store: MongoStore, id: string): Promise<void> {
  const attempt = await runningShard(store, shardOf("extract", 0, id));
  await store.takeSlot({ key: `task:${id}`, max: 2 }, attempt);
  await appended(store, attempt, 2);
  await store.complete(attempt, { generation: 0, count: 2 });
  await store.finishTask(id);
}

test("tasks that ended long ago are removed with all their documents, while sweeps continue", async () => {
  const { store, documentsOf } = await world(1);
  await endedTask(store, "old");
  await store.createTask(newTask("open"));
  await store.dueTasks(10, longMs);
  expect(await documentsOf("old")).toBe(6); // the task, its shard, two artifacts, the marker, the limit
  await until(
    async () => {
      await store.dueTasks(10, longMs);
      return (await documentsOf("old")) === 0;
    },
    "the end of all documents",
    20_000,
  );
  expect(await store.readTask("open")).toBeDefined();
});

test("borrowed artifacts stay as long as the retry that borrows them", async () => {
  const { store, documentsOf } = await world(0);
  await endedTask(store, "lender");
  await store.createTask(newTask("borrower", { retryOf: "lender", borrowsFrom: ["lender"] }));
  const finished = await recordOf(store, shardOf("extract", 0, "lender"));
  const adopter = shardOf("extract", 0, "borrower");
  await store.adopt(adopter, { type: "extractor", priority: 0, ended: finished });
  for (const id of ["a", "b"]) await endedTask(store, id);
  await until(
    async () => {
      await store.dueTasks(10, longMs);
      return (await documentsOf("a")) + (await documentsOf("b")) === 0;
    },
    "the end of the others",
    20_000,
  );
  expect(await store.readArtifacts(shardOf("extract", 0, "lender"), 0, 0, 10)).toHaveLength(2);
  await store.finishTask("borrower");
  await until(
    async () => {
      await store.dueTasks(10, longMs);
      return (await documentsOf("lender")) + (await documentsOf("borrower")) === 0;
    },
    "the end of both",
    20_000,
  );
});

test("the next process that meets an interrupted removal completes it", async () => {
  const { store, other, collection, documentsOf } = await world();
  const interrupted = async (id: string) => {
    await endedTask(store, id);
    await collection("tasks").updateOne({ _id: id }, { $set: { status: "deleted", rev: "x" } });
    expect(await other.readTask(id)).toBeUndefined();
    expect(await other.readVars(id)).toBeUndefined();
    expect(await other.dispatch(shardOf("late", 0, id), dispatchInit())).toBe("exists");
  };
  await interrupted("a");
  expect((await other.listTasks({ limit: 9 })).items).toEqual([]);
  expect(await other.deleteTask("a")).toBe("deleted");
  expect(await documentsOf("a")).toBe(0);
  await interrupted("b");
  expect(await other.createTask(newTask("b"))).toEqual({ outcome: "created", id: "b" });
  expect(await documentsOf("b")).toBe(1);
});

test("a removal and the concurrent creation of a borrower agree on one outcome", async () => {
  const { store, other, collection } = await world();
  for (let round = 0; round < 12; round++) {
    const [lender, borrower] = [`l${round}`, `b${round}`];
    await endedTask(store, lender);
    const create = async () => {
      await sleep(round / 2);
      await other.createTask(newTask(borrower, { borrowsFrom: [lender] }));
      return other.readShards(lender);
    };
    const [answer, shards] = await Promise.all([store.deleteTask(lender), create()]);
    expect(answer, `round ${round}`).toBe(shards.length === 0 ? "deleted" : "borrowed");
    const left = await store.readArtifacts(shardOf("extract", 0, lender), 0, 0, 10);
    expect(left).toHaveLength(answer === "borrowed" ? 2 : 0);
  }
  expect(await collection("tasks").countDocuments({ removal_asked: true } as object)).toBe(0);
});

test("the creation of a borrower withdraws the announced removal of a crashed process", async () => {
  const { store, collection } = await world();
  await endedTask(store, "lender");
  await collection("tasks").updateOne({ _id: "lender" }, { $set: { removal_asked: true, rev: "asked" } });
  await store.createTask(newTask("borrower", { borrowsFrom: ["lender"] }));
  expect(await collection("tasks").findOne({ _id: "lender" })).not.toHaveProperty("removal_asked");
  expect(await store.deleteTask("lender")).toBe("borrowed");
});

test("limits without holders, silent workers and dead letters do not accumulate", async () => {
  const { store, collection } = await world();
  const attempt = await runningShard(store);
  for (const key of ["task:t", "all"]) await store.takeSlot({ key, max: 1 }, attempt);
  await store.freeSlot({ key: "task:t", holder: attempt });
  expect(await store.heldSlots()).toHaveLength(1);
  expect(await collection("limits").find().toArray()).toMatchObject([{ _id: "all" }]);
  await store.addDeadLetter({ id: "d", topic: "t", key: "k", body: "{", reason: "r" });
  const ttl = async (name: string) =>
    (await collection(name).indexes()).flatMap(({ key, expireAfterSeconds }) =>
      expireAfterSeconds === undefined ? [] : [[Object.keys(key)[0], expireAfterSeconds]],
    );
  expect(await ttl("worker_registry")).toEqual([["expire_at", 0]]);
  expect(await ttl("dead_letters")).toEqual([["expire_at", 0]]);
  const [letter] = (await collection("dead_letters").find().toArray()) as unknown as { at: Date; expire_at: Date }[];
  expect((letter?.expire_at.getTime() ?? 0) - (letter?.at.getTime() ?? 0)).toBe(30 * 86_400_000);
});
