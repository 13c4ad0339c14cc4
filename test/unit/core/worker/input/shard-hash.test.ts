import fc from "fast-check";
import { expect, test } from "vitest";
import { shardOf } from "../../../../../src/core/worker/input/index.ts";

test("is the same on every machine, for ever", () => {
  // FNV-1a's own test vectors, then two of this project's: data is stored by them.
  const vectors = { "": 0x811c9dc5, a: 0xe40c292c, "0": 0x350ca8af, "1": 0x340ca71c };
  for (const [uid, hash] of Object.entries(vectors)) expect(shardOf(uid, 1_000), uid).toBe(hash % 1_000);
  expect([shardOf("batch-17", 1_000), shardOf("ä€😀", 1_000)]).toEqual([714, 504]);
});

test("is a shard that is there", () => {
  fc.assert(
    fc.property(fc.string(), fc.integer({ min: 1, max: 64 }), (uid, partitions) => {
      const shard = shardOf(uid, partitions);
      expect(Number.isInteger(shard)).toBe(true);
      expect(shard).toBeGreaterThanOrEqual(0);
      expect(shard).toBeLessThan(partitions);
    }),
  );
  expect(shardOf("anything", 1)).toBe(0);
});

test("spreads numbered batches", () => {
  const counts = [0, 0, 0, 0];
  for (let batch = 0; batch < 4_000; batch++)
    counts[shardOf(String(batch), 4)] = (counts[shardOf(String(batch), 4)] ?? 0) + 1;
  for (const count of counts) expect(Math.abs(count - 1_000)).toBeLessThan(200);
});
