import { expect, test } from "vitest";
import { comparisonRows } from "../../../bench/compare.ts";
import type { Measurement } from "../../../bench/measure.ts";

const measured = (name: string, us: number, cpu: number, claims: number): Measurement => ({
  name,
  unit: "node",
  units: 10,
  rounds: [us],
  cpu,
  heapPeakMiB: 1,
  heapKeptMiB: 0,
  calls: { claim: claims, append: 10 },
});

test("a row per case: the ratio of each round's pair, its interval and its verdict", () => {
  // Load triples both sides in every other round; the new side takes half of the time, and as much CPU time.
  const load = [1, 3, 1, 3, 1, 3];
  const base = load.map((times) => [measured("chain", 20 * times, 8 * times, 10)]);
  const now = load.map((times, round) => [measured("chain", 10 * times, (round % 2 ? 7 : 9) * times, 5)]);
  const [head, row] = comparisonRows({ base, now });
  expect(Object.fromEntries((head ?? []).map((name, column) => [`${column} ${name}`, row?.[column]]))).toEqual({
    "0 case": "chain",
    "1 base us": "40.0",
    "2 now us": "20.0",
    "3 time, x base": "0.50 (0.50 to 0.50)",
    "4 verdict": "better",
    "5 cpu, x base": "1.00 (0.88 to 1.13)",
    "6 verdict": "no difference shown",
    "7 calls, x base": "0.75",
  });
});

test("too few rounds are an error", () => {
  const rounds = [1, 2, 3].map((us) => [measured("chain", us, us, 1)]);
  expect(() => comparisonRows({ base: rounds, now: rounds })).toThrow("3 values are too few for 95 %: at least 6");
});
