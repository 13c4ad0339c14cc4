import { expect } from "vitest";
import {
  appended,
  claimed,
  competing,
  dispatchInit,
  longMs,
  newTask,
  pastShortMs,
  queuedShard,
  recordOf,
  runningShard,
  type StoreTest,
  shardOf,
  shortMs,
  transientFailure,
} from "./fixture.ts";

export function pauseContract(it: StoreTest): void {
  it("pauseTask pauses and resumes a running task, and returns whether it did", async ({ store, peer }) => {
    await store.createTask(newTask("t"));
    expect(await store.pauseTask("t", false)).toBe("already");
    expect(await store.pauseTask("t", true)).toBe("recorded");
    expect(await peer.pauseTask("t", true)).toBe("already");
    expect(await peer.readTask("t")).toMatchObject({ status: "running", paused: true });
    expect((await peer.listTasks({ limit: 1 })).items[0]).toMatchObject({ paused: true });
    expect(await peer.pauseTask("t", false)).toBe("recorded");
    expect((await store.readTask("t"))?.paused ?? false).toBe(false);
    expect(await store.pauseTask("unknown", true)).toBe("unknown");
    await store.pauseTask("t", true);
    await store.cancelTask("t", "enough");
    expect(await store.pauseTask("t", false)).toBe("terminal");
    expect(await store.closeTask("t")).toBe(true);
    expect(await store.pauseTask("t", true)).toBe("terminal");
  });

  it("a paused task is due for a sweep, has its deadline, and can finish", async ({ store, peer, advance }) => {
    await store.createTask(newTask("t", { deadlineMs: shortMs }));
    await store.dueTasks(10, longMs);
    await store.pauseTask("t", true);
    expect(await peer.dueTasks(10, longMs)).toEqual(["t"]);
    await advance(pastShortMs);
    expect((await peer.overdueTasks(10)).overdue).toEqual(["t"]);
    expect(await peer.finishTask("t")).toBe(true);
  });

  it("a shard that is dispatched while its task is paused is deferred until it is resumed", async ({ store, peer }) => {
    await store.createTask(newTask("t"));
    await store.pauseTask("t", true);
    expect(await peer.dispatch(shardOf(), dispatchInit())).toBe("dispatched");
    const record = await recordOf(store, shardOf());
    expect(record).toMatchObject({ status: "deferred", epoch: 1, paused: { dueAt: record.readyAt } });
    expect(record.dueAt).toBeUndefined();
    expect(await store.peekQueue(["extractor"], 10)).toEqual([]);
    expect(await store.dueDeferred(10)).toEqual({ due: [], nextInMs: undefined });
    expect(await store.requeue({ ...shardOf(), epoch: 1 })).toBeUndefined();
    expect(await store.wake({ ...shardOf(), epoch: 1 })).toBeUndefined();
    expect(
      await store.claim({ ...shardOf(), epoch: 1 }, { workerId: "w", claimId: "c", leaseMs: longMs }),
    ).toBeUndefined();
    await store.pauseTask("t", false);
    expect(await peer.resumeShard(shardOf())).toMatchObject({ status: "deferred", dueAt: record.readyAt });
    expect((await store.dueDeferred(10)).due).toEqual([{ ...shardOf(), epoch: 1 }]);
    expect(await store.requeue({ ...shardOf(), epoch: 1 })).toMatchObject({ status: "queued", epoch: 2 });
  });

  it("pauseShard takes a queued shard from the queue, once, and resumeShard makes it due", async ({ store, peer }) => {
    const ref = await queuedShard(store);
    expect(await peer.pauseShard(ref)).toMatchObject({ status: "deferred", epoch: 1, failures: 0, lost: 0, yields: 0 });
    expect(await store.pauseShard(ref)).toBeUndefined();
    expect(await store.peekQueue(["extractor"], 10)).toEqual([]);
    expect(await store.dueDeferred(10)).toEqual({ due: [], nextInMs: undefined });
    expect(await store.resumeShard(ref)).toMatchObject({ status: "deferred" });
    expect(await peer.resumeShard(ref)).toBeUndefined();
    expect((await peer.dueDeferred(10)).due).toEqual([ref]);
    expect((await recordOf(store, ref)).history.map(({ cause }) => cause)).toEqual(["dispatch", "pause", "resume"]);
  });

  it("of many concurrent pauses of a shard one is recorded", async (fixture) => {
    const ref = await queuedShard(fixture.store);
    const answers = await competing(fixture, 20, (store) => store.pauseShard(ref));
    expect(answers.filter((answer) => answer !== undefined)).toHaveLength(1);
    expect((await recordOf(fixture.peer, ref)).history).toHaveLength(2);
  });

  it("a deferred shard keeps its due time over a pause", async ({ store, peer }) => {
    const attempt = await runningShard(store);
    await store.fail(attempt, { ...transientFailure, delayMs: longMs });
    const { dueAt } = await recordOf(store, attempt);
    expect(await peer.pauseShard(attempt)).toMatchObject({ status: "deferred", paused: { dueAt } });
    expect(await store.dueDeferred(10)).toEqual({ due: [], nextInMs: undefined });
    expect(await store.resumeShard(attempt)).toMatchObject({ status: "deferred", dueAt, failures: 1 });
    expect(await peer.dueDeferred(10)).toEqual({ due: [], nextInMs: expect.any(Number) });
    expect(await recordOf(peer, attempt)).not.toHaveProperty("paused");
  });

  it("a running attempt keeps its lease, is asked to end, and may store until it is released", async ({
    store,
    peer,
  }) => {
    const attempt = await runningShard(store);
    const { lease } = await recordOf(store, attempt);
    expect(await peer.pauseShard(attempt)).toMatchObject({ status: "running", paused: {}, lease });
    expect(await store.renew([attempt], longMs)).toEqual(["pausing"]);
    expect((await recordOf(peer, attempt)).lease?.deadline).toBeGreaterThanOrEqual(lease?.deadline ?? 0);
    await appended(store, attempt, 2);
    expect(await store.report(attempt, { generation: 0, n: 1, checkpoint: 2 })).toBe("ok");
    expect(await store.release(attempt, 0)).toBe("ok");
    const released = await recordOf(peer, attempt);
    expect(released).toMatchObject({ status: "deferred", checkpoint: 2, failures: 0, lost: 0, paused: {} });
    expect(released.lease).toBeUndefined();
    expect(await store.dueDeferred(10)).toEqual({ due: [], nextInMs: undefined });
    await store.resumeShard(attempt);
    expect((await peer.dueDeferred(10)).due).toHaveLength(1);
  });

  it("a running attempt that is resumed goes on", async ({ store }) => {
    const attempt = await runningShard(store);
    await store.pauseShard(attempt);
    expect(await store.resumeShard(attempt)).toMatchObject({ status: "running" });
    expect(await store.renew([attempt], longMs)).toEqual(["ok"]);
    await appended(store, attempt, 1);
    expect(await store.complete(attempt, { generation: 0, count: 1 })).toBe("ok");
  });

  it("an attempt that fails or loses its lease while its task is paused stays deferred", async ({
    store,
    peer,
    advance,
  }) => {
    const failing = await runningShard(store, shardOf("extract"));
    await store.pauseShard(failing);
    await store.fail(failing, transientFailure);
    expect(await recordOf(peer, failing)).toMatchObject({ status: "deferred", failures: 1, paused: {} });
    await store.dispatch(shardOf("clean"), dispatchInit());
    const losing = await claimed(store, shardOf("clean"), shortMs);
    await store.pauseShard(losing);
    await advance(pastShortMs);
    expect(await peer.expire(losing, 3)).toMatchObject({ status: "deferred", lost: 1, paused: {} });
    expect(
      await store.append(losing, 0, {
        seq: 0,
        uid: "u",
        origin: { source: "", seq: 0, chunk: 0 },
        meta: 1,
        metrics: {},
      }),
    ).toBe("fenced");
    expect(await store.dueDeferred(10)).toEqual({ due: [], nextInMs: undefined });
    for (const ref of [failing, losing]) await store.resumeShard(ref);
    expect((await store.dueDeferred(10)).due).toHaveLength(2);
  });

  it("a cancel ends paused shards like any others", async ({ store, peer }) => {
    const attempt = await runningShard(store, shardOf("extract"));
    await store.dispatch(shardOf("clean"), dispatchInit());
    for (const ref of [shardOf("extract"), shardOf("clean")]) await store.pauseShard(ref);
    const init = { type: "extractor", graceMs: longMs };
    expect(await peer.cancelShard(shardOf("clean"), init)).toBe("cancelled");
    expect(await peer.cancelShard(attempt, init)).toBe("cancelling");
    expect(await store.renew([attempt], longMs)).toEqual(["cancelling"]);
    for (const ref of [shardOf("extract"), shardOf("clean")]) {
      expect(await recordOf(peer, ref)).not.toHaveProperty("paused");
      expect(await store.pauseShard(ref)).toBeUndefined();
      expect(await store.resumeShard(ref)).toBeUndefined();
    }
    expect(await store.pauseShard(shardOf("load"))).toBeUndefined();
    expect(await store.resumeShard(shardOf("load"))).toBeUndefined();
  });
}
