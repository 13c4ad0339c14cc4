import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  appendLines,
  emptyLog,
  logLimits,
  type NewLogLine,
  type TaskLog,
} from "../../../../src/core/model/task-log.ts";

const lineOf = (n: number, more: Partial<NewLogLine> = {}): NewLogLine => ({
  at: n,
  level: "info",
  nodeId: "a",
  shard: 0,
  epoch: 1,
  n,
  ...more,
});
const linesOf = (from: number, to: number, more: Partial<NewLogLine> = {}) =>
  Array.from({ length: to - from + 1 }, (_, index) => lineOf(from + index, more));
const numbers = (log: TaskLog) => log.lines.map(({ n }) => n);

describe("the log of a task", () => {
  test("numbers the lines of all attempts in the order in which they were stored", () => {
    const first = appendLines(emptyLog, { lines: linesOf(1, 2), dropped: 0 });
    const both = appendLines(first, { lines: linesOf(1, 1, { nodeId: "b" }), dropped: 0 });
    expect(both.lines.map(({ seq, nodeId, n }) => [seq, nodeId, n])).toEqual([
      [0, "a", 1],
      [1, "a", 2],
      [2, "b", 1],
    ]);
  });

  test("does not change when a call is repeated", () => {
    const added = { lines: linesOf(1, 400), dropped: 7 };
    const once = appendLines(emptyLog, added);
    expect(appendLines(once, added)).toBe(once);
    expect(once.dropped).toBe(7 + 400 - logLimits.perAttempt);
  });

  test("keeps the newest lines of an attempt, and of the task", () => {
    const attempts = Array.from({ length: 6 }, (_, index) => index + 1);
    const log = attempts.reduce(
      (so, epoch) => appendLines(so, { lines: linesOf(1, 300, { epoch }), dropped: 0 }),
      emptyLog,
    );
    expect(log.lines).toHaveLength(logLimits.perTask);
    expect([...new Set(log.lines.map(({ epoch }) => epoch))]).toEqual([3, 4, 5, 6]);
    expect(numbers(log).slice(0, logLimits.perAttempt)).toEqual(linesOf(51, 300).map(({ n }) => n));
    expect(log.dropped).toBe(6 * 300 - logLimits.perTask);
  });

  test("has or has dropped each line that was added, for any calls", () => {
    const call = fc.record({ epoch: fc.integer({ min: 1, max: 4 }), count: fc.integer({ min: 1, max: 300 }) });
    void fc.assert(
      fc.property(fc.array(call, { maxLength: 12 }), (calls) => {
        const last = new Map<number, number>();
        let log = emptyLog;
        let added = 0;
        for (const { epoch, count } of calls) {
          const from = (last.get(epoch) ?? 0) + 1;
          last.set(epoch, from + count - 1);
          log = appendLines(log, { lines: linesOf(from, from + count - 1, { epoch }), dropped: 0 });
          added += count;
        }
        expect(log.lines.length + log.dropped).toBe(added);
        expect(log.lines.length).toBeLessThanOrEqual(logLimits.perTask);
        expect(log.lines.map(({ seq }) => seq)).toEqual(log.lines.map(({ seq }) => seq).toSorted((a, b) => a - b));
      }),
    );
  });
});
