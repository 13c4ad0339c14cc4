import type { StoreCalls } from "./store-calls.ts";

/** Store calls per unit, by case. */
export type RecordedCalls = Readonly<Record<string, StoreCalls>>;

/** A count fails if it exceeds the recorded number by more than this share. */
const tolerated = 0.15;

export interface Judged {
  readonly name: string;
  readonly recorded: number;
  readonly found: number;
  readonly verdict: "ok" | "worse" | "better" | "not recorded";
  /** The required action, and the operations that changed most; empty if it is ok. */
  readonly why: string;
}

export const totalOf = (calls: StoreCalls): number => Object.values(calls).reduce((sum, count) => sum + count, 0);

/** Compares counts with the recorded ones, by their sum. */
export function judgeCalls(recorded: RecordedCalls, found: RecordedCalls): readonly Judged[] {
  return Object.entries(found).map(([name, calls]) => {
    const before = recorded[name];
    const sum = totalOf(calls);
    if (before === undefined) {
      return { name, recorded: Number.NaN, found: sum, verdict: "not recorded", why: "record it with --record" };
    }
    const ratio = sum / totalOf(before);
    const verdict = ratio > 1 + tolerated ? "worse" : ratio < 1 - tolerated ? "better" : "ok";
    const why =
      verdict === "ok" ? "" : `${changes(before, calls)}${verdict === "better" ? "; record it with --record" : ""}`;
    return { name, recorded: totalOf(before), found: sum, verdict, why };
  });
}

function changes(before: StoreCalls, now: StoreCalls): string {
  const operations = [...new Set([...Object.keys(before), ...Object.keys(now)])];
  return operations
    .map((operation) => ({ operation, from: before[operation] ?? 0, to: now[operation] ?? 0 }))
    .filter(({ from, to }) => Math.abs(to - from) >= 0.05)
    .toSorted((a, b) => Math.abs(b.to - b.from) - Math.abs(a.to - a.from))
    .slice(0, 5)
    .map(({ operation, from, to }) => `${operation} ${from.toFixed(2)} -> ${to.toFixed(2)}`)
    .join(", ");
}
