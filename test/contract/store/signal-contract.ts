import { expect } from "vitest";
import {
  competing,
  deferredShard,
  dispatchInit,
  longMs,
  newTask,
  pastShortMs,
  queuedShard,
  recordOf,
  type StoreTest,
  shardOf,
  shortMs,
} from "./fixture.ts";

const payload = { ok: true, note: "é", list: [1.5, null], "a.b": { $set: 1 } };

export function signalContract(it: StoreTest): void {
  it("signalTask keeps the first signal of each node, and accepts its repetition", async ({ store, peer }) => {
    await store.createTask(newTask("t"));
    const first = await store.signalTask("t", { nodeId: "clean", id: "s1", payload });
    expect(first).toEqual({ answer: "accepted", signal: { id: "s1", payload, at: expect.any(Number) } });
    const { signal } = first;
    expect(await peer.signalTask("t", { nodeId: "clean", id: "s1", payload })).toEqual({ answer: "accepted", signal });
    expect(await peer.signalTask("t", { nodeId: "clean", id: "s2", payload: 2 })).toEqual({
      answer: "already",
      signal,
    });
    expect((await peer.signalTask("t", { nodeId: "load.it", id: "s3", payload: null })).answer).toBe("accepted");
    expect((await store.readTask("t"))?.signals).toMatchObject({ clean: signal, "load.it": { payload: null } });
    expect((await store.listTasks({ limit: 1 })).items[0]).not.toHaveProperty("signals");
    expect(await store.finishTask("t")).toBe(true);
    expect((await peer.readTask("t"))?.signals).toMatchObject({ clean: signal });
    expect(await store.signalTask("t", { nodeId: "clean", id: "s4", payload })).toEqual({ answer: "already", signal });
  });

  it("signalTask without a payload ends the wait: later signals are too late", async ({ store, peer }) => {
    await store.createTask(newTask("t"));
    const { answer, signal } = await store.signalTask("t", { nodeId: "clean", id: "s1" });
    expect(answer).toBe("accepted");
    expect(signal).toEqual({ id: "s1", at: expect.any(Number) });
    expect(await peer.signalTask("t", { nodeId: "clean", id: "s2", payload })).toEqual({ answer: "terminal", signal });
    await store.signalTask("t", { nodeId: "load", id: "s3", payload });
    const late = await peer.signalTask("t", { nodeId: "load", id: "s4" });
    expect(late).toMatchObject({ answer: "already", signal: { id: "s3", payload } });
  });

  it("signalTask refuses a task that is ending, and one that does not exist", async ({ store }) => {
    await store.createTask(newTask("t"));
    await store.cancelTask("t", "enough");
    await store.cancelTask("t", "enough", true);
    expect(await store.signalTask("t", { nodeId: "clean", id: "s", payload })).toEqual({ answer: "terminal" });
    expect(await store.signalTask("unknown", { nodeId: "clean", id: "s", payload })).toEqual({ answer: "unknown" });
    expect((await store.readTask("t"))?.signals).toBeUndefined();
  });

  it("of many concurrent signals one is accepted, and all learn which", async (fixture) => {
    await fixture.store.createTask(newTask("t"));
    const answers = await competing(fixture, 20, (store, i) =>
      store.signalTask("t", { nodeId: "clean", id: `s${i}`, payload: i }),
    );
    const accepted = answers.findIndex(({ answer }) => answer === "accepted");
    expect(answers.filter(({ answer }) => answer === "already")).toHaveLength(19);
    expect(new Set(answers.map(({ signal }) => signal?.payload))).toEqual(new Set([accepted]));
  });

  it("a task begins with the signals that it is given, and a signal makes it due for a sweep", async ({
    store,
    peer,
  }) => {
    const signals = { clean: { id: "s", at: 1, payload } };
    await store.createTask(newTask("t", { signals }));
    expect((await peer.readTask("t"))?.signals).toEqual(signals);
    await store.dueTasks(10, longMs);
    await store.signalTask("t", { nodeId: "load", id: "s2", payload });
    expect(await peer.dueTasks(10, longMs)).toEqual(["t"]);
  });

  it("a dispatch with a delay inserts a deferred shard that is due after it", async ({ store, peer, advance }) => {
    await store.createTask(newTask("t"));
    await store.dispatch(shardOf("clean"), dispatchInit({ delayMs: longMs }));
    await store.dispatch(shardOf("extract"), dispatchInit({ delayMs: shortMs }));
    const record = await recordOf(peer, shardOf("extract"));
    expect(record).toMatchObject({ status: "deferred", epoch: 1, dueAt: record.readyAt + shortMs });
    expect(record.history.map(({ from, to, cause }) => [from, to, cause])).toEqual([
      ["absent", "deferred", "dispatch"],
    ]);
    expect(await peer.peekQueue(["extractor"], 10)).toEqual([]);
    await advance(pastShortMs);
    const { due, nextInMs } = await peer.dueDeferred(10);
    expect(due).toEqual([{ ...shardOf("extract"), epoch: 1 }]);
    expect(nextInMs).toBeGreaterThan(0);
    expect(await store.requeue({ ...shardOf("extract"), epoch: 1 })).toMatchObject({ status: "queued", epoch: 2 });
  });

  it("a dispatch that waits without limit is never due, and can be woken once", async ({ store, peer }) => {
    await store.createTask(newTask("t"));
    const ref = { ...shardOf(), epoch: 1 };
    await store.dispatch(ref, dispatchInit({ delayMs: Number.POSITIVE_INFINITY }));
    expect(await recordOf(peer, ref)).not.toHaveProperty("dueAt");
    expect(await peer.dueDeferred(10)).toEqual({ due: [], nextInMs: undefined });
    expect(await peer.requeue(ref)).toBeUndefined();
    expect(await peer.wake({ ...ref, epoch: 2 })).toBeUndefined();
    expect(await peer.wake(ref)).toMatchObject({ status: "queued", epoch: 2 });
    expect(await store.wake(ref)).toBeUndefined();
    expect(await store.peekQueue(["extractor"], 10)).toMatchObject([{ ...ref, epoch: 2, type: "extractor" }]);
  });

  it("wake finds only shards that wait for their first attempt", async ({ store }) => {
    const queued = await queuedShard(store, shardOf("extract"));
    expect(await store.wake(queued)).toBeUndefined();
    const released = await deferredShard(store, shardOf("clean", 0, "t2"));
    await store.requeue(released);
    expect(await store.wake({ ...released, epoch: 2 })).toBeUndefined();
    expect(await store.wake({ ...shardOf("load"), epoch: 1 })).toBeUndefined();
  });
}
