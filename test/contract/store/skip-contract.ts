import { expect } from "vitest";
import { logOf } from "../../../src/core/model/records.ts";
import {
  appended,
  artifactOf,
  competing,
  dispatchInit,
  failureOf,
  longMs,
  newTask,
  pastShortMs,
  recordOf,
  runningShard,
  type StoreTest,
  shardOf,
  shortMs,
} from "./fixture.ts";

const init = { type: "extractor", priority: 3 };
const failed = { failure: failureOf(), permanent: true, delayMs: 0, maxFailures: 1 };

export function skipContract(it: StoreTest): void {
  it("skips a shard that has no record: it has ended, with an empty, closed log", async ({ store, peer }) => {
    await store.createTask(newTask("t"));
    expect(await store.skip(shardOf(), init)).toBe("skipped");
    const record = await recordOf(peer, shardOf());
    expect(record).toMatchObject({ ...init, status: "skipped", count: 0, epoch: 1, failures: 0 });
    expect(record.history).toMatchObject([{ n: 0, from: "absent", to: "skipped", cause: "skip" }]);
    expect(await peer.hasArtifacts("t", "extract")).toBe(false);
    expect(await peer.countArtifacts("t")).toEqual([{ nodeId: "extract", shard: 0, count: 0 }]);
    expect(await peer.readArtifacts(shardOf(), 0, 0, 10)).toEqual([]);
    expect(await peer.peekQueue(["extractor"], 10)).toEqual([]);
  });

  it("skips or dispatches a shard, whichever comes first, and a tombstone wins over both", async (fixture) => {
    const { store } = fixture;
    await store.createTask(newTask("t"));
    const answers = await competing<string>(fixture, 20, (connection, nth) =>
      nth % 2 === 0 ? connection.skip(shardOf(), init) : connection.dispatch(shardOf(), dispatchInit()),
    );
    expect(answers.filter((answer) => answer !== "exists")).toHaveLength(1);
    const { status } = await recordOf(store, shardOf());
    expect(answers).toContain(status === "skipped" ? "skipped" : "dispatched");
    const cancelled = shardOf("clean");
    expect(await store.cancelShard(cancelled, { type: "cleaner", graceMs: longMs })).toBe("cancelled");
    expect(await store.skip(cancelled, init)).toBe("exists");
    expect(await store.skip(shardOf("extract", 0, "unknown"), init)).toBe("exists");
  });

  it("leaves a skipped shard as it is: it is not cancelled, claimed or skipped again", async ({ store, peer }) => {
    await store.createTask(newTask("t"));
    await store.skip(shardOf(), init);
    const before = await recordOf(store, shardOf());
    expect(await peer.skip(shardOf(), init)).toBe("exists");
    expect(await peer.cancelShard(shardOf(), { type: "extractor", graceMs: longMs })).toBe("skipped");
    const by = { workerId: "w", claimId: "c", leaseMs: longMs };
    expect(await peer.claim({ ...shardOf(), epoch: 1 }, by)).toBeUndefined();
    await peer.closeFailed(shardOf());
    expect(await recordOf(peer, shardOf())).toEqual(before);
  });

  it("adopts that a shard was skipped, and keeps it skipped", async ({ store, peer }) => {
    await store.createTask(newTask("t"));
    await store.skip(shardOf(), init);
    for (const id of ["new", "newer"]) await store.createTask(newTask(id, { borrowsFrom: ["t"] }));
    const [adopter, newer] = ["new", "newer"].map((id) => shardOf("extract", 0, id));
    if (adopter === undefined || newer === undefined) throw new Error("two tasks");
    expect(await store.adopt(adopter, { ...init, ended: await recordOf(store, shardOf()) })).toBe("adopted");
    expect(await store.adopt(newer, { ...init, ended: await recordOf(store, adopter) })).toBe("adopted");
    const record = await recordOf(peer, newer);
    expect(record).toMatchObject({ status: "skipped", count: 0 });
    expect(record.history).toMatchObject([{ from: "absent", to: "skipped", cause: "adopt" }]);
    expect(logOf(record)).toEqual(shardOf());
  });

  it("closes the log of a failed shard at what it has stored, once", async ({ store, peer }) => {
    const attempt = await runningShard(store);
    await appended(store, attempt, 2);
    const failure = { reasonCode: "boom", message: "it broke", tries: 1 };
    await store.append(attempt, 0, artifactOf(2, { origin: { source: "", seq: 2, chunk: 0, aside: 1 }, failure }));
    await store.closeFailed(shardOf());
    expect(await recordOf(peer, shardOf())).toMatchObject({ status: "running" });
    expect(await store.fail(attempt, failed)).toBe("ok");
    expect((await recordOf(peer, shardOf())).count).toBeUndefined();
    await store.closeFailed(shardOf());
    const record = await recordOf(peer, shardOf());
    expect(record).toMatchObject({ status: "failed", count: 3, failedBatches: 1, failure: failureOf() });
    expect(record.history.at(-1)).toMatchObject({ from: "failed", to: "failed", cause: "close" });
    expect(await peer.tail(shardOf(), 0)).toMatchObject({ length: 3, closed: true });
    await peer.closeFailed(shardOf());
    expect(await recordOf(store, shardOf())).toEqual(record);
    expect(await store.append(attempt, 0, artifactOf(3))).toBe("fenced");
    expect(await store.fail(attempt, failed)).toBe("ok");
  });

  it("a second request to cancel a task, or its deadline, cancels everything that it still runs", async (fixture) => {
    const { store, peer, advance } = fixture;
    for (const id of ["asked", "failed", "late"]) await store.createTask(newTask(id, { deadlineMs: shortMs }));
    await store.createTask(newTask("early", { deadlineMs: longMs }));
    await store.cancelTask("asked", "enough");
    expect(await peer.readTask("asked")).not.toHaveProperty("cancelsAll");
    expect(await peer.cancelTask("asked", "now", true)).toBe("already");
    expect(await peer.cancelTask("asked", "now", true)).toBe("already");
    expect(await store.readTask("asked")).toMatchObject({
      status: "cancelling",
      cancelReason: "enough",
      cancelsAll: true,
    });
    const overdue = { reasonCode: "deadline_exceeded", message: "too late" };
    await advance(pastShortMs);
    await store.failTask("late", overdue);
    expect(await peer.readTask("late")).toMatchObject({ status: "cancelling", failure: overdue, cancelsAll: true });
    for (const id of ["failed", "early"]) {
      await store.failTask(id, failureOf());
      expect(await store.failTask(id, overdue)).toBe(id === "failed");
      expect(await store.failTask(id, overdue)).toBe(false);
      expect(await peer.readTask(id)).toMatchObject({ status: "cancelling", failure: failureOf() });
    }
    expect(await peer.readTask("failed")).toMatchObject({ cancelsAll: true });
    expect(await peer.readTask("early")).not.toHaveProperty("cancelsAll");
    expect(await store.closeTask("failed")).toBe(true);
  });

  it("closes a failed shard that stored nothing, and one that competing coordinators close", async (fixture) => {
    const { store, peer } = fixture;
    const attempt = await runningShard(store);
    await store.fail(attempt, failed);
    await competing(fixture, 10, (connection) => connection.closeFailed(shardOf()));
    const record = await recordOf(peer, shardOf());
    expect(record).toMatchObject({ status: "failed", count: 0 });
    expect(record.history.filter(({ cause }) => cause === "close")).toHaveLength(1);
    await peer.closeFailed(shardOf("clean"));
  });
}
