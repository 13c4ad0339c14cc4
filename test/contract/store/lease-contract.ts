import { expect } from "vitest";
import type { Attempt } from "../../../src/core/model/records.ts";
import {
  artifactOf,
  cancellingShard,
  claimed,
  competing,
  deferredShard,
  longMs,
  pastShortMs,
  queuedShard,
  recordOf,
  runningShard,
  type StoreTest,
  shardOf,
  shortMs,
  transientFailure,
} from "./fixture.ts";

const by = (claimId: string, leaseMs: number = longMs) => ({ workerId: "w", claimId, leaseMs });

export function leaseContract(it: StoreTest): void {
  it("claim gives the claimer of a queued shard a lease", async ({ store, peer }) => {
    const ref = await queuedShard(store);
    const record = await store.claim(ref, by("c1"));
    expect(record).toMatchObject({ ...ref, status: "running", lease: { workerId: "w", claimId: "c1" } });
    expect(await recordOf(peer, ref)).toEqual(record);
    const at = record?.history.at(-1)?.at ?? 0;
    expect((record?.lease?.deadline ?? 0) - at).toBeGreaterThan(longMs / 2);
  });

  it("of hundreds of concurrent claims one wins", async (fixture) => {
    const ref = await queuedShard(fixture.store);
    const answers = await competing(fixture, 300, (store, i) => store.claim(ref, by(`c${i}`)));
    const winners = answers.filter((answer) => answer !== undefined);
    expect(winners).toHaveLength(1);
    const record = await recordOf(fixture.peer, ref);
    expect(record).toEqual(winners[0]);
    expect(record.lease?.claimId).toBe(`c${answers.findIndex((answer) => answer !== undefined)}`);
    expect(record.history).toHaveLength(2);
  });

  it("a repeated claim gets the same answer; another claim gets none", async ({ store, peer }) => {
    const ref = await queuedShard(store);
    const first = await store.claim(ref, by("c1"));
    expect(await peer.claim(ref, by("c1"))).toEqual(first);
    expect(await peer.claim(ref, by("c2"))).toBeUndefined();
    expect(await recordOf(store, ref)).toEqual(first);
  });

  it("a claim whose answer was lost stays valid while the shard is being cancelled", async ({ store }) => {
    const ref = await queuedShard(store);
    await store.claim(ref, by("c1"));
    await store.cancelShard(ref, { type: "extractor", graceMs: longMs });
    expect(await store.claim(ref, by("c1"))).toMatchObject({ status: "cancelling", lease: { claimId: "c1" } });
    expect(await store.claim(ref, by("c2"))).toBeUndefined();
  });

  it("only a queued shard with the same epoch can be claimed", async ({ store }) => {
    const ref = await queuedShard(store);
    expect(await store.claim({ ...ref, epoch: 2 }, by("c1"))).toBeUndefined();
    expect(await store.claim({ ...shardOf("unknown"), epoch: 1 }, by("c1"))).toBeUndefined();
    expect(await store.claim({ ...shardOf("extract", 0, "unknown"), epoch: 1 }, by("c1"))).toBeUndefined();
    expect((await recordOf(store, ref)).status).toBe("queued");
    const deferred = shardOf("clean");
    const attempt = await deferredShard(store, deferred);
    expect(await store.claim(attempt, by("c1"))).toBeUndefined();
    expect((await recordOf(store, deferred)).status).toBe("deferred");
  });

  it("an epoch is claimed at most once", async ({ store, advance }) => {
    const attempt = await runningShard(store, shardOf(), shortMs);
    await advance(pastShortMs);
    await store.expire(attempt, 5);
    expect(await store.claim(attempt, by("c2"))).toBeUndefined();
    expect(await store.claim(attempt, by(attempt.claimId))).toBeUndefined();
    expect(await store.claim({ ...attempt, epoch: 2 }, by("c2"))).toMatchObject({ epoch: 2, status: "running" });
  });

  it("renew extends the deadline", async ({ store, peer, advance }) => {
    const attempt = await runningShard(store, shardOf(), shortMs);
    expect(await store.renew([attempt], longMs)).toEqual(["ok"]);
    await advance(pastShortMs);
    expect(await peer.expiredLeases(10)).toEqual([]);
    expect(await peer.expire(attempt, 5)).toBeUndefined();
    expect(await recordOf(store, attempt)).toMatchObject({ status: "running", lost: 0 });
  });

  it("renew with a shorter lease does not move the deadline", async ({ store, peer, advance }) => {
    const attempt = await runningShard(store, shardOf(), longMs);
    const { lease } = await recordOf(store, attempt);
    expect(await store.renew([attempt], shortMs)).toEqual(["ok"]);
    expect((await recordOf(peer, attempt)).lease).toEqual(lease);
    await advance(pastShortMs);
    expect(await peer.expiredLeases(10)).toEqual([]);
    expect(await peer.expire(attempt, 5)).toBeUndefined();
  });

  it("renew returns an answer for each attempt, in order", async ({ store }) => {
    const held = await runningShard(store, shardOf("a"));
    const cancelling = await cancellingShard(store, shardOf("b"));
    const stale = { ...(await runningShard(store, shardOf("c"))), claimId: "another claim" };
    const ended = await runningShard(store, shardOf("d"));
    await store.complete(ended, { generation: 0, count: 0 });
    const unknown = { ...held, nodeId: "unknown" };
    const earlier = { ...held, epoch: 0 };
    const answers = await store.renew([stale, held, unknown, cancelling, held, ended, earlier], longMs);
    expect(answers).toEqual(["fenced", "ok", "fenced", "cancelling", "ok", "fenced", "fenced"]);
    expect(await store.renew([], longMs)).toEqual([]);
  });

  it("renew by another attempt does not change the lease", async ({ store, advance }) => {
    const attempt = await runningShard(store, shardOf(), shortMs);
    await store.renew([{ ...attempt, claimId: "another claim" }], longMs);
    await advance(pastShortMs);
    expect((await store.expire(attempt, 5))?.status).toBe("queued");
  });

  it("the lease of a cancelling attempt is never renewed", async ({ store, advance }) => {
    const attempt = await runningShard(store, shardOf(), shortMs);
    await store.cancelShard(attempt, { type: "extractor", graceMs: longMs });
    expect(await store.renew([attempt], longMs)).toEqual(["cancelling"]);
    await advance(pastShortMs);
    expect((await store.expire(attempt, 5))?.status).toBe("cancelled");
  });

  it("an expired lease stays with its owner until expire is called", async ({ store, advance }) => {
    const attempt = await runningShard(store, shardOf(), shortMs);
    await advance(pastShortMs);
    expect(await store.append(attempt, 0, artifactOf(0))).toBe("ok");
    expect(await store.renew([attempt], longMs)).toEqual(["ok"]);
    expect(await store.expire(attempt, 5)).toBeUndefined();
    expect(await store.complete(attempt, { generation: 0, count: 1 })).toBe("ok");
  });

  it("expiredLeases returns only running and cancelling shards whose lease has expired", async (fixture) => {
    const { store, peer, advance } = fixture;
    const lost = await runningShard(store, shardOf("lost"), shortMs);
    const cancelled = await runningShard(store, shardOf("cancelled"), longMs);
    await store.cancelShard(cancelled, { type: "extractor", graceMs: shortMs });
    await runningShard(store, shardOf("alive"), longMs);
    await cancellingShard(store, shardOf("stopping"));
    await store.complete(await runningShard(store, shardOf("done"), shortMs), { generation: 0, count: 0 });
    await store.release(await runningShard(store, shardOf("released"), shortMs), longMs);
    await queuedShard(store, shardOf("queued"));
    await advance(pastShortMs);
    const found = await peer.expiredLeases(10);
    expect(found.map(({ nodeId }) => nodeId).toSorted()).toEqual(["cancelled", "lost"]);
    expect(found).toContainEqual({ taskId: "t", nodeId: "lost", shard: 0, epoch: lost.epoch });
    expect(await peer.expiredLeases(1)).toHaveLength(1);
  });

  it("expire queues the shard again with the next epoch and counts the loss", async ({ store, peer, advance }) => {
    const attempt = await runningShard(store, shardOf(), shortMs);
    await advance(pastShortMs);
    const record = await store.expire(attempt, 5);
    expect(record).toMatchObject({ status: "queued", epoch: 2, lost: 1, failures: 0, yields: 0 });
    expect(record).not.toHaveProperty("lease");
    expect(await recordOf(peer, attempt)).toEqual(record);
    expect(await peer.peekQueue(["extractor"], 10)).toMatchObject([{ ...shardOf(), epoch: 2 }]);
    expect(record?.history.at(-1)).toMatchObject({ from: "running", to: "queued", cause: "expire" });
  });

  it("a repeated expire changes nothing", async (fixture) => {
    const attempt = await runningShard(fixture.store, shardOf(), shortMs);
    await fixture.advance(pastShortMs);
    const answers = await competing(fixture, 20, (store) => store.expire(attempt, 5));
    expect(answers.filter((answer) => answer !== undefined)).toHaveLength(1);
    expect(await recordOf(fixture.store, attempt)).toMatchObject({ epoch: 2, lost: 1 });
  });

  it("expire checks the deadline at the write", async ({ store }) => {
    const attempt = await runningShard(store);
    expect(await store.expire(attempt, 5)).toBeUndefined();
    expect(await store.expire({ ...attempt, epoch: 2 }, 5)).toBeUndefined();
    expect(await store.expire({ ...shardOf("unknown"), epoch: 1 }, 5)).toBeUndefined();
    expect((await recordOf(store, attempt)).status).toBe("running");
  });

  it("a shard whose lease was lost more than maxLost times fails with worker_lost", async ({ store, advance }) => {
    let attempt = await runningShard(store, shardOf("extract", 1), shortMs);
    for (const lost of [1, 2]) {
      await advance(pastShortMs);
      expect(await store.expire(attempt, 2)).toMatchObject({ status: "queued", epoch: lost + 1, lost });
      attempt = await claimed(store, attempt, shortMs);
    }
    await advance(pastShortMs);
    const record = await store.expire(attempt, 2);
    expect(record).toMatchObject({ status: "failed", epoch: 3, lost: 3, failures: 0 });
    expect(record?.failure).toMatchObject({ nodeId: "extract", reasonCode: "worker_lost", shard: 1, epoch: 3 });
    expect(record).not.toHaveProperty("lease");
    expect(await store.peekQueue(["extractor"], 10)).toEqual([]);
  });

  it("lost leases with a stored batch in between are not added up", async ({ store, advance }) => {
    const longer = async (attempt: Attempt, generation: number, length: number) => {
      const { length: stored } = await store.tail(attempt, generation);
      for (let seq = stored; seq < length; seq++) await store.append(attempt, generation, artifactOf(seq));
    };
    let attempt = await runningShard(store, shardOf(), shortMs);
    const losses = [
      { length: 0, lost: 1 },
      { length: 2, lost: 1 },
      { length: 2, lost: 2 },
      { length: 3, lost: 1 },
      { length: 3, lost: 2 },
    ];
    for (const { length, lost } of losses) {
      await longer(attempt, 0, length);
      await advance(pastShortMs);
      expect(await store.expire(attempt, 2)).toMatchObject({ status: "queued", lost, storedAtLoss: length });
      attempt = await claimed(store, attempt, shortMs);
    }
    await advance(pastShortMs);
    expect(await store.expire(attempt, 2)).toMatchObject({ status: "failed", lost: 3 });
  });

  it("a restarted log counts as progress once it is longer than before", async ({ store, advance }) => {
    let attempt = await runningShard(store, shardOf(), shortMs);
    for (const [generation, { length, lost }] of [
      { length: 2, lost: 1 },
      { length: 1, lost: 2 },
      { length: 2, lost: 3 },
      { length: 3, lost: 1 },
    ].entries()) {
      if (generation > 0) await store.restart(attempt, { generation, sourceGens: {} });
      for (let seq = 0; seq < length; seq++) await store.append(attempt, generation, artifactOf(seq));
      await advance(pastShortMs);
      expect(await store.expire(attempt, 5)).toMatchObject({ status: "queued", lost });
      attempt = await claimed(store, attempt, shortMs);
    }
  });

  it("a cancelling shard is cancelled when its grace period expires", async ({ store, advance }) => {
    const attempt = await runningShard(store);
    await store.cancelShard(attempt, { type: "extractor", graceMs: shortMs });
    await advance(pastShortMs);
    const record = await store.expire(attempt, 0);
    expect(record).toMatchObject({ status: "cancelled", epoch: 1, lost: 0 });
    expect(record).not.toHaveProperty("lease");
    expect(await store.confirmCancelled(attempt)).toBe("fenced");
  });

  it("every write of an attempt that lost its lease is fenced", async ({ store, advance }) => {
    for (const maxLost of [5, 0]) {
      const attempt = await runningShard(store, shardOf(`lost${maxLost}`), shortMs);
      await store.append(attempt, 0, artifactOf(0));
      await advance(pastShortMs);
      await store.expire(attempt, maxLost);
      const before = await recordOf(store, attempt);
      expect(await store.renew([attempt], longMs)).toEqual(["fenced"]);
      expect(await store.restart(attempt, { generation: 1, sourceGens: {} })).toBe("fenced");
      expect(await store.append(attempt, 0, artifactOf(1))).toBe("fenced");
      expect(await store.complete(attempt, { generation: 0, count: 1 })).toBe("fenced");
      expect(await store.fail(attempt, transientFailure)).toBe("fenced");
      expect(await store.release(attempt, 0)).toBe("fenced");
      expect(await store.confirmCancelled(attempt)).toBe("fenced");
      expect(await recordOf(store, attempt)).toEqual(before);
      expect(await store.tail(attempt, 0)).toMatchObject({ length: 1, closed: false });
    }
  });

  it("writes of the previous owner do not affect the next one", async ({ store, advance }) => {
    const former = await runningShard(store, shardOf(), shortMs);
    await advance(pastShortMs);
    await store.expire(former, 5);
    const holder = await claimed(store, former);
    const before = await recordOf(store, holder);
    expect(await store.fail(former, { ...transientFailure, permanent: true })).toBe("fenced");
    expect(await store.complete(former, { generation: 0, count: 0 })).toBe("fenced");
    expect(await store.release({ ...former, epoch: holder.epoch }, 0)).toBe("fenced");
    expect(await store.release({ ...holder, epoch: former.epoch }, 0)).toBe("fenced");
    expect(await recordOf(store, holder)).toEqual(before);
    expect(await store.append(holder, 0, artifactOf(0))).toBe("ok");
  });
}
