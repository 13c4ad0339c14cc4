import { median, type Target } from "./measure.ts";

export const atMostUs = (us: number): Target => ({ text: `<= ${us} us`, isMet: ({ rounds }) => median(rounds) <= us });

export const atMostMs = (ms: number): Target => ({
  text: `<= ${ms} ms`,
  isMet: ({ rounds }) => median(rounds) <= ms * 1000,
});

/** Relative to the first case of the group. */
export const atMostTimesFirst = (times: number): Target => ({
  text: `<= ${times} x first`,
  isMet: ({ ratio = Number.NaN }) => ratio <= times,
});

export const keepsAtMostMiB = (mebibytes: number): Target => ({
  text: `keeps <= ${mebibytes} MiB`,
  isMet: ({ heapKeptMiB }) => heapKeptMiB <= mebibytes,
});
