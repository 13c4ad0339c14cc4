import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Heap } from "../../../../src/core/store/collections.ts";

interface Item {
  readonly rank: number;
  live: boolean;
}

const before = (a: Item, b: Item) => a.rank < b.rank;
const items = fc.array(fc.record({ rank: fc.integer({ min: 0, max: 50 }), live: fc.boolean() }), { maxLength: 200 });
const sortedRanks = (of: readonly Item[]) => of.map(({ rank }) => rank).toSorted((a, b) => a - b);

function drained(heap: { pop(): Item | undefined }): number[] {
  const ranks: number[] = [];
  for (let item = heap.pop(); item !== undefined; item = heap.pop()) ranks.push(item.rank);
  return ranks;
}

describe("Heap", () => {
  test("returns its items in order", () => {
    fc.assert(
      fc.property(items, (given) => {
        const heap = new Heap<Item>({ before });
        for (const item of given) heap.push(item);
        expect(heap.size).toBe(given.length);
        expect(drained(heap)).toEqual(sortedRanks(given));
      }),
    );
  });
});

describe("Heap of items that die", () => {
  const filled = (given: readonly Item[]) => {
    const heap = new Heap<Item>({ before, isLive: ({ live }) => live });
    for (const item of given) heap.push(item);
    return heap;
  };

  test("firstOf returns the first live items of all heaps without removing them", () => {
    fc.assert(
      fc.property(fc.array(items, { maxLength: 4 }), fc.nat(30), (given, limit) => {
        const heaps = given.map(filled);
        const expected = sortedRanks(given.flat().filter(({ live }) => live)).slice(0, limit);
        expect(Heap.firstOf(heaps, limit).map(({ rank }) => rank)).toEqual(expected);
        expect(Heap.firstOf(heaps, limit).map(({ rank }) => rank)).toEqual(expected);
      }),
    );
  });

  test("dead items never outnumber live ones for long, even without reads", () => {
    fc.assert(
      fc.property(items, (given) => {
        const living = given.map(({ rank }) => ({ rank, live: true }));
        const heap = filled(living);
        for (const [i, item] of living.entries()) {
          item.live = false;
          heap.buried();
          expect(heap.size).toBeLessThanOrEqual(Math.max(64, 2 * (living.length - i - 1)));
        }
      }),
    );
  });

  test("keeps its order when dead items are cleaned up", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(50), { minLength: 64, maxLength: 200 }), fc.nat(), (ranks, seed) => {
        const living = ranks.map((rank) => ({ rank, live: true }));
        const heap = filled(living);
        for (const [i, item] of living.entries()) {
          if ((i * 7 + seed) % 4 === 0) continue;
          item.live = false;
          heap.buried();
        }
        expect(heap.size).toBeLessThan(living.length);
        expect(drained(heap)).toEqual(sortedRanks(living.filter(({ live }) => live)));
      }),
    );
  });

  test("pop skips dead items", () => {
    fc.assert(
      fc.property(items, (given) => {
        expect(drained(filled(given))).toEqual(sortedRanks(given.filter(({ live }) => live)));
      }),
    );
  });
});
