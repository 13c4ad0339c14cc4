import { expect } from "vitest";
import { keepSeenMs } from "../../../src/core/store/driver.ts";
import { longMs, pastShortMs, type StoreTest, shortMs } from "./fixture.ts";

const worker = { id: "w1", types: ["extractor", "cleaner"], capacity: 4, running: 1 };
const letterOf = (id: string) => ({ id, topic: "status.v1", key: "t", body: "{", reason: "no JSON" });

export function registryContract(it: StoreTest): void {
  it("returns announced workers with their latest announcement", async ({ store, peer }) => {
    await store.announceWorker(worker, longMs);
    await store.announceWorker({ ...worker, id: "w2" }, longMs);
    await store.announceWorker({ ...worker, running: 3 }, longMs);
    const live = await peer.liveWorkers();
    expect(live.toSorted((a, b) => a.id.localeCompare(b.id))).toEqual([
      { ...worker, running: 3 },
      { ...worker, id: "w2" },
    ]);
    await peer.removeWorker("w2");
    await peer.removeWorker("unknown");
    expect(await store.liveWorkers()).toEqual([{ ...worker, running: 3 }]);
  });

  it("forgets a worker that stops announcing itself", async ({ store, advance }) => {
    await store.announceWorker(worker, shortMs);
    await advance(pastShortMs);
    expect(await store.liveWorkers()).toEqual([]);
  });

  it("returns when a silent worker was last heard of", async ({ store, peer, advance }) => {
    const seen = (from: typeof store) =>
      from.updateEntry({ kind: "worker_seen", id: "w1" }, (entry, now) => ({
        answer: { now, at: entry?.until === undefined ? undefined : entry.until - keepSeenMs },
      }));
    const before = await seen(store);
    expect(before.at).toBeUndefined();
    await store.announceWorker(worker, shortMs);
    await advance(pastShortMs);
    const { now, at = 0 } = await seen(peer);
    expect(at).toBeGreaterThanOrEqual(before.now);
    expect(now - at).toBeGreaterThanOrEqual(shortMs);
    await peer.announceWorker(worker, shortMs);
    expect((await seen(store)).at).toBeGreaterThan(at);
    await peer.removeWorker("w1");
    expect((await seen(store)).at).toBeUndefined();
  });

  it("stores each dead letter once and lists them in pages, newest first", async ({ store, peer }) => {
    for (const id of ["a", "b", "c"]) await store.addDeadLetter(letterOf(id));
    await peer.addDeadLetter({ ...letterOf("a"), reason: "again" });
    const { items, cursor = "" } = await peer.listDeadLetters({ limit: 2 });
    expect(items.map(({ id }) => id)).toEqual(["c", "b"]);
    expect(items[0]).toEqual({ ...letterOf("c"), at: expect.any(Number) });
    const rest = await store.listDeadLetters({ limit: 2, cursor });
    expect(rest.items).toEqual([{ ...letterOf("a"), at: expect.any(Number) }]);
    expect(rest).not.toHaveProperty("cursor");
  });

  it("lists the next page of dead letters although the last one of the page before was removed", async ({ store }) => {
    for (const id of ["a", "b", "c"]) await store.addDeadLetter(letterOf(id));
    const { cursor = "" } = await store.listDeadLetters({ limit: 2 });
    await store.removeDeadLetter("b");
    const { items } = await store.listDeadLetters({ limit: 2, cursor });
    expect(items.map(({ id }) => id)).toEqual(["a"]);
  });

  it("removes a dead letter once", async ({ store, peer }) => {
    await store.addDeadLetter(letterOf("a"));
    expect(await peer.removeDeadLetter("a")).toBe(true);
    expect(await store.removeDeadLetter("a")).toBe(false);
    expect(await store.listDeadLetters({ limit: 5 })).toEqual({ items: [] });
  });

  it("creates, replaces and removes an entry as judged, and lists entries by their creation", async ({
    store,
    peer,
  }) => {
    const write = (id: string, value: object) =>
      store.updateEntry({ kind: "schedule", id }, (known) => ({ answer: known?.value, next: { value } }));
    const nested = { graph: { $ref: "params.day", "a.b": [1, -0.5, null] }, text: "é" };
    expect(await write("a", nested)).toBeUndefined();
    await write("b", { n: 2 });
    expect(await write("a", { n: 3 })).toEqual(nested);
    const { items, cursor = "" } = await peer.listEntries("schedule", { limit: 1 });
    expect(items).toEqual([{ id: "b", value: { n: 2 } }]);
    expect(await peer.listEntries("schedule", { limit: 1, cursor })).toEqual({ items: [{ id: "a", value: { n: 3 } }] });
    expect(await peer.listEntries("paused_flow", { limit: 1 })).toEqual({ items: [] });
    const remove = () => peer.updateEntry({ kind: "schedule", id: "a" }, (known) => ({ answer: known, next: null }));
    expect(await remove()).toEqual({ value: { n: 3 } });
    expect(await remove()).toBeUndefined();
    expect((await store.listEntries("schedule", { limit: 5 })).items.map(({ id }) => id)).toEqual(["b"]);
  });

  it("writes nothing without a next entry", async ({ store }) => {
    expect(await store.updateEntry({ kind: "paused_flow", id: "a" }, () => ({ answer: 1 }))).toBe(1);
    expect(await store.listEntries("paused_flow", { limit: 5 })).toEqual({ items: [] });
  });

  it("judges an entry again if another process has changed it", async ({ store, peer }) => {
    const count = (by: typeof store) =>
      by.updateEntry({ kind: "paused_flow", id: "n" }, (known) => {
        const n = ((known?.value as { n?: number })?.n ?? 0) + 1;
        return { answer: n, next: { value: { n } } };
      });
    const counted = await Promise.all(Array.from({ length: 8 }, (_, index) => count(index % 2 === 0 ? store : peer)));
    expect(counted.toSorted()).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  });

  it("returns the entries that are due, the earliest first, and when the next one is", async ({ store, peer }) => {
    const put = (id: string, inMs: number | undefined) =>
      store.updateEntry({ kind: "schedule", id }, (_, now) => ({
        answer: undefined,
        next: { value: {}, ...(inMs === undefined ? {} : { dueAt: Math.floor(now) + inMs }) },
      }));
    await put("never", undefined);
    expect(await peer.dueEntries("schedule", 5)).toEqual({ due: [], nextInMs: undefined });
    for (const [id, inMs] of [
      ["later", longMs],
      ["second", -5_000],
      ["first", -10_000],
    ] as const)
      await put(id, inMs);
    const { due, nextInMs = 0 } = await peer.dueEntries("schedule", 5);
    expect(due).toEqual(["first", "second"]);
    expect(nextInMs).toBeGreaterThan(0);
    expect(nextInMs).toBeLessThanOrEqual(longMs);
    expect((await peer.dueEntries("schedule", 1)).due).toEqual(["first"]);
    await put("first", undefined);
    expect((await peer.dueEntries("schedule", 5)).due).toEqual(["second"]);
  });

  it("no longer returns an entry whose time is over", async ({ store, advance }) => {
    const keep = (ms: number) =>
      store.updateEntry({ kind: "paused_flow", id: "a" }, (known, now) => ({
        answer: known !== undefined,
        next: { value: {}, until: Math.floor(now) + ms },
      }));
    expect(await keep(shortMs)).toBe(false);
    await advance(pastShortMs);
    expect(await store.listEntries("paused_flow", { limit: 5 })).toEqual({ items: [] });
    expect(await keep(longMs)).toBe(false);
    expect(await keep(longMs)).toBe(true);
  });
}
