import { describe, expect, test } from "vitest";
import { enoughFor, medianInterval, ratiosOf, spreadOf, verdictOf } from "../../../bench/statistics.ts";

describe("the interval of a median", () => {
  test("is of the order statistics that binomial tables name", () => {
    const to = (n: number) => Array.from({ length: n }, (_, index) => index + 1);
    // At 95 %: the whole range of 6 to 8 values, the 2nd to the 8th of 9, the 6th to the 15th of 20.
    expect(medianInterval(to(6))).toEqual({ median: 3.5, low: 1, high: 6 });
    expect(medianInterval(to(8))).toEqual({ median: 4.5, low: 1, high: 8 });
    expect(medianInterval(to(9))).toEqual({ median: 5, low: 2, high: 8 });
    expect(medianInterval(to(20))).toEqual({ median: 10.5, low: 6, high: 15 });
    expect(medianInterval(to(20), 0.99)).toEqual({ median: 10.5, low: 4, high: 17 });
  });

  test("does not depend on the order of the values, or on one outlier", () => {
    const values = [5, 1, 9, 3, 7, 2, 8, 4, 6];
    expect(medianInterval(values)).toEqual(medianInterval(values.toSorted((a, b) => b - a)));
    expect(medianInterval([...values.filter((value) => value !== 9), 9000])).toEqual(medianInterval(values));
  });

  test("contains the true median as often as it says", () => {
    let seed = 1;
    const random = () => {
      seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
      return seed / 2 ** 32;
    };
    let hits = 0;
    const draws = 2000;
    for (let draw = 0; draw < draws; draw++) {
      const { low, high } = medianInterval(Array.from({ length: 11 }, () => random() ** 3));
      if (low <= 0.5 ** 3 && 0.5 ** 3 <= high) hits++;
    }
    expect(hits / draws).toBeGreaterThan(0.95);
    expect(hits / draws).toBeLessThan(0.995); // 98.8 % for 11 values: an interval that is always right says nothing
  });

  test("needs enough values", () => {
    expect([0.9, 0.95, 0.99].map(enoughFor)).toEqual([5, 6, 8]);
    expect(() => medianInterval([1, 2, 3, 4, 5])).toThrow("5 values are too few for 95 %: at least 6");
  });
});

test("a verdict requires that the interval excludes 1", () => {
  const of = (low: number, high: number) => verdictOf({ median: (low + high) / 2, low, high });
  expect(of(0.8, 0.99)).toBe("better");
  expect(of(1.01, 1.2)).toBe("worse");
  expect(of(0.8, 1)).toBe("no difference shown");
  expect(of(0.9, 1.2)).toBe("no difference shown");
});

test("ratios are those of the same round", () => {
  // The machine was three times slower in the second round, for both.
  expect(ratiosOf([20, 60, 30], [10, 30, 10])).toEqual([2, 2, 3]);
  expect(() => ratiosOf([1], [1, 2])).toThrow("1 values, but 2 to divide by");
});

test("a spread is the median, the least and the most", () => {
  expect(spreadOf([3, 1, 2, 10])).toEqual({ median: 2.5, low: 1, high: 10 });
});
