import { expect } from "vitest";
import { competing, longMs, queuedShard, type StoreTest, shardOf } from "./world.ts";

const holderOf = (nodeId: string, claimId = "c") => ({ ...shardOf(nodeId), epoch: 1, claimId });
const two = { key: "type:extractor", max: 2 };

export function slotContract(it: StoreTest): void {
  it("gives as many slots as there are, also to competing callers", async (world) => {
    const answers = await competing(world, 40, (store, index) => store.takeSlot(two, holderOf(`n${index}`)));
    expect(answers.filter((answer) => answer === "ok")).toHaveLength(2);
    expect(await world.store.heldSlots()).toHaveLength(2);
  });

  it("gives the same claim its slot again, and no other claim of the same attempt", async ({ store, other }) => {
    const one = { key: "all", max: 1 };
    expect(await store.takeSlot(one, holderOf("a"))).toBe("ok");
    expect(await other.takeSlot(one, holderOf("a"))).toBe("ok");
    expect(await other.takeSlot(one, holderOf("a", "d"))).toBe("full");
    expect(await store.heldSlots()).toEqual([{ key: "all", holder: holderOf("a") }]);
  });

  it("keeps a holder whose limit was lowered, and lets nobody else in", async ({ store }) => {
    await store.takeSlot(two, holderOf("a"));
    await store.takeSlot(two, holderOf("b"));
    const lowered = { ...two, max: 1 };
    expect(await store.takeSlot(lowered, holderOf("b"))).toBe("ok");
    await store.freeSlot({ key: two.key, holder: holderOf("a") });
    expect(await store.takeSlot(lowered, holderOf("c"))).toBe("full");
  });

  it("counts each limit by itself", async ({ store }) => {
    expect(await store.takeSlot({ key: "all", max: 1 }, holderOf("a"))).toBe("ok");
    expect(await store.takeSlot({ key: "task:t", max: 1 }, holderOf("b"))).toBe("ok");
  });

  it("counts the holders of the limits that it is asked for", async ({ store, other }) => {
    await store.takeSlot(two, holderOf("a"));
    await store.takeSlot(two, holderOf("b"));
    await store.takeSlot({ key: "all", max: 5 }, holderOf("a"));
    const keys = ["all", "task:nobody's", two.key];
    expect(await other.countHolders(keys)).toEqual([1, 0, 2]);
    await store.freeSlot({ key: two.key, holder: holderOf("a") });
    expect(await other.countHolders(keys)).toEqual([1, 0, 1]);
    expect(await other.countHolders([])).toEqual([]);
  });

  it("gives a freed slot to the next; freeing again, or what nobody holds, changes nothing", async ({
    store,
    other,
  }) => {
    const one = { key: "all", max: 1 };
    await store.takeSlot(one, holderOf("a"));
    await other.freeSlot({ key: "all", holder: holderOf("a") });
    expect(await other.takeSlot(one, holderOf("b"))).toBe("ok");
    await store.freeSlot({ key: "all", holder: holderOf("a") });
    await store.freeSlot({ key: "nothing", holder: holderOf("a") });
    expect(await store.heldSlots()).toEqual([{ key: "all", holder: holderOf("b") }]);
  });

  it("gives a queued shard its next epoch, after which a claim of the old one loses", async ({ store, other }) => {
    const queued = await queuedShard(store);
    const by = { workerId: "w", claimId: "c", leaseMs: longMs };
    expect(await other.supersede(queued)).toMatchObject({ status: "queued", epoch: 2 });
    expect(await store.claim(queued, by)).toBeUndefined();
    expect(await store.supersede(queued)).toBeUndefined();
    expect(await store.peekQueue(["extractor"], 10)).toMatchObject([{ ...queued, epoch: 2 }]);
    expect(await store.claim({ ...queued, epoch: 2 }, by)).toMatchObject({ status: "running", epoch: 2 });
    expect(await store.supersede({ ...queued, epoch: 2 })).toBeUndefined();
  });
}
