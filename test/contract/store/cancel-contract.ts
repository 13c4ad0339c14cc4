import { expect } from "vitest";
import {
  appended,
  artifactOf,
  cancellingShard,
  competing,
  deferredShard,
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
} from "./world.ts";

const cancel = { type: "extractor", graceMs: longMs } as const;

export function cancelContract(it: StoreTest): void {
  it("cancelShard leaves a tombstone where nothing was dispatched", async ({ store, other }) => {
    await store.createTask(newTask("t"));
    const ref = shardOf("load", 1);
    expect(await store.cancelShard(ref, { type: "loader", graceMs: 0 })).toBe("cancelled");
    const record = await recordOf(other, ref);
    expect(record).toMatchObject({ ...ref, type: "loader", status: "cancelled" });
    expect(record.history).toHaveLength(1);
    expect(record.history[0]).toMatchObject({ from: "absent", to: "cancelled", cause: "cancel" });
    expect(await other.cancelShard(ref, { type: "loader", graceMs: 0 })).toBe("cancelled");
    expect(await recordOf(store, ref)).toEqual(record);
  });

  it("cancelShard ends a queued shard and a deferred one at once", async ({ store }) => {
    const queued = await queuedShard(store, shardOf("queued"));
    const deferred = await deferredShard(store, shardOf("deferred"));
    for (const ref of [queued, deferred]) {
      expect(await store.cancelShard(ref, cancel)).toBe("cancelled");
      const record = await recordOf(store, ref);
      expect(record.status).toBe("cancelled");
      expect(record).not.toHaveProperty("dueAt");
      expect(await store.claim(ref, { workerId: "w", claimId: "c", leaseMs: longMs })).toBeUndefined();
      expect(await store.requeue(ref)).toBeUndefined();
    }
    expect(await store.peekQueue(["extractor"], 10)).toEqual([]);
    expect(await store.dueDeferred(10)).toEqual({ due: [], nextInMs: undefined });
  });

  it("cancelShard asks a running attempt to stop, and leaves it its lease", async ({ store, other }) => {
    const attempt = await runningShard(store);
    const { lease } = await recordOf(store, attempt);
    expect(await store.cancelShard(attempt, cancel)).toBe("cancelling");
    const record = await recordOf(other, attempt);
    expect(record).toMatchObject({ status: "cancelling", epoch: 1, lease });
    expect((record.cancelBy ?? 0) - (record.history.at(-1)?.at ?? 0)).toBeGreaterThan(longMs / 2);
    expect(await store.expire(attempt, 5)).toBeUndefined();
  });

  it("cancelling again says so and gives no more time", async ({ store, other, advance }) => {
    const attempt = await runningShard(store);
    await store.cancelShard(attempt, { type: "extractor", graceMs: shortMs });
    const before = await recordOf(store, attempt);
    expect(await other.cancelShard(attempt, cancel)).toBe("cancelling");
    expect(await recordOf(store, attempt)).toEqual(before);
    await advance(pastShortMs);
    expect((await store.expire(attempt, 5))?.status).toBe("cancelled");
  });

  it("cancelShard leaves what has ended and says how", async ({ store }) => {
    const finished = await runningShard(store, shardOf("finished"));
    await store.complete(finished, { generation: 0, count: 0 });
    expect(await store.cancelShard(finished, cancel)).toBe("finished");
    const failed = await runningShard(store, shardOf("failed"));
    await store.fail(failed, { ...transientFailure, permanent: true });
    expect(await store.cancelShard(failed, cancel)).toBe("failed");
  });

  it("a cancelling attempt is told so by all it writes, and ends only by its confirmation", async ({ store }) => {
    const attempt = await runningShard(store);
    await appended(store, attempt, 1);
    await store.cancelShard(attempt, cancel);
    const before = await recordOf(store, attempt);
    expect(await store.renew([attempt], longMs)).toEqual(["cancelling"]);
    expect(await store.restart(attempt, { generation: 1, sourceGens: {} })).toBe("cancelling");
    expect(await store.append(attempt, 0, artifactOf(1))).toBe("cancelling");
    expect(await store.complete(attempt, { generation: 0, count: 1 })).toBe("cancelling");
    expect(await store.fail(attempt, { ...transientFailure, permanent: true })).toBe("cancelling");
    expect(await store.release(attempt, 0)).toBe("cancelling");
    expect(await recordOf(store, attempt)).toEqual(before);
    expect(await store.tail(attempt, 0)).toMatchObject({ length: 1, closed: false });
    expect(await store.confirmCancelled(attempt)).toBe("ok");
    expect((await recordOf(store, attempt)).status).toBe("cancelled");
  });

  it("a stranger of a cancelling shard is fenced", async ({ store }) => {
    const holder = await cancellingShard(store);
    const before = await recordOf(store, holder);
    for (const attempt of [
      { ...holder, claimId: "somebody else" },
      { ...holder, epoch: holder.epoch - 1 },
    ]) {
      expect(await store.append(attempt, 0, artifactOf(0))).toBe("fenced");
      expect(await store.fail(attempt, transientFailure)).toBe("fenced");
      expect(await store.renew([attempt], longMs)).toEqual(["fenced"]);
      expect(await store.confirmCancelled(attempt)).toBe("fenced"); // the handler of the holder still runs
    }
    expect(await recordOf(store, holder)).toEqual(before);
    expect(await store.confirmCancelled(holder)).toBe("ok");
  });

  it("of a cancel and many claims at once, the shard ends cancelled or one claim is told to stop", async (world) => {
    for (let round = 0; round < 10; round++) {
      const ref = await queuedShard(world.store, shardOf(`n${round}`));
      const answers = await competing(world, 10, async (store, i) => {
        if (i === round % 10) return store.cancelShard(ref, cancel);
        return (await store.claim(ref, { workerId: "w", claimId: `c${i}`, leaseMs: longMs }))?.lease?.claimId;
      });
      const status = answers[round % 10];
      const winners = answers.filter((answer) => answer !== status && answer !== undefined);
      const record = await recordOf(world.store, ref);
      expect(record.status).toBe(status);
      expect(winners).toEqual(status === "cancelling" ? [record.lease?.claimId] : []);
    }
  });

  it("of a cancel and a completion at once, one decides", async (world) => {
    for (let round = 0; round < 10; round++) {
      const attempt = await runningShard(world.store, shardOf(`n${round}`));
      const [completed, status] = await Promise.all([
        world.store.complete(attempt, { generation: 0, count: 0 }),
        world.other.cancelShard(attempt, cancel),
      ]);
      const record = await recordOf(world.store, attempt);
      expect(record.status).toBe(status);
      expect(completed).toBe(status === "finished" ? "ok" : "cancelling");
    }
  });

  it("of a dispatch and a cancel at once, the shard ends cancelled", async (world) => {
    await world.store.createTask(newTask("t"));
    for (let round = 0; round < 10; round++) {
      const ref = shardOf(`n${round}`);
      await Promise.all([
        world.other.dispatch(ref, { type: "extractor", priority: 0 }),
        world.store.cancelShard(ref, cancel),
      ]);
      expect((await recordOf(world.store, ref)).status).toBe("cancelled");
    }
    expect(await world.store.peekQueue(["extractor"], 100)).toEqual([]);
  });
}
