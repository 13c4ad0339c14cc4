import { expect } from "vitest";
import type { NewArtifact } from "../../../src/core/ports/index.ts";
import {
  appended,
  artifactOf,
  cancellingShard,
  claimed,
  competing,
  newTask,
  nextAttempt,
  pastShortMs,
  recordOf,
  runningShard,
  type StoreTest,
  shardOf,
  shortMs,
} from "./fixture.ts";

export function artifactContract(it: StoreTest): void {
  it("append stores an artifact with its attempt", async ({ store, peer }) => {
    const attempt = await runningShard(store);
    const artifact = artifactOf(0, {
      uid: "über/1",
      origin: {
        source: "extract/0",
        seq: 4,
        chunk: 2,
        to: [9, 0],
        open: [
          [3, 1],
          [7, 0],
        ],
        place: [0, 4, 2],
      },
      meta: { "a.b": [1, null, { $set: "x" }], text: "✓" },
      metrics: { "rows.in": 2, ms: 0.5 },
    });
    expect(await store.append(attempt, 0, artifact)).toBe("ok");
    const { epoch, claimId } = attempt;
    expect(await peer.readArtifacts(attempt, 0, 0, 10)).toEqual([{ ...artifact, epoch, claimId }]);
  });

  it("append stores that a batch was set aside, and tail returns how many were", async ({ store, peer }) => {
    const attempt = await runningShard(store);
    const setAside = [
      artifactOf(0, {
        origin: { source: "src/0", seq: 0, chunk: 0, aside: 1 },
        meta: null,
        metrics: {},
        failure: { reasonCode: "refused", message: "no ✓ $x", tries: 3, stack: "Error: no\n  at x" },
      }),
      artifactOf(1, { origin: { source: "src/1", seq: 0, chunk: 0, aside: 1 } }),
      artifactOf(2, {
        origin: { source: "src/0", seq: 3, chunk: 0, open: [[1, 0]], aside: 2, place: [3] },
        meta: { "a.b": { $set: 1 } },
        metrics: {},
        failure: { reasonCode: "timeout", message: "", tries: 1 },
      }),
    ];
    for (const artifact of setAside) expect(await store.append(attempt, 0, artifact)).toBe("ok");
    const { epoch, claimId } = attempt;
    const stored = await peer.readArtifacts(attempt, 0, 0, 10);
    expect(stored).toEqual(setAside.map((artifact) => ({ ...artifact, epoch, claimId })));
    expect(stored[1]).not.toHaveProperty("failure");
    const { length, origins } = await peer.tail(attempt, 0);
    expect(length).toBe(3);
    expect(origins.toSorted((a, b) => (a.source < b.source ? -1 : 1))).toEqual([
      { source: "src/0", seq: 3, chunk: 0, open: [[1, 0]], aside: 2, place: [3] },
      { source: "src/1", seq: 0, chunk: 0, aside: 1 },
    ]);
    expect(await peer.countArtifacts(attempt.taskId)).toEqual([{ nodeId: "extract", shard: 0, count: 3 }]);
    expect(await store.append(attempt, 0, setAside[2] as NewArtifact)).toBe("ok"); // repeated
    expect(await store.append(attempt, 0, artifactOf(3, { uid: "u0" }))).toBe("duplicate_uid");
  });

  it("a meta can be any JSON value", async ({ store }) => {
    const attempt = await runningShard(store);
    const metas = [null, 0, "", false, [], {}, [[]], "text"];
    for (const [seq, meta] of metas.entries()) {
      expect(await store.append(attempt, 0, artifactOf(seq, { meta }))).toBe("ok");
    }
    expect((await store.readArtifacts(attempt, 0, 0, 100)).map(({ meta }) => meta)).toEqual(metas);
  });

  it("readArtifacts returns pages in order, without gaps", async ({ store, peer }) => {
    const attempt = await runningShard(store);
    await appended(store, attempt, 25);
    const seqs = async (from: number, limit: number) =>
      (await peer.readArtifacts(attempt, 0, from, limit)).map(({ seq }) => seq);
    expect(await seqs(0, 10)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(await seqs(20, 10)).toEqual([20, 21, 22, 23, 24]);
    expect(await seqs(7, 1)).toEqual([7]);
    expect(await seqs(25, 10)).toEqual([]);
    expect(await seqs(400, 10)).toEqual([]);
    expect(await peer.readArtifacts(attempt, 1, 0, 10)).toEqual([]);
    expect(await peer.readArtifacts(shardOf("unknown"), 0, 0, 10)).toEqual([]);
  });

  it("append accepts only the next seq", async ({ store }) => {
    const attempt = await runningShard(store);
    expect(await store.append(attempt, 0, artifactOf(1))).toBe("conflict");
    expect(await store.append(attempt, 0, artifactOf(0))).toBe("ok");
    expect(await store.append(attempt, 0, artifactOf(2))).toBe("conflict");
    expect(await store.append(attempt, 0, artifactOf(0, { uid: "another" }))).toBe("conflict");
    expect((await store.readArtifacts(attempt, 0, 0, 10)).map(({ uid }) => uid)).toEqual(["u0"]);
  });

  it("appending an attempt's artifact again is ok and stores it once", async (fixture) => {
    const attempt = await runningShard(fixture.store);
    await appended(fixture.store, attempt, 1);
    const answers = await competing(fixture, 10, async (store) => store.append(attempt, 0, artifactOf(1)));
    expect(new Set(answers)).toEqual(new Set(["ok"]));
    await fixture.store.append(attempt, 0, artifactOf(2));
    expect(await fixture.peer.append(attempt, 0, artifactOf(1))).toBe("ok");
    expect((await fixture.store.readArtifacts(attempt, 0, 0, 10)).map(({ uid }) => uid)).toEqual(["u0", "u1", "u2"]);
  });

  it("appending at the old length of a log that another connection extended is a conflict; at the new length it is ok", async ({
    store,
    peer,
  }) => {
    const first = await runningShard(store);
    await appended(store, first, 1);
    const second = await nextAttempt(peer, first);
    expect(await peer.append(second, 0, artifactOf(1))).toBe("ok");
    const third = await nextAttempt(store, second);
    // With another uid, because `duplicate_uid` would fail the node permanently.
    expect(await store.append(third, 0, artifactOf(1, { uid: "another" }))).toBe("conflict");
    expect(await store.tail(third, 0)).toMatchObject({ length: 2 });
    expect(await store.append(third, 0, artifactOf(2))).toBe("ok");
    expect(await store.complete(third, { generation: 0, count: 3 })).toBe("ok");
    expect((await peer.readArtifacts(third, 0, 0, 10)).map(({ uid }) => uid)).toEqual(["u0", "u1", "u2"]);
  });

  it("an earlier attempt's artifact at the same seq is a conflict, even with the same uid", async ({ store }) => {
    const first = await runningShard(store);
    await appended(store, first, 1);
    const second = await nextAttempt(store, first);
    expect(await store.append(second, 0, artifactOf(0))).toBe("conflict");
    expect(await store.append(second, 0, artifactOf(0, { uid: "another" }))).toBe("conflict");
    expect(await store.append(second, 0, artifactOf(1))).toBe("ok");
    const stored = await store.readArtifacts(second, 0, 0, 10);
    expect(stored.map(({ epoch, claimId }) => [epoch, claimId])).toEqual([
      [1, first.claimId],
      [2, second.claimId],
    ]);
  });

  it("a uid stored at another seq is a duplicate", async ({ store }) => {
    const first = await runningShard(store);
    await appended(store, first, 2);
    expect(await store.append(first, 0, artifactOf(2, { uid: "u0" }))).toBe("duplicate_uid");
    const second = await nextAttempt(store, first);
    expect(await store.append(second, 0, artifactOf(2, { uid: "u1" }))).toBe("duplicate_uid");
    expect(await store.tail(second, 0)).toMatchObject({ length: 2 });
    expect(await store.append(second, 0, artifactOf(2))).toBe("ok");
  });

  it("a long log finds each of its uids and the last artifact from each source", async ({ store, peer }) => {
    const first = await runningShard(store);
    const sourceOf = (seq: number) => (seq === 2 ? "early/0" : seq === 12 ? "late/0" : "src/0");
    for (let seq = 0; seq < 20; seq++) {
      const origin = { source: sourceOf(seq), seq, chunk: 0 };
      expect(await store.append(first, 0, artifactOf(seq, { origin }))).toBe("ok");
    }
    const second = await nextAttempt(peer, first);
    const { length, closed, origins } = await peer.tail(second, 0);
    expect({ length, closed }).toEqual({ length: 20, closed: false });
    expect(new Map(origins.map(({ source, seq }) => [source, seq]))).toEqual(
      new Map([
        ["early/0", 2],
        ["late/0", 12],
        ["src/0", 19],
      ]),
    );
    expect(origins).toHaveLength(3);
    const uids = Array.from({ length: 21 }, (_, seq) => `u${seq}`);
    expect(await peer.storedUids(second, 0, uids)).toEqual(new Set(uids.slice(0, 20)));
    for (const uid of uids.slice(0, 20))
      expect(await peer.append(second, 0, artifactOf(20, { uid }))).toBe("duplicate_uid");
    expect(await store.append(second, 0, artifactOf(20))).toBe("ok");
    expect(await store.complete(second, { generation: 0, count: 21 })).toBe("ok");
    expect(await peer.tail(second, 0)).toMatchObject({ length: 21, closed: true });
  });

  it("only the owner of the lease can append", async ({ store }) => {
    const attempt = await runningShard(store);
    for (const stranger of [
      { ...attempt, claimId: "another claim" },
      { ...attempt, epoch: 2 },
      { ...attempt, nodeId: "unknown" },
    ]) {
      expect(await store.append(stranger, 0, artifactOf(0))).toBe("fenced");
    }
    const cancelling = await cancellingShard(store, shardOf("clean"));
    expect(await store.append(cancelling, 0, artifactOf(0))).toBe("cancelling");
    expect(await store.tail(attempt, 0)).toMatchObject({ length: 0 });
    expect(await store.tail(cancelling, 0)).toMatchObject({ length: 0 });
  });

  it("tail returns the length, whether the log is closed, and the last origin by source", async ({ store, peer }) => {
    const attempt = await runningShard(store);
    expect(await store.tail(attempt, 0)).toEqual({ length: 0, closed: false, origins: [] });
    expect(await store.tail(shardOf("unknown"), 0)).toEqual({ length: 0, closed: false, origins: [] });
    const origins = [
      { source: "a/0", seq: 0, chunk: 0 },
      { source: "b/0", seq: 0, chunk: 0 },
      { source: "a/0", seq: 0, chunk: 1 },
      { source: "a/0", seq: 10, chunk: 0 },
      { source: "b/0", seq: 2, chunk: 7, open: [[1, 0]] },
      { source: "a/0", seq: 3, chunk: 0, to: [10, 0], place: [3] },
    ] as const;
    for (const [seq, origin] of origins.entries()) await store.append(attempt, 0, artifactOf(seq, { origin }));
    const tail = await peer.tail(attempt, 0);
    expect(tail).toMatchObject({ length: 6, closed: false });
    expect(tail.origins.toSorted((a, b) => a.source.localeCompare(b.source))).toEqual([
      { source: "a/0", seq: 3, chunk: 0, to: [10, 0], place: [3] }, // by its own seq, not by the source's
      { source: "b/0", seq: 2, chunk: 7, open: [[1, 0]] },
    ]);
    await store.complete(attempt, { generation: 0, count: 6 });
    expect(await peer.tail(attempt, 0)).toMatchObject({ length: 6, closed: true });
  });

  it("the next attempt continues at the end of the log", async ({ store, advance }) => {
    let attempt = await runningShard(store, shardOf(), shortMs);
    await appended(store, attempt, 2);
    for (let round = 0; round < 3; round++) {
      await advance(pastShortMs);
      await store.expire(attempt, 9);
      attempt = await claimed(store, attempt, shortMs);
      const { length } = await store.tail(attempt, 0);
      for (let seq = length; seq < length + 2; seq++) await store.append(attempt, 0, artifactOf(seq));
    }
    const stored = await store.readArtifacts(attempt, 0, 0, 100);
    expect(stored.map(({ seq }) => seq)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    expect(stored.map(({ epoch }) => epoch)).toEqual([1, 1, 2, 2, 3, 3, 4, 4]);
    expect(await store.complete(attempt, { generation: 0, count: 8 })).toBe("ok");
  });

  it("readUids returns pages in order, without gaps and without the complete marker", async ({ store, peer }) => {
    const attempt = await runningShard(store);
    await appended(store, attempt, 5);
    await store.complete(attempt, { generation: 0, count: 5 });
    expect(await peer.readUids(attempt, 0, 0, 2)).toEqual(["u0", "u1"]);
    expect(await peer.readUids(attempt, 0, 2, 10)).toEqual(["u2", "u3", "u4"]);
    expect(await peer.readUids(attempt, 0, 5, 10)).toEqual([]);
    expect(await peer.readUids(attempt, 1, 0, 10)).toEqual([]);
    expect(await peer.readUids(shardOf("unknown"), 0, 0, 10)).toEqual([]);
  });

  it("storedUids returns the uids that are stored", async ({ store, peer }) => {
    const attempt = await runningShard(store);
    await appended(store, attempt, 3);
    expect(await peer.storedUids(attempt, 0, ["u0", "x", "u2"])).toEqual(new Set(["u0", "u2"]));
    expect(await peer.storedUids(attempt, 0, [])).toEqual(new Set());
    expect(await peer.storedUids(attempt, 1, ["u0"])).toEqual(new Set());
    await store.complete(attempt, { generation: 0, count: 3 });
    expect(await peer.storedUids(attempt, 0, ["u0", "u1", "u2"])).toEqual(new Set(["u0", "u1", "u2"]));
  });

  it("restart begins a new generation of the log", async ({ store, peer }) => {
    const attempt = await runningShard(store, shardOf("clean"));
    await appended(store, attempt, 2);
    const to = { generation: 1, sourceGens: { "extract/0": 1, "extract/1": 0 } };
    expect(await store.restart(attempt, to)).toBe("ok");
    expect(await recordOf(peer, attempt)).toMatchObject({ status: "running", epoch: 1, ...to });
    expect(await store.tail(attempt, 1)).toEqual({ length: 0, closed: false, origins: [] });
    expect(await store.append(attempt, 1, artifactOf(0))).toBe("ok");
    expect(await store.append(attempt, 1, artifactOf(1))).toBe("ok");
    expect(await store.append(attempt, 1, artifactOf(2))).toBe("ok");
    expect(await store.complete(attempt, { generation: 1, count: 3 })).toBe("ok");
    expect((await peer.readArtifacts(attempt, 1, 0, 10)).map(({ seq }) => seq)).toEqual([0, 1, 2]);
    expect(await recordOf(peer, attempt)).toMatchObject({ status: "finished", generation: 1, count: 3 });
  });

  it("the log of an earlier generation grows on its own after a restart", async ({ store, peer }) => {
    const attempt = await runningShard(store);
    await store.restart(attempt, { generation: 1, sourceGens: {} });
    for (const seq of [0, 1, 2]) expect(await store.append(attempt, 0, artifactOf(seq))).toBe("ok");
    expect(await store.append(attempt, 1, artifactOf(0))).toBe("ok");
    expect((await peer.tail(attempt, 0)).length).toBe(3);
    expect((await peer.tail(attempt, 1)).length).toBe(1);
  });

  it("restart repeated is ok; a lower generation changes nothing", async ({ store, peer }) => {
    const attempt = await runningShard(store);
    const second = { generation: 2, sourceGens: { a: 2 } };
    await store.restart(attempt, { generation: 1, sourceGens: { a: 1 } });
    await store.restart(attempt, second);
    expect(await peer.restart(attempt, second)).toBe("ok");
    expect(await peer.restart(attempt, { generation: 1, sourceGens: { a: 1 } })).toBe("fenced");
    expect(await recordOf(store, attempt)).toMatchObject(second);
  });

  it("the generation persists after the attempt", async ({ store }) => {
    const first = await runningShard(store);
    await store.restart(first, { generation: 1, sourceGens: { a: 1 } });
    const second = await nextAttempt(store, first);
    expect(await recordOf(store, second)).toMatchObject({ epoch: 2, generation: 1, sourceGens: { a: 1 } });
    expect(await store.restart(first, { generation: 2, sourceGens: {} })).toBe("fenced");
    expect(await store.restart({ ...second, claimId: "x" }, { generation: 2, sourceGens: {} })).toBe("fenced");
    expect(await recordOf(store, second)).toMatchObject({ generation: 1 });
  });

  it("hasArtifacts stays true once any shard has stored an artifact, in any generation", async ({ store, peer }) => {
    await store.createTask(newTask("t"));
    expect(await store.hasArtifacts("t", "clean")).toBe(false);
    expect(await store.hasArtifacts("unknown", "clean")).toBe(false);
    await runningShard(store, shardOf("clean", 0));
    const attempt = await runningShard(store, shardOf("clean", 1));
    expect(await store.hasArtifacts("t", "clean")).toBe(false);
    await appended(store, attempt, 1);
    expect(await peer.hasArtifacts("t", "clean")).toBe(true);
    expect(await peer.hasArtifacts("t", "extract")).toBe(false);
    await store.restart(attempt, { generation: 1, sourceGens: {} });
    expect(await peer.hasArtifacts("t", "clean")).toBe(true);
  });

  it("a complete marker is not an artifact", async ({ store }) => {
    const attempt = await runningShard(store);
    await store.complete(attempt, { generation: 0, count: 0 });
    expect(await store.hasArtifacts("t", "extract")).toBe(false);
    expect(await store.readArtifacts(attempt, 0, 0, 10)).toEqual([]);
    expect(await store.tail(attempt, 0)).toEqual({ length: 0, closed: true, origins: [] });
    expect(await store.countArtifacts("t")).toEqual([{ nodeId: "extract", shard: 0, count: 0 }]);
  });

  it("countArtifacts counts the current generation of each shard", async ({ store, peer }) => {
    const [a, b, c] = [
      await runningShard(store, shardOf("clean", 0)),
      await runningShard(store, shardOf("clean", 1)),
      await runningShard(store, shardOf("load", 0)),
    ];
    await appended(store, a, 3);
    await appended(store, b, 2);
    await store.restart(b, { generation: 1, sourceGens: {} });
    await appended(store, b, 1, 1);
    await appended(store, c, 4);
    await store.complete(c, { generation: 0, count: 4 });
    const counts = await peer.countArtifacts("t");
    expect(counts.toSorted((x, y) => `${x.nodeId}${x.shard}`.localeCompare(`${y.nodeId}${y.shard}`))).toEqual([
      { nodeId: "clean", shard: 0, count: 3 },
      { nodeId: "clean", shard: 1, count: 1 },
      { nodeId: "load", shard: 0, count: 4 },
    ]);
    expect(await peer.countArtifacts("unknown")).toEqual([]);
  });

  it("logs of different shards, nodes and tasks are separate", async ({ store }) => {
    const refs = [shardOf("a", 0), shardOf("a", 1), shardOf("a", 11), shardOf("b", 0), shardOf("a", 0, "t2")];
    for (const [i, ref] of refs.entries()) {
      const attempt = await runningShard(store, ref);
      await store.append(attempt, 0, artifactOf(0, { uid: `of ${i}` }));
    }
    for (const [i, ref] of refs.entries()) {
      expect((await store.readArtifacts(ref, 0, 0, 10)).map(({ uid }) => uid)).toEqual([`of ${i}`]);
    }
  });
}
