import { expect } from "vitest";
import type { Attempt, NextClaim } from "../../../src/core/model/records.ts";
import {
  appended,
  artifactOf,
  cancellingShard,
  claimed,
  competing,
  failureOf,
  longMs,
  nextAttempt,
  pastShortMs,
  recordOf,
  runningShard,
  type StoreTest,
  shardOf,
  shortMs,
  transientFailure,
} from "./fixture.ts";

const nextClaim = (claimId: string, taskId = "t"): NextClaim => ({
  ref: shardOf("clean", 0, taskId),
  init: { type: "cleaner", priority: 0 },
  by: { workerId: "w", claimId, leaseMs: longMs },
});

export function outcomeContract(it: StoreTest): void {
  it("complete closes the log and finishes the shard", async ({ store, peer }) => {
    const attempt = await runningShard(store);
    await appended(store, attempt, 2);
    const outcome = { generation: 0, count: 2, result: { rows: [2, null] }, metrics: { rows: 2.5 } };
    expect(await store.complete(attempt, outcome)).toBe("ok");
    const record = await recordOf(peer, attempt);
    expect(record).toMatchObject({ status: "finished", epoch: 1, count: 2, lastClaimId: attempt.claimId });
    expect(record.result).toEqual({ rows: [2, null] });
    expect(record.metrics).toEqual({ rows: 2.5 });
    expect(record).not.toHaveProperty("lease");
    expect(await peer.tail(attempt, 0)).toMatchObject({ length: 2, closed: true });
    expect(await peer.readArtifacts(attempt, 0, 0, 10)).toHaveLength(2);
  });

  it("complete stores how many batches were set aside, if any was", async ({ store, peer }) => {
    const attempt = await runningShard(store, shardOf("a"));
    await appended(store, attempt, 3);
    expect(await store.complete(attempt, { generation: 0, count: 3, failedBatches: 2 })).toBe("ok");
    expect(await recordOf(peer, attempt)).toMatchObject({ status: "finished", count: 3, failedBatches: 2 });
    const without = await runningShard(store, shardOf("b"));
    await store.complete(without, { generation: 0, count: 0 });
    expect(await recordOf(peer, without)).not.toHaveProperty("failedBatches");
  });

  it("completeAndClaim stores the last artifact, ends the shard, and runs the next", async ({ store, peer }) => {
    const attempt = await runningShard(store);
    await appended(store, attempt, 1);
    const outcome = { generation: 0, count: 2, last: artifactOf(1), metrics: { rows: 2 } };
    const done = await store.completeAndClaim(attempt, outcome, nextClaim("c1"));
    expect(done.answer).toBe("ok");
    expect(await recordOf(peer, attempt)).toMatchObject({ status: "finished", count: 2, metrics: { rows: 2 } });
    expect(await peer.tail(attempt, 0)).toMatchObject({ length: 2, closed: true });
    expect(await peer.readArtifacts(attempt, 0, 1, 10)).toEqual([
      { ...artifactOf(1), epoch: attempt.epoch, claimId: attempt.claimId },
    ]);
    const next = await recordOf(peer, shardOf("clean"));
    expect(done.claimed).toEqual(next);
    expect(next).toMatchObject({ status: "running", epoch: 1, lease: { claimId: "c1" } });
    expect(next.history.map(({ cause }) => cause)).toEqual(["dispatch", "claim"]);
    const own = { ...shardOf("clean"), epoch: 1, claimId: "c1" };
    expect(await peer.renew([own], longMs)).toEqual(["ok"]);
    expect(await store.completeAndClaim(own, { generation: 0, count: 1, last: artifactOf(0) })).toEqual({
      answer: "ok",
    });
    expect(await peer.tail(own, 0)).toMatchObject({ length: 1, closed: true });
  });

  it("completeAndClaim stores an only artifact like any other, however long it is", async ({ store, peer }) => {
    for (const [nodeId, meta] of [
      ["short", "x"],
      ["long", "x".repeat(5_000)],
    ] as const) {
      const attempt = await runningShard(store, shardOf(nodeId));
      const last = artifactOf(0, { meta });
      expect(await store.completeAndClaim(attempt, { generation: 0, count: 1, last })).toEqual({ answer: "ok" });
      for (const each of [store, peer]) {
        const stored = [{ ...last, epoch: attempt.epoch, claimId: attempt.claimId }];
        expect(await each.readArtifacts(attempt, 0, 0, 10)).toEqual(stored);
        expect(await each.readArtifacts(attempt, 0, 1, 10)).toEqual([]);
        expect(await each.readArtifacts(attempt, 1, 0, 10)).toEqual([]);
        expect(await each.tail(attempt, 0)).toEqual({ length: 1, closed: true, origins: [last.origin] });
        expect(await each.readUids(attempt, 0, 0, 10)).toEqual([last.uid]);
        expect(await each.storedUids(attempt, 0, [last.uid, "other"])).toEqual(new Set([last.uid]));
        expect(await each.hasArtifacts("t", nodeId)).toBe(true);
      }
    }
    const counts = await peer.countArtifacts("t");
    expect(Object.fromEntries(counts.map(({ nodeId, count }) => [nodeId, count]))).toEqual({ short: 1, long: 1 });
  });

  it("completeAndClaim repeated gets the same answer, also after an append", async (fixture) => {
    const { store, peer } = fixture;
    const attempt = await runningShard(store);
    await store.append(attempt, 0, artifactOf(0));
    const outcome = { generation: 0, count: 1, last: artifactOf(0) };
    const answers = await competing(fixture, 10, async (each) => {
      const { answer, claimed: record } = await each.completeAndClaim(attempt, outcome, nextClaim("c1"));
      return [answer, record?.status];
    });
    expect(new Set(answers.map(String))).toEqual(new Set(["ok,running"]));
    expect((await recordOf(peer, attempt)).history.filter(({ to }) => to === "finished")).toHaveLength(1);
    expect((await recordOf(peer, shardOf("clean"))).history).toHaveLength(2);
    const other = await peer.completeAndClaim(attempt, outcome, nextClaim("c2"));
    expect(other.answer).toBe("ok");
    expect(other.claimed).toBeUndefined();
  });

  it("a rejected completeAndClaim changes nothing", async ({ store, peer }) => {
    const lost = await runningShard(store);
    const attempt = await nextAttempt(store, lost);
    await appended(store, attempt, 2);
    const wanted = nextClaim("c1");
    const refusals = [
      ["fenced", lost, { count: 3, last: artifactOf(2) }],
      ["conflict", attempt, { count: 4, last: artifactOf(3) }],
      ["conflict", attempt, { count: 1, last: artifactOf(0, { uid: "other" }) }],
      ["conflict", attempt, { count: 3 }],
      ["duplicate_uid", attempt, { count: 3, last: artifactOf(2, { uid: "u0" }) }],
    ] as const;
    for (const [answer, by, outcome] of refusals)
      expect(await store.completeAndClaim(by, { generation: 0, ...outcome }, wanted)).toEqual({ answer });
    expect(await peer.tail(attempt, 0)).toMatchObject({ length: 2, closed: false });
    expect((await recordOf(peer, attempt)).status).toBe("running");
    expect(await peer.readShards("t", ["clean"])).toEqual([]);
    await store.cancelShard(attempt, { type: "extractor", graceMs: longMs });
    const outcome = { generation: 0, count: 3, last: artifactOf(2) };
    expect(await store.completeAndClaim(attempt, outcome, wanted)).toEqual({ answer: "cancelling" });
    expect(await peer.readShards("t", ["clean"])).toEqual([]);
  });

  it("completeAndClaim defers the next shard if the task is paused, and does not change one that exists", async (fixture) => {
    const { store, peer } = fixture;
    const attempt = await runningShard(store);
    await store.pauseTask("t", true);
    const outcome = { generation: 0, count: 1, last: artifactOf(0) };
    const done = await store.completeAndClaim(attempt, outcome, nextClaim("c1"));
    expect([done.answer, done.claimed]).toEqual(["ok", undefined]);
    expect(await recordOf(peer, attempt)).toMatchObject({ status: "finished", count: 1 });
    expect(await recordOf(peer, shardOf("clean"))).toMatchObject({ status: "deferred" });
    const other = await runningShard(store, shardOf("extract", 0, "u"));
    await store.dispatch(shardOf("clean", 0, "u"), { type: "cleaner", priority: 0 });
    const second = await store.completeAndClaim(other, outcome, nextClaim("c1", "u"));
    expect([second.answer, second.claimed]).toEqual(["ok", undefined]);
    expect(await recordOf(peer, shardOf("clean", 0, "u"))).toMatchObject({ status: "queued", epoch: 1 });
  });

  it("completeAndClaim of many at once: each gets its own answer", async ({ store, peer }) => {
    const taskIds = Array.from({ length: 12 }, (_, n) => `t${n}`);
    const attempts = await Promise.all(taskIds.map((id) => runningShard(store, shardOf("extract", 0, id))));
    const first = (taskId: string) => shardOf("extract", 0, taskId);
    await nextAttempt(peer, attempts[0] as Attempt); // fences the first one
    await peer.pauseTask("t1", true);
    await peer.dispatch(shardOf("clean", 0, "t2"), { type: "cleaner", priority: 0 });
    await peer.cancelShard(first("t3"), { type: "extractor", graceMs: longMs });
    const done = await Promise.all(
      attempts.map((attempt, n) => {
        const outcome = { generation: 0, count: n === 4 ? 2 : 1, last: artifactOf(n === 4 ? 1 : 0) };
        const next = n === 5 ? [] : [nextClaim(`c${n}`, taskIds[n])];
        return store.completeAndClaim(attempt, outcome, ...next);
      }),
    );
    const claimed = done.map(({ claimed: record }) => record?.lease?.claimId ?? record?.status);
    expect(done.map(({ answer }) => answer)).toEqual([
      "fenced",
      "ok",
      "ok",
      "cancelling",
      "conflict",
      ...Array.from({ length: 7 }, () => "ok"),
    ]);
    expect(claimed).toEqual([...Array.from({ length: 6 }, () => undefined), "c6", "c7", "c8", "c9", "c10", "c11"]);
    for (const [n, { answer }] of done.entries()) {
      const record = await recordOf(peer, first(taskIds[n] ?? ""));
      expect(record.status === "finished").toBe(answer === "ok");
      // The log of a rejected one may have the end that was in flight.
      if (answer === "ok")
        expect(await peer.tail(record, record.generation)).toMatchObject({ length: 1, closed: true });
      const next = await peer.readShards(taskIds[n] ?? "", ["clean"]);
      const expected = n === 1 ? ["deferred"] : n === 2 ? ["queued"] : n > 5 ? ["running"] : [];
      expect(next.map(({ status }) => status)).toEqual(expected);
    }
  });

  it("a shard may finish without artifacts, and null is a valid result", async ({ store }) => {
    const nothing = await runningShard(store, shardOf("a"));
    expect(await store.complete(nothing, { generation: 0, count: 0 })).toBe("ok");
    const record = await recordOf(store, nothing);
    expect(record).toMatchObject({ status: "finished", count: 0 });
    expect(record).not.toHaveProperty("result");
    const nil = await runningShard(store, shardOf("b"));
    await store.complete(nil, { generation: 0, count: 0, result: null });
    expect((await recordOf(store, nil)).result).toBeNull();
  });

  it("complete with a count other than the log's length is a conflict and ends nothing", async ({ store }) => {
    const attempt = await runningShard(store);
    await appended(store, attempt, 2);
    for (const count of [0, 1, 3]) {
      expect(await store.complete(attempt, { generation: 0, count })).toBe("conflict");
      expect((await recordOf(store, attempt)).status).toBe("running");
      expect(await store.tail(attempt, 0)).toMatchObject({ length: 2, closed: false });
    }
    expect(await store.append(attempt, 0, artifactOf(2))).toBe("ok");
    expect(await store.complete(attempt, { generation: 0, count: 3 })).toBe("ok");
  });

  it("complete repeated is ok and changes nothing", async (fixture) => {
    const attempt = await runningShard(fixture.store);
    await appended(fixture.store, attempt, 1);
    const answers = await competing(fixture, 10, async (store) => store.complete(attempt, { generation: 0, count: 1 }));
    expect(new Set(answers)).toEqual(new Set(["ok"]));
    const before = await recordOf(fixture.store, attempt);
    expect(before.history.filter(({ to }) => to === "finished")).toHaveLength(1);
    expect(await fixture.peer.complete(attempt, { generation: 0, count: 1 })).toBe("ok");
    expect(await recordOf(fixture.store, attempt)).toEqual(before);
  });

  it("only the owner of the lease can complete", async ({ store }) => {
    const attempt = await runningShard(store);
    for (const stranger of [
      { ...attempt, claimId: "another claim" },
      { ...attempt, epoch: attempt.epoch + 1 },
      { ...attempt, nodeId: "unknown" },
    ]) {
      expect(await store.complete(stranger, { generation: 0, count: 0 })).toBe("fenced");
    }
    expect((await recordOf(store, attempt)).status).toBe("running");
    expect(await store.tail(attempt, 0)).toMatchObject({ closed: false });
  });

  it("a transient failure defers the shard and is counted", async ({ store, peer }) => {
    const attempt = await runningShard(store);
    expect(await store.fail(attempt, { ...transientFailure, delayMs: longMs })).toBe("ok");
    const record = await recordOf(peer, attempt);
    expect(record).toMatchObject({ status: "deferred", failures: 1, lost: 0, yields: 0, lastClaimId: attempt.claimId });
    expect(record).not.toHaveProperty("lease");
    expect(record).not.toHaveProperty("failure");
    expect((record.dueAt ?? 0) - (record.history.at(-1)?.at ?? 0)).toBeGreaterThan(longMs / 2);
    expect(await store.peekQueue(["extractor"], 10)).toEqual([]);
  });

  it("the message of a failure that is retried is kept, the start of a long one", async ({ store, peer }) => {
    const messages = ["no \0route\n\ud83d\ude00", `${"x".repeat(498)}\ud83d\ude00 and more`];
    for (const message of messages) {
      const attempt = await runningShard(store, shardOf(`clean-${message.length}`));
      await store.fail(attempt, { ...transientFailure, failure: failureOf({ message }), delayMs: longMs });
      const kept = (await recordOf(peer, attempt)).history.at(-1)?.message ?? "";
      // A lone surrogate is not valid text.
      expect(kept).toBe(message.length <= 500 ? message : `${"x".repeat(498)}\ufffd…`);
    }
  });

  it("failure number maxFailures fails the shard", async ({ store }) => {
    let attempt = await runningShard(store);
    for (const failures of [1, 2]) {
      expect(await store.fail(attempt, transientFailure)).toBe("ok");
      expect(await recordOf(store, attempt)).toMatchObject({ status: "deferred", failures });
      await store.requeue(attempt);
      attempt = await claimed(store, attempt);
    }
    const failure = failureOf({ reasonCode: "boom", epoch: 3, batchUid: "u7" });
    expect(await store.fail(attempt, { ...transientFailure, failure })).toBe("ok");
    const record = await recordOf(store, attempt);
    expect(record).toMatchObject({ status: "failed", failures: 3, epoch: 3, failure });
    expect(record).not.toHaveProperty("dueAt");
    expect(record.history.at(-1)?.reasonCode).toBe("boom");
  });

  it("a failure outside of batches keeps its place", async ({ store }) => {
    const attempt = await runningShard(store);
    const failure = failureOf({ method: "iterBatches", lastBatchUid: "page-3" });
    expect(await store.fail(attempt, { ...transientFailure, permanent: true, failure })).toBe("ok");
    expect((await recordOf(store, attempt)).failure).toEqual(failure);
  });

  it("a permanent failure fails the shard immediately", async ({ store }) => {
    const attempt = await runningShard(store);
    expect(await store.fail(attempt, { ...transientFailure, permanent: true })).toBe("ok");
    expect(await recordOf(store, attempt)).toMatchObject({ status: "failed", failures: 1, failure: failureOf() });
    expect((await store.dueDeferred(10)).due).toEqual([]);
  });

  it("a repeated fail counts once", async (fixture) => {
    for (const permanent of [true, false]) {
      const attempt = await runningShard(fixture.store, shardOf(`permanent ${permanent}`));
      const answers = await competing(fixture, 10, (store) => store.fail(attempt, { ...transientFailure, permanent }));
      expect(new Set(answers)).toEqual(new Set(["ok"]));
      expect((await recordOf(fixture.store, attempt)).failures).toBe(1);
    }
  });

  it("a repeated outcome is recognised until the next attempt has one", async ({ store, peer }) => {
    const outcomes = {
      fail: (attempt: Parameters<typeof store.fail>[0]) => peer.fail(attempt, transientFailure),
      release: (attempt: Parameters<typeof store.fail>[0]) => peer.release(attempt, 0),
    };
    for (const [name, repeat] of Object.entries(outcomes)) {
      const attempt = await runningShard(store, shardOf(name));
      expect(await repeat(attempt)).toBe("ok");
      await store.requeue(attempt);
      const queued = await recordOf(store, attempt);
      expect(await repeat(attempt)).toBe("ok");
      expect(await recordOf(store, attempt)).toEqual(queued);
      await claimed(store, attempt);
      const running = await recordOf(store, attempt);
      expect(await repeat(attempt)).toBe("ok");
      expect(await recordOf(store, attempt)).toEqual(running);
    }
  });

  it("release defers the shard and counts neither as a failure nor as a loss", async ({ store, peer }) => {
    const attempt = await runningShard(store);
    expect(await store.release(attempt, longMs)).toBe("ok");
    const record = await recordOf(peer, attempt);
    expect(record).toMatchObject({ status: "deferred", yields: 1, failures: 0, lost: 0, lastClaimId: attempt.claimId });
    expect(record).not.toHaveProperty("lease");
    expect(await store.requeue(attempt)).toBeUndefined();
  });

  it("a repeated release counts once", async (fixture) => {
    const attempt = await runningShard(fixture.store);
    const answers = await competing(fixture, 10, (store) => store.release(attempt, 0));
    expect(new Set(answers)).toEqual(new Set(["ok"]));
    expect((await recordOf(fixture.store, attempt)).yields).toBe(1);
  });

  it("failures, losses and yields are counted separately", async ({ store, advance }) => {
    let attempt = await runningShard(store);
    attempt = await nextAttempt(store, attempt);
    await store.fail(attempt, transientFailure);
    await store.requeue(attempt);
    attempt = await claimed(store, attempt, shortMs);
    await advance(pastShortMs);
    await store.expire(attempt, 5);
    expect(await recordOf(store, attempt)).toMatchObject({ epoch: 4, failures: 1, lost: 1, yields: 1 });
  });

  it("one outcome is not mistaken for another", async ({ store }) => {
    const released = await runningShard(store, shardOf("released"));
    await store.release(released, longMs);
    expect(await store.fail(released, transientFailure)).toBe("fenced");
    expect(await store.complete(released, { generation: 0, count: 0 })).toBe("fenced");
    expect(await recordOf(store, released)).toMatchObject({ status: "deferred", failures: 0, yields: 1 });
    const failed = await runningShard(store, shardOf("failed"));
    await store.fail(failed, { ...transientFailure, permanent: true });
    expect(await store.release(failed, 0)).toBe("fenced");
    expect(await store.complete(failed, { generation: 0, count: 0 })).toBe("fenced");
    const finished = await runningShard(store, shardOf("finished"));
    await store.complete(finished, { generation: 0, count: 0 });
    expect(await store.fail(finished, transientFailure)).toBe("fenced");
    expect(await store.append(finished, 0, artifactOf(0))).toBe("fenced");
  });

  it("confirmCancelled ends a cancelling attempt; repeating it is ok", async (fixture) => {
    const attempt = await cancellingShard(fixture.store);
    const answers = await competing(fixture, 10, (store) => store.confirmCancelled(attempt));
    expect(new Set(answers)).toEqual(new Set(["ok"]));
    const record = await recordOf(fixture.store, attempt);
    expect(record).toMatchObject({ status: "cancelled", lastClaimId: attempt.claimId });
    expect(record).not.toHaveProperty("lease");
    expect(record.history.filter(({ to }) => to === "cancelled")).toHaveLength(1);
  });

  it("confirmCancelled has no effect on a shard that is not being cancelled, or by another attempt", async ({
    store,
  }) => {
    const running = await runningShard(store, shardOf("running"));
    await store.confirmCancelled(running);
    expect((await recordOf(store, running)).status).toBe("running");
    const cancelling = await cancellingShard(store, shardOf("cancelling"));
    expect(await store.confirmCancelled({ ...cancelling, claimId: "another claim" })).toBe("fenced");
    expect((await recordOf(store, cancelling)).status).toBe("cancelling");
  });

  it("a deferred shard is due after its delay", async ({ store, peer, advance }) => {
    expect(await store.dueDeferred(10)).toEqual({ due: [], nextInMs: undefined });
    const soon = await runningShard(store, shardOf("soon"));
    const late = await runningShard(store, shardOf("late"));
    await store.release(late, longMs);
    const before = await peer.dueDeferred(10);
    expect(before.due).toEqual([]);
    expect(before.nextInMs).toBeGreaterThan(longMs / 2);
    expect(before.nextInMs).toBeLessThanOrEqual(longMs + 100); // a store may estimate its server's time, and then be late by that
    await store.fail(soon, { ...transientFailure, delayMs: shortMs });
    await advance(pastShortMs);
    const after = await peer.dueDeferred(10);
    expect(after.due).toEqual([{ ...shardOf("soon"), epoch: 1 }]);
    expect(after.nextInMs).toBeGreaterThan(longMs / 2);
  });

  it("dueDeferred returns at most the limit, earliest first", async ({ store, advance }) => {
    for (const [i, nodeId] of ["a", "b", "c"].entries()) {
      const attempt = await runningShard(store, shardOf(nodeId));
      await store.release(attempt, (3 - i) * shortMs);
    }
    await advance(5 * shortMs);
    const { due } = await store.dueDeferred(2);
    expect(due).toHaveLength(2);
    const all = await store.dueDeferred(10);
    expect(all.due.map(({ nodeId }) => nodeId).toSorted()).toEqual(["a", "b", "c"]);
    expect(all.nextInMs).toBeUndefined();
    expect(all.due.slice(0, 2)).toEqual(due);
  });

  it("requeue makes a due shard claimable with the next epoch, once", async (fixture) => {
    const { store, peer } = fixture;
    const attempt = await runningShard(store);
    await store.release(attempt, 0);
    const answers = await competing(fixture, 10, (connection) => connection.requeue(attempt));
    const [record, ...more] = answers.filter((answer) => answer !== undefined);
    expect(more).toEqual([]);
    expect(record).toMatchObject({ status: "queued", epoch: 2, yields: 1 });
    expect(record).not.toHaveProperty("dueAt");
    expect(await recordOf(peer, attempt)).toEqual(record);
    expect((await peer.dueDeferred(10)).due).toEqual([]);
    expect(await peer.peekQueue(["extractor"], 10)).toMatchObject([{ ...shardOf(), epoch: 2 }]);
  });

  it("requeue changes only shards that are deferred, due and of the same epoch", async ({ store }) => {
    const late = await runningShard(store, shardOf("late"));
    await store.release(late, longMs);
    expect(await store.requeue(late)).toBeUndefined();
    const due = await runningShard(store, shardOf("due"));
    await store.release(due, 0);
    expect(await store.requeue({ ...due, epoch: 2 })).toBeUndefined();
    const running = await runningShard(store, shardOf("running"));
    expect(await store.requeue(running)).toBeUndefined();
    expect(await store.requeue({ ...shardOf("unknown"), epoch: 1 })).toBeUndefined();
    const statuses = await Promise.all([late, due, running].map((ref) => recordOf(store, ref)));
    expect(statuses.map(({ status }) => status)).toEqual(["deferred", "deferred", "running"]);
  });

  it("an ended shard never changes", async ({ store, peer, advance }) => {
    const finished = await runningShard(store, shardOf("finished"), shortMs);
    await store.complete(finished, { generation: 0, count: 0 });
    const failed = await runningShard(store, shardOf("failed"), shortMs);
    await store.fail(failed, { ...transientFailure, permanent: true });
    const cancelled = await cancellingShard(store, shardOf("cancelled"));
    await store.confirmCancelled(cancelled);
    await advance(pastShortMs);
    for (const attempt of [finished, failed, cancelled]) {
      const before = await recordOf(store, attempt);
      await peer.dispatch(attempt, { type: "extractor", priority: 0 });
      await peer.cancelShard(attempt, { type: "extractor", graceMs: 0 });
      await peer.claim(attempt, { workerId: "w", claimId: "late", leaseMs: longMs });
      await peer.renew([attempt], longMs);
      await peer.restart(attempt, { generation: 1, sourceGens: {} });
      await peer.append(attempt, 0, artifactOf(0));
      await peer.complete(attempt, { generation: 0, count: 0 });
      await peer.fail(attempt, transientFailure);
      await peer.release(attempt, 0);
      await peer.confirmCancelled(attempt);
      await peer.expire(attempt, 0);
      await peer.requeue(attempt);
      expect(await recordOf(store, attempt)).toEqual(before);
    }
  });
}
