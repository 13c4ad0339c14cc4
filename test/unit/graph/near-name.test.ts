import fc from "fast-check";
import { expect, it } from "vitest";
import { nearName } from "../../../src/graph/format/near-name.ts";

it.each([
  ["extrct", "extract"],
  ["exrtact", "extract"],
  ["extractx", "extract"],
  ["etract", "extract"],
  ["dependsOn", "depends_on"],
  ["BACKOFF-MAX-SEC", "backoff_max_sec"],
])("%s is near %s", (word, meant) => {
  expect(nearName(word, ["clean", meant, "load"])).toBe(meant);
});

it.each([
  ["exxxxct", ["extract"]],
  ["id", ["io", "ip"]],
  ["extract", ["extract"]],
  ["extract", []],
  ["", ["a"]],
])("%s is near none of %j", (word, candidates) => {
  expect(nearName(word, candidates)).toBeUndefined();
});

it("returns the nearest", () => {
  expect(nearName("clean1", ["clean23", "clean12"])).toBe("clean12");
});

it("finds every word from one edit away", () => {
  const word = fc.stringMatching(/^[a-z]{4,10}$/);
  fc.assert(
    fc.property(word, fc.nat(), fc.constantFrom("drop", "add", "change", "swap"), (meant, where, edit) => {
      const at = where % (meant.length - 1);
      const [before, first, second, after] = [meant.slice(0, at), meant[at], meant[at + 1], meant.slice(at + 2)];
      const written = {
        drop: `${before}${second}${after}`,
        add: `${before}Z${first}${second}${after}`,
        change: `${before}Z${second}${after}`,
        swap: `${before}${second}${first}${after}`,
      }[edit];
      expect(nearName(written, ["0000000000", meant])).toBe(written === meant ? undefined : meant);
    }),
  );
});
