import { quantile } from "./measure.ts";

/** A median with an interval around it. */
export interface Estimate {
  readonly median: number;
  readonly low: number;
  readonly high: number;
}

const sorted = (values: readonly number[]): readonly number[] => values.toSorted((a, b) => a - b);

/** The median, the smallest and the largest value. */
export function spreadOf(values: readonly number[]): Estimate {
  const ordered = sorted(values);
  return { median: quantile(ordered, 0.5), low: quantile(ordered, 0), high: quantile(ordered, 1) };
}

/** The values of the same round, divided: load that both had cancels out. */
export function ratiosOf(values: readonly number[], base: readonly number[]): readonly number[] {
  if (values.length !== base.length) throw new Error(`${values.length} values, but ${base.length} to divide by`);
  return values.map((value, round) => value / (base[round] ?? Number.NaN));
}

/** The smallest number of values whose interval can have this confidence. */
export const enoughFor = (confidence: number): number => Math.ceil(1 - Math.log2(1 - confidence));

/**
 * A confidence interval of the median, by order statistics: it assumes independent values, but no particular
 * distribution. The k-th smallest and the k-th largest of n values enclose the median unless fewer than k of them lie
 * on one side of it, which has the probability of fewer than k heads in n tosses of a fair coin.
 *
 * @param confidence - the minimum; the interval is the narrowest that reaches it
 */
export function medianInterval(values: readonly number[], confidence = 0.95): Estimate {
  const ordered = sorted(values);
  const n = ordered.length;
  if (n < enoughFor(confidence))
    throw new Error(`${n} values are too few for ${confidence * 100} %: at least ${enoughFor(confidence)}`);
  let outside = 0; // the probability of fewer than k values on one side
  let term = 0.5 ** n; // the probability of exactly k - 1
  let k = 0;
  while (2 * (outside + term) <= 1 - confidence) {
    outside += term;
    k++;
    term *= (n - k + 1) / k;
  }
  return { median: quantile(ordered, 0.5), low: ordered[k - 1] ?? Number.NaN, high: ordered[n - k] ?? Number.NaN };
}

export type Verdict = "better" | "worse" | "no difference shown";

/** The verdict on a ratio of costs, new to old: the interval must exclude 1. */
export const verdictOf = ({ low, high }: Estimate): Verdict =>
  high < 1 ? "better" : low > 1 ? "worse" : "no difference shown";
