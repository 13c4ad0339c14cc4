import { Collection } from "mongodb";
import { expect, inject, onTestFinished, test, vi } from "vitest";
import type { Store } from "../../../src/core/ports/index.ts";
import { Worker } from "../../../src/engine/worker.ts";
import { dispatchInit, newTask, recordOf, shardOf } from "../../contract/store/fixture.ts";
import { handler, source } from "../../helpers/handlers.ts";
import { until } from "../../helpers/waiting.ts";
import { needsServices } from "../services.ts";
import { database, freshPrefix, openStore, testClient } from "./mongo-world.ts";

needsServices("mongodb");

const ref = shardOf("extract");

/** A store with an ended task, and a store of another process. */
async function withEndedTask() {
  const prefix = freshPrefix();
  const open = () => openStore({ url: inject("mongodbUrl"), prefix });
  const [store, other] = [await open(), await open()];
  await store.createTask(newTask("t"));
  await store.cancelTask("t", "enough");
  await store.closeTask("t");
  return { prefix, store, other };
}

const deleteBeforeInsert = (other: Store): (() => number) =>
  beforeInsert(async () => expect(await other.deleteTask("t")).toBe("deleted"));

/** Delays the next insert while something else happens. */
function beforeInsert(happens: () => Promise<unknown>): () => number {
  const insertOne = Collection.prototype.insertOne;
  const inserts = vi.spyOn(Collection.prototype, "insertOne").mockImplementationOnce(async function (
    this: Collection,
    ...args: Parameters<Collection["insertOne"]>
  ) {
    await happens();
    return insertOne.apply(this, args);
  });
  onTestFinished(() => void inserts.mockRestore());
  return () => inserts.mock.calls.length;
}

test("a dispatch delayed past the deletion of its task leaves nothing in the queue", async () => {
  const { store, other } = await withEndedTask();
  const inserts = deleteBeforeInsert(other);
  expect(await store.dispatch(ref, dispatchInit())).toBe("exists");
  expect(inserts()).toBe(1);
  expect(await other.readShards("t")).toEqual([]);
  expect(await other.peekQueue(["extractor"], 10)).toEqual([]);
});

test("a tombstone delayed past the deletion of its task leaves nothing either", async () => {
  const { store, other } = await withEndedTask();
  deleteBeforeInsert(other);
  expect(await store.cancelShard(ref, { type: "extractor", graceMs: 0 })).toBe("cancelled");
  expect(await other.readShards("t")).toEqual([]);
});

test.each([
  [true, "deferred"],
  [false, "queued"],
])(
  "a dispatch delayed past a pause, or past its end, leaves the shard as the task is: paused %s",
  async (paused, status) => {
    const prefix = freshPrefix();
    const open = () => openStore({ url: inject("mongodbUrl"), prefix });
    const [store, other] = [await open(), await open()];
    await store.createTask(newTask("t"));
    if (!paused) await store.pauseTask("t", true);
    beforeInsert(() => other.pauseTask("t", paused));
    expect(await store.dispatch(ref, dispatchInit())).toBe("dispatched");
    const record = await recordOf(store, ref);
    expect(record).toMatchObject({ status, history: [{ n: 0, from: "absent", to: status, cause: "dispatch" }] });
    expect("paused" in record).toBe(paused);
  },
);

test("a worker removes the queued shard that a crashed process left of a deleted task", async () => {
  const { prefix, store } = await withEndedTask();
  await store.createTask(newTask("u"));
  await store.dispatch({ ...ref, taskId: "u" }, dispatchInit());
  await store.dispatch(ref, dispatchInit());
  await testClient().db(database).collection<{ _id: string }>(`${prefix}tasks`).deleteOne({ _id: "t" });
  expect(await recordOf(store, ref)).toMatchObject({ status: "queued" });

  const own = await openStore({ url: inject("mongodbUrl"), prefix });
  const looks = vi.spyOn(own, "peekQueue");
  const worker = new Worker({ store: own, handlers: [handler("extractor")], capacity: 1 });
  onTestFinished(() => worker.stop({ graceMs: 0 }));
  await worker.start();
  await until(async () => (await store.readShards("t")).length === 0, "the end of what was left");
  await until(
    async () => (await recordOf(store, { ...ref, taskId: "u" })).status === "finished",
    "the other task's node",
  );
  expect(looks.mock.calls.length).toBeLessThan(100); // it does not poll in a tight loop
});

test("a worker removes the artifact whose insert was delayed past the deletion of its task", async () => {
  const prefix = freshPrefix();
  const open = () => openStore({ url: inject("mongodbUrl"), prefix });
  const [store, other] = [await open(), await open()];
  const rows = testClient().db(database).collection(`${prefix}artifacts`);
  await store.createTask(newTask("t"));
  await store.dispatch(ref, dispatchInit());

  const insertOne = Collection.prototype.insertOne;
  let late = 0;
  const inserts = vi.spyOn(Collection.prototype, "insertOne").mockImplementation(async function (
    this: Collection,
    ...args: Parameters<Collection["insertOne"]>
  ) {
    if (this.collectionName !== rows.collectionName) return insertOne.apply(this, args);
    await other.cancelTask("t", "enough");
    await other.closeTask("t");
    expect(await other.deleteTask("t")).toBe("deleted");
    const answer = await insertOne.apply(this, args);
    late = await rows.countDocuments();
    return answer;
  });
  onTestFinished(() => void inserts.mockRestore());
  const worker = new Worker({ store, handlers: [source("extractor", [1])] });
  onTestFinished(() => worker.stop({ graceMs: 0 }));
  await worker.start();
  await until(() => late === 1, "the insert");
  await until(async () => (await rows.countDocuments()) === 0, "its end");
});
