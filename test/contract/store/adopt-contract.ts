import { expect } from "vitest";
import { logOf } from "../../../src/core/model/records.ts";
import {
  appended,
  competing,
  dispatchInit,
  newTask,
  recordOf,
  runningShard,
  type StoreTest,
  shardOf,
} from "./fixture.ts";

const adopter = shardOf("extract", 0, "new");

export function adoptContract(it: StoreTest): void {
  it("adopts a finished shard of an earlier task: its count, result, metrics and artifacts", async ({
    store,
    peer,
  }) => {
    const attempt = await runningShard(store);
    await appended(store, attempt, 3);
    await store.complete(attempt, { generation: 0, count: 3, result: "r", metrics: { m: 1 } });
    const finished = await recordOf(store, shardOf());
    await store.createTask(newTask("new", { borrowsFrom: ["t"] }));
    expect(await store.adopt(adopter, { type: "extractor", priority: 2, ended: finished })).toBe("adopted");
    const record = await recordOf(peer, adopter);
    expect(record).toMatchObject({ status: "finished", count: 3, result: "r", metrics: { m: 1 }, generation: 0 });
    expect(await peer.readArtifacts(logOf(record), record.generation, 0, 10)).toHaveLength(3);
    expect(await store.hasArtifacts("new", "extract")).toBe(true);
    expect(await store.countArtifacts("new")).toEqual([{ nodeId: "extract", shard: 0, count: 3 }]);
  });

  it("keeps how many batches were set aside, for each task that adopts it", async ({ store, peer }) => {
    const attempt = await runningShard(store);
    await appended(store, attempt, 3);
    await store.complete(attempt, { generation: 0, count: 3, failedBatches: 2 });
    for (const id of ["new", "newer"]) await store.createTask(newTask(id, { borrowsFrom: ["t"] }));
    await store.adopt(adopter, { type: "extractor", priority: 0, ended: await recordOf(store, shardOf()) });
    expect(await recordOf(peer, adopter)).toMatchObject({ status: "finished", count: 3, failedBatches: 2 });
    const newer = shardOf("extract", 0, "newer");
    await store.adopt(newer, { type: "extractor", priority: 0, ended: await recordOf(store, adopter) });
    expect(await recordOf(peer, newer)).toMatchObject({ status: "finished", count: 3, failedBatches: 2 });
  });

  it("refers to the first task's artifacts when an adopted shard is adopted again", async ({ store }) => {
    const attempt = await runningShard(store);
    await store.complete(attempt, { generation: 0, count: 0 });
    for (const id of ["new", "newer"]) await store.createTask(newTask(id));
    await store.adopt(adopter, { type: "extractor", priority: 0, ended: await recordOf(store, shardOf()) });
    const newer = shardOf("extract", 0, "newer");
    await store.adopt(newer, { type: "extractor", priority: 0, ended: await recordOf(store, adopter) });
    expect(logOf(await recordOf(store, newer))).toEqual(shardOf());
    expect(await store.hasArtifacts("newer", "extract")).toBe(false);
  });

  it("adopts a shard once, and not if it was dispatched", async (fixture) => {
    const { store } = fixture;
    const attempt = await runningShard(store);
    await store.complete(attempt, { generation: 0, count: 0 });
    const finished = await recordOf(store, shardOf());
    await store.createTask(newTask("new"));
    const from = { type: "extractor", priority: 0, ended: finished };
    const answers = await competing(fixture, 20, (connection) => connection.adopt(adopter, from));
    expect(answers.filter((answer) => answer === "adopted")).toHaveLength(1);
    expect(await store.dispatch(adopter, dispatchInit())).toBe("exists");
    const dispatched = shardOf("clean", 0, "new");
    await store.dispatch(dispatched, dispatchInit());
    expect(await store.adopt(dispatched, from)).toBe("exists");
  });
}
