import fc from "fast-check";
import { expect, test } from "vitest";
import { UidSet } from "../../../../src/core/store/collections.ts";

const uid = fc.oneof(
  fc.nat({ max: 300 }).map(String),
  fc.nat().map(String),
  fc.constantFrom("", "00", "01", "-1", "1.0", " 1", "1e3", "999999999", "1000000000", "4294967296", "١"),
  fc.string(),
);

test("behaves like a set of strings", () => {
  fc.assert(
    fc.property(fc.array(uid, { maxLength: 60 }), fc.array(uid), (added, asked) => {
      const [set, model] = [new UidSet(asked.slice(0, 3)), new Set<string>(asked.slice(0, 3))];
      for (const each of added) {
        expect(set.has(each)).toBe(model.has(each));
        set.add(each);
        model.add(each);
      }
      for (const each of [...added, ...asked]) expect(set.has(each)).toBe(model.has(each));
    }),
  );
});

test("counts up from anywhere", () => {
  const set = new UidSet();
  for (let number = 5_000; number < 7_000; number++) set.add(String(number));
  expect(["4999", "5000", "6999", "7000"].map((each) => set.has(each))).toEqual([false, true, true, false]);
});
