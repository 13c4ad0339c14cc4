import fc from "fast-check";
import { expect, test } from "vitest";
import { type RetryPlan, retryDelayMs } from "../../../../src/core/plan/index.ts";

const plan = (more: Partial<RetryPlan> = {}): RetryPlan => ({
  maxFailures: 9,
  backoffMs: 100,
  factor: 1,
  backoffMaxMs: 1_000,
  jitter: 0,
  permanentOn: [],
  ...more,
});
const delays = (more: Partial<RetryPlan>, draw = 0.5) =>
  [1, 2, 3, 4, 5].map((retry) => retryDelayMs(plan(more), retry, () => draw));

test("constant, growing, capped, and none", () => {
  expect(delays({})).toEqual([100, 100, 100, 100, 100]);
  expect(delays({ factor: 2 })).toEqual([100, 200, 400, 800, 1_000]);
  expect(delays({ backoffMs: 0, factor: 3 })).toEqual([0, 0, 0, 0, 0]);
  expect(delays({ backoffMs: 5_000 })).toEqual([1_000, 1_000, 1_000, 1_000, 1_000]);
});

test("jitter takes from the delay as much as it adds", () => {
  expect(delays({ jitter: 0.5 }, 0)[0]).toBe(50);
  expect(delays({ jitter: 0.5 }, 0.5)[0]).toBe(100);
  expect(delays({ jitter: 0.5 }, 1 - Number.EPSILON)[0]).toBeCloseTo(150);
  expect(delays({ jitter: 1 }, 0)[0]).toBe(0);
});

test("is always a time: finite, not negative, and within jitter of the cap", () => {
  fc.assert(
    fc.property(
      fc.record({
        backoffMs: fc.double({ min: 0, max: 1e9, noNaN: true }),
        factor: fc.double({ min: 1, max: 100, noNaN: true }),
        backoffMaxMs: fc.double({ min: 0, max: 1e9, noNaN: true }),
        jitter: fc.double({ min: 0, max: 1, noNaN: true }),
      }),
      fc.integer({ min: 1, max: 10_000 }),
      fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
      (policy, retry, draw) => {
        const delay = retryDelayMs(plan(policy), retry, () => draw);
        expect(delay).toBeGreaterThanOrEqual(0);
        expect(delay).toBeLessThanOrEqual(policy.backoffMaxMs * (1 + policy.jitter) + 1e-6);
      },
    ),
  );
});
