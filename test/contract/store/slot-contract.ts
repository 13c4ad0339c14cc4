import { expect } from "vitest";
import type { WorkerStore } from "../../../src/core/ports/index.ts";
import { systemClock } from "../../../src/core/ports/system.ts";
import { StoreRetry } from "../../../src/core/resilience/store-retry.ts";
import { RateTokens } from "../../../src/core/worker/claim/limits.ts";
import { competing, longMs, pastShortMs, queuedShard, type StoreTest, shardOf, shortMs } from "./fixture.ts";

const holderOf = (nodeId: string, claimId = "c") => ({ ...shardOf(nodeId), epoch: 1, claimId });
const two = { key: "type:extractor", max: 2 };

const clock = systemClock();
const retry = new StoreRetry(clock);
/** As read by another process, without cached answers. */
const tokens = (store: WorkerStore) => new RateTokens({ store, clock });

export function slotContract(it: StoreTest): void {
  it("grants only as many slots as there are, even to concurrent callers", async (fixture) => {
    const answers = await competing(fixture, 40, (store, index) => store.takeSlot(two, holderOf(`n${index}`)));
    expect(answers.filter((answer) => answer === "ok")).toHaveLength(2);
    expect(await fixture.store.heldSlots()).toHaveLength(2);
  });

  it("grants a repeated claim the same slot, and no slot to another claim of the attempt", async ({ store, peer }) => {
    const one = { key: "all", max: 1 };
    expect(await store.takeSlot(one, holderOf("a"))).toBe("ok");
    expect(await peer.takeSlot(one, holderOf("a"))).toBe("ok");
    expect(await peer.takeSlot(one, holderOf("a", "d"))).toBe("full");
    expect(await store.heldSlots()).toEqual([{ key: "all", holder: holderOf("a") }]);
  });

  it("keeps existing holders when a limit is lowered, and admits no others", async ({ store }) => {
    await store.takeSlot(two, holderOf("a"));
    await store.takeSlot(two, holderOf("b"));
    const lowered = { ...two, max: 1 };
    expect(await store.takeSlot(lowered, holderOf("b"))).toBe("ok");
    await store.freeSlot({ key: two.key, holder: holderOf("a") });
    expect(await store.takeSlot(lowered, holderOf("c"))).toBe("full");
  });

  it("counts each limit separately", async ({ store }) => {
    expect(await store.takeSlot({ key: "all", max: 1 }, holderOf("a"))).toBe("ok");
    expect(await store.takeSlot({ key: "task:t", max: 1 }, holderOf("b"))).toBe("ok");
  });

  it("counts the holders of the requested limits", async ({ store, peer }) => {
    await store.takeSlot(two, holderOf("a"));
    await store.takeSlot(two, holderOf("b"));
    await store.takeSlot({ key: "all", max: 5 }, holderOf("a"));
    const keys = ["all", "task:unknown", two.key];
    expect(await peer.countHolders(keys)).toEqual([1, 0, 2]);
    await store.freeSlot({ key: two.key, holder: holderOf("a") });
    expect(await peer.countHolders(keys)).toEqual([1, 0, 1]);
    expect(await peer.countHolders([])).toEqual([]);
  });

  it("grants a freed slot to the next caller; freeing an unused slot changes nothing", async ({ store, peer }) => {
    const one = { key: "all", max: 1 };
    await store.takeSlot(one, holderOf("a"));
    await peer.freeSlot({ key: "all", holder: holderOf("a") });
    expect(await peer.takeSlot(one, holderOf("b"))).toBe("ok");
    await store.freeSlot({ key: "all", holder: holderOf("a") });
    await store.freeSlot({ key: "nothing", holder: holderOf("a") });
    expect(await store.heldSlots()).toEqual([{ key: "all", holder: holderOf("b") }]);
  });

  it("gives a queued shard its next epoch, after which a claim of the old one fails", async ({ store, peer }) => {
    const queued = await queuedShard(store);
    const by = { workerId: "w", claimId: "c", leaseMs: longMs };
    expect(await peer.supersede(queued)).toMatchObject({ status: "queued", epoch: 2 });
    expect(await store.claim(queued, by)).toBeUndefined();
    expect(await store.supersede(queued)).toBeUndefined();
    expect(await store.peekQueue(["extractor"], 10)).toMatchObject([{ ...queued, epoch: 2 }]);
    expect(await store.claim({ ...queued, epoch: 2 }, by)).toMatchObject({ status: "running", epoch: 2 });
    expect(await store.supersede({ ...queued, epoch: 2 })).toBeUndefined();
  });

  it("grants only as many tokens of a rate as there are, even to concurrent callers", async (fixture) => {
    const hourly = { key: "type:ask", perSec: 1 / 3_600, burst: 3 };
    const answers = await competing(fixture, 30, (store) => tokens(store).take([hourly], retry));
    expect(answers.filter((inMs) => inMs === 0)).toHaveLength(3);
    for (const inMs of answers.filter((each) => each > 0)) expect(inMs).toBeLessThanOrEqual(3_600_000);
    expect(await tokens(fixture.peer).look([hourly], retry)).toBeGreaterThan(3_500_000);
  });

  it("has the next token of a rate when it is due by the store's clock", async ({ store, peer, advance }) => {
    const rate = { key: "node:asking/ask", perSec: 1_000 / shortMs, burst: 1 };
    expect(await tokens(store).take([rate], retry)).toBe(0);
    await advance(pastShortMs);
    expect(await tokens(peer).take([rate], retry)).toBe(0);
  });

  it("counts each rate separately, and looks without taking", async ({ store, peer }) => {
    const [a, b] = ["a", "b"].map((value) => ({ key: `key:asking/ask:${value}`, perSec: 1 / 3_600, burst: 1 }));
    if (a === undefined || b === undefined) throw new Error("there are two");
    expect(await tokens(store).look([a, b], retry)).toBe(0);
    expect(await tokens(store).look([a, b], retry)).toBe(0);
    expect(await tokens(store).take([a], retry)).toBe(0);
    expect(await tokens(peer).take([a, b], retry)).toBeGreaterThan(0);
    expect(await tokens(peer).take([b], retry)).toBe(0);
  });
}
