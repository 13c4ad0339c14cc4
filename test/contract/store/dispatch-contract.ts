import { expect } from "vitest";
import { historyLimit } from "../../../src/core/model/records.ts";
import {
  appended,
  claimed,
  competing,
  deferredShard,
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
} from "./fixture.ts";

const by = (claimId: string, leaseMs: number = longMs) => ({ workerId: "w", claimId, leaseMs });

export function dispatchContract(it: StoreTest): void {
  it("dispatch inserts a queued record with epoch 1 and no history of attempts", async ({ store, peer }) => {
    await store.createTask(newTask("t"));
    const ref = shardOf("clean", 2);
    const init = dispatchInit({ type: "cleaner", priority: -5, chosen: ["extract"] });
    expect(await store.dispatch(ref, init)).toBe("dispatched");
    const record = await recordOf(peer, ref);
    expect(record).toEqual({
      ...ref,
      epoch: 1,
      type: "cleaner",
      priority: -5,
      status: "queued",
      readyAt: expect.any(Number),
      failures: 0,
      lost: 0,
      yields: 0,
      generation: 0,
      sourceGens: {},
      chosen: ["extract"],
      history: [{ n: 0, epoch: 1, from: "absent", to: "queued", at: record.history[0]?.at, cause: "dispatch" }],
    });
    expect(record.history[0]?.at).toBeGreaterThan(0);
  });

  it("dispatch and a tombstone keep what the output begins with, until a restart withdraws it", async ({
    store,
    peer,
  }) => {
    await store.createTask(newTask("t"));
    const log = { taskId: "earlier", nodeId: "clean", shard: 1, generation: 2, length: 3, aside: 1 };
    const output = { sourceGens: { "extract/0": 1 }, checkpoint: { $page: "a.b" }, checkpointIndex: 7 };
    const kept = { generation: 2, ...output, carried: log };
    const [ref, tombstone] = [shardOf("clean", 1), shardOf("clean", 2)];
    expect(await store.dispatch(ref, dispatchInit({ carried: { log, ...output } }))).toBe("dispatched");
    expect(await recordOf(peer, ref)).toMatchObject({ status: "queued", failures: 0, ...kept });
    await store.cancelShard(tombstone, { type: "extractor", graceMs: 0, carried: { log, ...output } });
    expect(await recordOf(peer, tombstone)).toMatchObject({ status: "cancelled", ...kept });
    expect(await store.tail(ref, 2)).toMatchObject({ length: 0 });
    const attempt = await claimed(store, ref);
    await store.release(attempt, 0);
    expect(await recordOf(peer, ref)).toMatchObject({ status: "deferred", ...kept });
    await store.requeue(attempt);
    const next = await claimed(store, ref);
    expect(await store.restart(next, { generation: 3, sourceGens: {} })).toBe("ok");
    const restarted = await recordOf(peer, ref);
    expect(restarted).toMatchObject({ generation: 3, sourceGens: {} });
    for (const gone of ["carried", "checkpoint", "checkpointIndex"]) expect(restarted).not.toHaveProperty(gone);
  });

  it("a shard that exists keeps what its output begins with", async ({ store }) => {
    await store.createTask(newTask("t"));
    const log = { taskId: "earlier", nodeId: "extract", shard: 0, generation: 1, length: 3 };
    const carried = { log, sourceGens: {} };
    await store.dispatch(shardOf(), dispatchInit({ carried }));
    const longer = { ...carried, log: { ...log, length: 4 } };
    expect(await store.dispatch(shardOf(), dispatchInit({ carried: longer }))).toBe("exists");
    await store.cancelShard(shardOf(), { type: "extractor", graceMs: 0, carried: longer });
    expect(await recordOf(store, shardOf())).toMatchObject({ status: "cancelled", generation: 1, carried: log });
  });

  it("dispatchClaimed inserts a running record with a lease, as a dispatch and a claim would", async ({
    store,
    peer,
  }) => {
    await store.createTask(newTask("t"));
    const init = { type: "cleaner", priority: 3 };
    const record = await store.dispatchClaimed({ ref: shardOf("clean"), init, by: by("c1") });
    const [dispatched, claim] = record?.history ?? [];
    expect(record).toEqual({
      ...shardOf("clean"),
      ...init,
      epoch: 1,
      status: "running",
      readyAt: dispatched?.at,
      failures: 0,
      lost: 0,
      yields: 0,
      generation: 0,
      sourceGens: {},
      lease: { workerId: "w", claimId: "c1", deadline: (claim?.at ?? 0) + longMs },
      history: [
        { n: 0, epoch: 1, from: "absent", to: "queued", at: dispatched?.at, cause: "dispatch" },
        { n: 1, epoch: 1, from: "queued", to: "running", at: dispatched?.at, cause: "claim", workerId: "w" },
      ],
    });
    expect(await recordOf(peer, shardOf("clean"))).toEqual(record);
    const attempt = { ...shardOf("clean"), epoch: 1, claimId: "c1" };
    expect(await store.peekQueue(["cleaner"], 10)).toEqual([]);
    expect(await peer.renew([attempt], longMs)).toEqual(["ok"]);
    await appended(store, attempt, 2);
    expect(await store.complete(attempt, { generation: 0, count: 2 })).toBe("ok");
  });

  it("a lease of dispatchClaimed expires like any other", async ({ store, peer, advance }) => {
    await store.createTask(newTask("t"));
    await store.dispatchClaimed({ ref: shardOf(), init: { type: "extractor", priority: 0 }, by: by("c1", shortMs) });
    await advance(pastShortMs);
    const [lost] = await peer.expiredLeases(10);
    expect(lost).toEqual({ ...shardOf(), epoch: 1 });
    expect(await peer.expire({ ...shardOf(), epoch: 1 }, 5)).toMatchObject({ status: "queued", epoch: 2, lost: 1 });
  });

  it("a repeated dispatchClaimed gets the same answer; another one gets none, and changes nothing", async (fixture) => {
    const { store, peer } = fixture;
    await store.createTask(newTask("t"));
    const init = { type: "extractor", priority: 0 };
    const answers = await competing(fixture, 100, async (each, i) => {
      if (i % 2 === 0) return (await each.dispatchClaimed({ ref: shardOf(), init, by: by(`c${i}`) }))?.status;
      return (await each.dispatch(shardOf(), init)) === "dispatched" ? "queued" : undefined;
    });
    const winners = answers.filter((status) => status !== undefined);
    expect(winners).toEqual([(await recordOf(peer, shardOf())).status]);
    await store.dispatchClaimed({ ref: shardOf("clean"), init, by: by("c1") });
    const first = await recordOf(store, shardOf("clean"));
    expect(await peer.dispatchClaimed({ ref: shardOf("clean"), init, by: by("c1") })).toEqual(first);
    expect(await peer.dispatchClaimed({ ref: shardOf("clean"), init, by: by("c2") })).toBeUndefined();
    expect(await recordOf(store, shardOf("clean"))).toEqual(first);
  });

  it("dispatchClaimed runs nothing in a task that is paused, deleted or unknown, or after a tombstone", async ({
    store,
    peer,
  }) => {
    const init = { type: "extractor", priority: 0 };
    expect(await store.dispatchClaimed({ ref: shardOf("extract", 0, "unknown"), init, by: by("c1") })).toBeUndefined();
    await store.createTask(newTask("t"));
    await store.cancelShard(shardOf("clean"), { type: "extractor", graceMs: 0 });
    expect(await store.dispatchClaimed({ ref: shardOf("clean"), init, by: by("c1") })).toBeUndefined();
    expect(await recordOf(peer, shardOf("clean"))).toMatchObject({ status: "cancelled" });
    await store.pauseTask("t", true);
    expect(await store.dispatchClaimed({ ref: shardOf(), init, by: by("c1") })).toBeUndefined();
    const paused = await recordOf(peer, shardOf());
    expect(paused).toMatchObject({ status: "deferred", paused: { dueAt: paused.readyAt } });
    expect(paused).not.toHaveProperty("lease");
  });

  it("of many concurrent dispatches one wins, and the others change nothing", async (fixture) => {
    await fixture.store.createTask(newTask("t"));
    const answers = await competing(fixture, 100, (store, i) =>
      store.dispatch(shardOf(), dispatchInit({ chosen: [`choice${i}`] })),
    );
    expect(answers.filter((answer) => answer === "dispatched")).toHaveLength(1);
    expect(answers.filter((answer) => answer === "exists")).toHaveLength(99);
    const record = await recordOf(fixture.peer, shardOf());
    expect(record.history).toHaveLength(1);
    expect(record.chosen).toEqual([`choice${answers.indexOf("dispatched")}`]);
  });

  it("a tombstone rejects a later dispatch", async ({ store, peer }) => {
    await store.createTask(newTask("t"));
    expect(await store.cancelShard(shardOf(), { type: "extractor", graceMs: 0 })).toBe("cancelled");
    const before = await recordOf(store, shardOf());
    expect(before).toMatchObject({ status: "cancelled", type: "extractor" });
    expect(await peer.dispatch(shardOf(), dispatchInit())).toBe("exists");
    expect(await recordOf(store, shardOf())).toEqual(before);
    expect(await store.peekQueue(["extractor"], 10)).toEqual([]);
  });

  it("dispatch does not change a shard that is already dispatched", async ({ store }) => {
    await runningShard(store);
    const before = await recordOf(store, shardOf());
    expect(await store.dispatch(shardOf(), dispatchInit())).toBe("exists");
    expect(await recordOf(store, shardOf())).toEqual(before);
  });

  it("readShards returns records by node in the requested order, then by shard", async ({ store, peer }) => {
    await store.createTask(newTask("t"));
    await store.createTask(newTask("another"));
    for (const shard of [2, 0, 11, 1]) await store.dispatch(shardOf("clean", shard), dispatchInit());
    await store.dispatch(shardOf("extract"), dispatchInit());
    await store.dispatch(shardOf("extract", 0, "another"), dispatchInit());
    const names = async (nodeIds?: readonly string[]) =>
      (await peer.readShards("t", nodeIds)).map(({ taskId, nodeId, shard }) => `${taskId}:${nodeId}:${shard}`);
    const clean = ["t:clean:0", "t:clean:1", "t:clean:2", "t:clean:11"];
    expect(await names(["clean", "extract"])).toEqual([...clean, "t:extract:0"]);
    expect(await names(["extract", "load", "clean"])).toEqual(["t:extract:0", ...clean]);
    expect(await names(["load"])).toEqual([]);
    expect(await names([])).toEqual([]);
    const all = await names();
    expect(all.toSorted()).toEqual([...clean, "t:extract:0"].toSorted());
    expect(all.filter((name) => name.startsWith("t:clean"))).toEqual(clean);
    expect(await peer.readShards("unknown")).toEqual([]);
  });

  it("a shard may exist before shards with lower numbers", async ({ store }) => {
    await store.createTask(newTask("t"));
    await store.dispatch(shardOf("clean", 3), dispatchInit());
    expect((await store.readShards("t", ["clean"])).map(({ shard }) => shard)).toEqual([3]);
    expect((await store.readShards("t")).map(({ shard }) => shard)).toEqual([3]);
  });

  it("the history contains every transition with cause, epoch and worker", async ({ store }) => {
    const first = await runningShard(store);
    await store.fail(first, {
      failure: { nodeId: "extract", reasonCode: "boom", message: "no route", shard: 0, epoch: 1 },
      permanent: false,
      delayMs: 0,
      maxFailures: 3,
    });
    await store.requeue(first);
    const second = await claimed(store, first);
    await store.complete(second, { generation: 0, count: 0 });
    const { history } = await recordOf(store, first);
    const boom = { reasonCode: "boom", message: "no route" };
    const workers = [first, second].map(({ claimId }) => `worker-of-${claimId}`);
    expect(history.map(({ at: _at, ...entry }) => entry)).toEqual([
      { n: 0, epoch: 1, from: "absent", to: "queued", cause: "dispatch" },
      { n: 1, epoch: 1, from: "queued", to: "running", cause: "claim", workerId: workers[0] },
      { n: 2, epoch: 1, from: "running", to: "deferred", cause: "fail", workerId: workers[0], ...boom },
      { n: 3, epoch: 1, from: "deferred", to: "queued", cause: "requeue" },
      { n: 4, epoch: 2, from: "queued", to: "running", cause: "claim", workerId: workers[1] },
      { n: 5, epoch: 2, from: "running", to: "finished", cause: "complete", workerId: workers[1] },
    ]);
    const times = history.map(({ at }) => at);
    expect(times).toEqual(times.toSorted((a, b) => a - b));
  });

  it("the record keeps the newest entries of a long history, with continuous numbers", async ({ store }) => {
    await queuedShard(store);
    const rounds = 18;
    for (let round = 0; round < rounds; round++) {
      const attempt = await claimed(store, shardOf());
      await store.release(attempt, 0);
      await store.requeue(attempt);
    }
    const { history, epoch } = await recordOf(store, shardOf());
    const transitions = 1 + 3 * rounds;
    expect(epoch).toBe(1 + rounds);
    expect(history).toHaveLength(historyLimit);
    expect(history.map(({ n }) => n)).toEqual(
      Array.from({ length: historyLimit }, (_, i) => transitions - historyLimit + i),
    );
  });

  it("a returned record does not change while it is read", async ({ store }) => {
    await deferredShard(store);
    const before = await recordOf(store, shardOf());
    const copy = structuredClone(before);
    await store.requeue(before);
    await claimed(store, shardOf());
    expect(before).toEqual(copy);
  });
}
