import { expect } from "vitest";
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
}
