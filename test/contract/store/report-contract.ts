import { expect } from "vitest";
import { cancellingShard, nextAttempt, recordOf, runningShard, type StoreTest, transientFailure } from "./fixture.ts";

export function reportContract(it: StoreTest): void {
  it("keeps each part of a report beyond the end of its attempt", async ({ store, peer }) => {
    const attempt = await runningShard(store);
    expect(await store.report(attempt, { generation: 0, n: 1, checkpoint: { page: 3 }, cursors: { "a/0": 7 } })).toBe(
      "ok",
    );
    expect(await store.report(attempt, { generation: 0, n: 2, progress: { done: 1, total: 9 } })).toBe("ok");
    const reported = { checkpoint: { page: 3 }, cursors: { "a/0": 7 }, progress: { done: 1, total: 9 } };
    expect(await recordOf(peer, attempt)).toMatchObject(reported);
    const next = await nextAttempt(store, attempt);
    expect(await recordOf(peer, next)).toMatchObject(reported);
  });

  it("adds the delays of tries to its own time, and replaces earlier ones", async ({ store, peer }) => {
    const attempt = await runningShard(store);
    const before = (await recordOf(store, attempt)).history.at(-1)?.at ?? Number.NaN;
    const tries = {
      "a.b": { failed: 1, delayMs: 60_000 },
      $c: { failed: 2, delayMs: 0 },
      ["__proto__"]: { failed: 3, delayMs: 5 },
    };
    expect(await store.report(attempt, { generation: 0, n: 1, tries })).toBe("ok");
    const stored = (await recordOf(peer, attempt)).tries ?? {};
    expect(Object.entries(stored).map(([uid, { failed }]) => [uid, failed])).toEqual([
      ["a.b", 1],
      ["$c", 2],
      ["__proto__", 3],
    ]);
    expect(stored["a.b"]?.dueAt).toBeGreaterThanOrEqual(before + 60_000);
    expect((stored["a.b"]?.dueAt ?? 0) - (stored.$c?.dueAt ?? 0)).toBe(60_000);
    await store.report(attempt, { generation: 0, n: 2, tries: { $c: { failed: 3, delayMs: 0 } } });
    expect((await recordOf(peer, attempt)).tries).toEqual({ $c: { failed: 3, dueAt: expect.any(Number) } });
    await store.release(attempt, 0);
    expect((await recordOf(peer, attempt)).tries?.$c?.failed).toBe(3);
  });

  it("keeps the counts of tries for the next attempt, and drops them with their generation", async ({ store }) => {
    const attempt = await runningShard(store);
    await store.report(attempt, {
      generation: 0,
      n: 1,
      tries: { u: { failed: 1, delayMs: 0 } },
      checkpoint: 1,
      checkpointIndex: 4,
    });
    expect(await recordOf(store, attempt)).toMatchObject({ checkpointIndex: 4 });
    await store.report(attempt, { generation: 0, n: 2, checkpoint: 2 });
    expect(await recordOf(store, attempt)).not.toHaveProperty("checkpointIndex"); // it belonged to the other checkpoint
    await store.report(attempt, { generation: 0, n: 3, checkpoint: 3, checkpointIndex: 5 });
    expect(await store.restart(attempt, { generation: 1, sourceGens: {} })).toBe("ok");
    const record = await recordOf(store, attempt);
    for (const gone of ["tries", "checkpoint", "checkpointIndex"]) expect(record).not.toHaveProperty(gone);
  });

  it("drops the counts of tries when the shard finishes", async ({ store }) => {
    const attempt = await runningShard(store);
    await store.report(attempt, { generation: 0, n: 1, tries: { u: { failed: 1, delayMs: 0 } } });
    expect(await store.complete(attempt, { generation: 0, count: 0 })).toBe("ok");
    expect(await recordOf(store, attempt)).not.toHaveProperty("tries");
  });

  it("drops checkpoint and cursors with their generation", async ({ store }) => {
    const attempt = await runningShard(store);
    await store.report(attempt, { generation: 0, n: 1, checkpoint: 1, cursors: { "a/0": 7 } });
    await store.restart(attempt, { generation: 0, sourceGens: { "a/0": 0 } });
    expect(await recordOf(store, attempt)).toMatchObject({ checkpoint: 1, cursors: { "a/0": 7 } });
    await store.restart(attempt, { generation: 1, sourceGens: { "a/0": 1 } });
    const record = await recordOf(store, attempt);
    expect(record).not.toHaveProperty("checkpoint");
    expect(record).not.toHaveProperty("cursors");
  });

  it("ignores a report that a later one of the same attempt has overtaken", async ({ store, peer }) => {
    const attempt = await runningShard(store);
    await store.report(attempt, { generation: 0, n: 2, checkpoint: "later" });
    expect(await peer.report(attempt, { generation: 0, n: 1, checkpoint: "earlier" })).toBe("ok");
    expect(await store.report(attempt, { generation: 0, n: 2, checkpoint: "later" })).toBe("ok");
    expect(await recordOf(store, attempt)).toMatchObject({ checkpoint: "later" });
    await store.renew([attempt], 60_000); // a renewal keeps the count
    await store.report(attempt, { generation: 0, n: 1, checkpoint: "earlier" });
    expect(await recordOf(store, attempt)).toMatchObject({ checkpoint: "later" });
  });

  it("counts the reports of each attempt separately", async ({ store }) => {
    const attempt = await runningShard(store);
    await store.report(attempt, { generation: 0, n: 5, checkpoint: "first" });
    const next = await nextAttempt(store, attempt);
    expect(await store.report(next, { generation: 0, n: 1, checkpoint: "second" })).toBe("ok");
    expect(await recordOf(store, next)).toMatchObject({ checkpoint: "second" });
  });

  it("ignores a report about a withdrawn log", async ({ store, peer }) => {
    const attempt = await runningShard(store);
    await store.restart(attempt, { generation: 1, sourceGens: {} });
    expect(await peer.report(attempt, { generation: 0, n: 1, checkpoint: "old", cursors: { "a/0": 9 } })).toBe("ok");
    const record = await recordOf(store, attempt);
    expect(record).not.toHaveProperty("checkpoint");
    expect(record).not.toHaveProperty("cursors");
  });

  it("moves each cursor forward only", async ({ store }) => {
    const attempt = await runningShard(store);
    await store.report(attempt, { generation: 0, n: 1, cursors: { "a/0": 7, "b/0": 1 } });
    await store.report(attempt, { generation: 0, n: 2, cursors: { "a/0": 5, "c/0": 2 } });
    expect(await recordOf(store, attempt)).toMatchObject({ cursors: { "a/0": 7, "b/0": 1, "c/0": 2 } });
  });

  it("accepts reports from the owner of the lease only", async ({ store }) => {
    const attempt = await runningShard(store);
    expect(await store.report({ ...attempt, claimId: "another" }, { generation: 0, n: 1, checkpoint: 1 })).toBe(
      "fenced",
    );
    await store.fail(attempt, transientFailure);
    expect(await store.report(attempt, { generation: 0, n: 1, checkpoint: 1 })).toBe("fenced");
    expect(await recordOf(store, attempt)).not.toHaveProperty("checkpoint");
  });

  it("reports a cancel to the attempt", async ({ store }) => {
    const attempt = await cancellingShard(store);
    expect(await store.report(attempt, { generation: 0, n: 1, checkpoint: 1 })).toBe("cancelling");
    expect(await recordOf(store, attempt)).not.toHaveProperty("checkpoint");
  });
}
