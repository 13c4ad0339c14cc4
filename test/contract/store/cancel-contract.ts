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
} from "./fixture.ts";

const cancel = { type: "extractor", graceMs: longMs } as const;

export function cancelContract(it: StoreTest): void {
  it("cancelShard of an undispatched shard leaves a tombstone", async ({ store, peer }) => {
    await store.createTask(newTask("t"));
    const ref = shardOf("load", 1);
    expect(await store.cancelShard(ref, { type: "loader", graceMs: 0 })).toBe("cancelled");
    const record = await recordOf(peer, ref);
    expect(record).toMatchObject({ ...ref, type: "loader", status: "cancelled" });
    expect(record.history).toHaveLength(1);
    expect(record.history[0]).toMatchObject({ from: "absent", to: "cancelled", cause: "cancel" });
    expect(await peer.cancelShard(ref, { type: "loader", graceMs: 0 })).toBe("cancelled");
    expect(await recordOf(store, ref)).toEqual(record);
  });

  it("cancelShard ends a queued and a deferred shard immediately", async ({ store }) => {
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

  it("cancelShard asks a running attempt to stop but keeps its lease", async ({ store, peer }) => {
    const attempt = await runningShard(store);
    const { lease } = await recordOf(store, attempt);
    expect(await store.cancelShard(attempt, cancel)).toBe("cancelling");
    const record = await recordOf(peer, attempt);
    expect(record).toMatchObject({ status: "cancelling", epoch: 1, lease });
    expect((record.cancelBy ?? 0) - (record.history.at(-1)?.at ?? 0)).toBeGreaterThan(longMs / 2);
    expect(await store.expire(attempt, 5)).toBeUndefined();
  });

  it("a repeated cancel is reported as such and does not extend the deadline", async ({ store, peer, advance }) => {
    const attempt = await runningShard(store);
    await store.cancelShard(attempt, { type: "extractor", graceMs: shortMs });
    const before = await recordOf(store, attempt);
    expect(await peer.cancelShard(attempt, cancel)).toBe("cancelling");
    expect(await recordOf(store, attempt)).toEqual(before);
    await advance(pastShortMs);
    expect((await store.expire(attempt, 5))?.status).toBe("cancelled");
  });

  it("cancelShard does not change an ended shard and returns its status", async ({ store }) => {
    const finished = await runningShard(store, shardOf("finished"));
    await store.complete(finished, { generation: 0, count: 0 });
    expect(await store.cancelShard(finished, cancel)).toBe("finished");
    const failed = await runningShard(store, shardOf("failed"));
    await store.fail(failed, { ...transientFailure, permanent: true });
    expect(await store.cancelShard(failed, cancel)).toBe("failed");
  });

  it("every write of a cancelling attempt reports the cancel; only its confirmation ends it", async ({ store }) => {
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

  it("another attempt on a cancelling shard is fenced", async ({ store }) => {
    const holder = await cancellingShard(store);
    const before = await recordOf(store, holder);
    for (const attempt of [
      { ...holder, claimId: "another claim" },
      { ...holder, epoch: holder.epoch - 1 },
    ]) {
      expect(await store.append(attempt, 0, artifactOf(0))).toBe("fenced");
      expect(await store.fail(attempt, transientFailure)).toBe("fenced");
      expect(await store.renew([attempt], longMs)).toEqual(["fenced"]);
      expect(await store.confirmCancelled(attempt)).toBe("fenced"); // the owner's handler is still running
    }
    expect(await recordOf(store, holder)).toEqual(before);
    expect(await store.confirmCancelled(holder)).toBe("ok");
  });

  it("with a concurrent cancel and many claims, the shard is cancelled, or one claim is asked to stop", async (fixture) => {
    for (let round = 0; round < 10; round++) {
      const ref = await queuedShard(fixture.store, shardOf(`n${round}`));
      const answers = await competing(fixture, 10, async (store, i) => {
        if (i === round % 10) return store.cancelShard(ref, cancel);
        return (await store.claim(ref, { workerId: "w", claimId: `c${i}`, leaseMs: longMs }))?.lease?.claimId;
      });
      const status = answers[round % 10];
      const winners = answers.filter((answer) => answer !== status && answer !== undefined);
      const record = await recordOf(fixture.store, ref);
      expect(record.status).toBe(status);
      expect(winners).toEqual(status === "cancelling" ? [record.lease?.claimId] : []);
    }
  });

  it("of a concurrent cancel and completion, one wins", async (fixture) => {
    for (let round = 0; round < 10; round++) {
      const attempt = await runningShard(fixture.store, shardOf(`n${round}`));
      const [completed, status] = await Promise.all([
        fixture.store.complete(attempt, { generation: 0, count: 0 }),
        fixture.peer.cancelShard(attempt, cancel),
      ]);
      const record = await recordOf(fixture.store, attempt);
      expect(record.status).toBe(status);
      expect(completed).toBe(status === "finished" ? "ok" : "cancelling");
    }
  });

  it("with a concurrent dispatch and cancel, the shard is cancelled", async (fixture) => {
    await fixture.store.createTask(newTask("t"));
    for (let round = 0; round < 10; round++) {
      const ref = shardOf(`n${round}`);
      await Promise.all([
        fixture.peer.dispatch(ref, { type: "extractor", priority: 0 }),
        fixture.store.cancelShard(ref, cancel),
      ]);
      expect((await recordOf(fixture.store, ref)).status).toBe("cancelled");
    }
    expect(await fixture.store.peekQueue(["extractor"], 100)).toEqual([]);
  });
}
