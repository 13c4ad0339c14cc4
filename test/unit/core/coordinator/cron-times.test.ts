import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { CronTimes } from "../../../../src/core/coordinator/cron-times.ts";

const at = (text: string): number => Date.parse(text);
const texts = (times: readonly (number | undefined)[]) =>
  times.map((time) => (time === undefined ? undefined : new Date(time).toISOString().slice(0, 16)));

function following(times: CronTimes, after: string, count: number): readonly (string | undefined)[] {
  const found: (number | undefined)[] = [];
  for (let last: number | undefined = at(after); found.length < count && last !== undefined; ) {
    last = times.next(last);
    found.push(last);
  }
  return texts(found);
}

describe("when Berlin's clock changes", () => {
  test("a time that is left out runs once, at the change", () => {
    const expected = ["2026-03-28T01:30", "2026-03-29T01:00", "2026-03-30T00:30"];
    expect(following(new CronTimes("30 2 * * *", "Europe/Berlin"), "2026-03-27T12:00Z", 3)).toEqual(expected);
  });

  test("several times that are left out run once together", () => {
    const expected = ["2026-03-29T01:00", "2026-03-30T00:15", "2026-03-30T00:45"];
    expect(following(new CronTimes("15,45 2 * * *", "Europe/Berlin"), "2026-03-28T12:00Z", 3)).toEqual(expected);
  });

  test("a time that occurs at the change runs once with those that are left out", () => {
    const expected = ["2026-03-29T01:00", "2026-03-30T00:30", "2026-03-30T01:30"];
    expect(following(new CronTimes("30 2,3 * * *", "Europe/Berlin"), "2026-03-28T12:00Z", 4).toSpliced(1, 1)).toEqual(
      expected,
    );
  });

  test("a time that occurs twice runs the first time only", () => {
    const expected = ["2026-10-25T00:15", "2026-10-25T00:45", "2026-10-26T01:15"];
    expect(following(new CronTimes("15,45 2 * * *", "Europe/Berlin"), "2026-10-24T12:00Z", 3)).toEqual(expected);
  });

  test("a schedule of every hour follows elapsed time", () => {
    const spring = ["2026-03-29T00:30", "2026-03-29T01:00", "2026-03-29T01:30"];
    expect(following(new CronTimes("*/30 * * * *", "Europe/Berlin"), "2026-03-29T00:10Z", 3)).toEqual(spring);
    const autumn = ["2026-10-25T00:30", "2026-10-25T01:00", "2026-10-25T01:30", "2026-10-25T02:00"];
    expect(following(new CronTimes("*/30 * * * *", "Europe/Berlin"), "2026-10-25T00:10Z", 4)).toEqual(autumn);
  });

  test("midnight may be left out", () => {
    const expected = ["2026-09-05T04:00", "2026-09-06T04:00", "2026-09-07T03:00"];
    const times = new CronTimes("0 0 * * *", "America/Santiago");
    expect(following(times, "2026-09-04T12:00Z", 3)).toEqual(expected);
    expect(times.day(at("2026-09-06T04:00Z"))).toBe("2026-09-06");
  });
});

test("the latest occurrences are those that next finds", () => {
  const crons = ["30 2 * * *", "15,45 2 * * *", "*/20 * * * *", "0 3 * * 1-5", "*/7 1-3 * * *", "@daily", "5 0 1 * *"];
  const zones = [
    "Europe/Berlin",
    "America/Santiago",
    "UTC",
    "Australia/Lord_Howe",
    "Asia/Kolkata",
    "Africa/Casablanca",
  ];
  const days = fc.integer({ min: at("2026-01-01T00:00Z") / 60_000, max: at("2027-01-01T00:00Z") / 60_000 });
  const near = fc.constantFrom("2026-03-29T01:00Z", "2026-10-25T01:00Z", "2026-04-04T15:00Z", "2026-09-06T04:00Z");
  const around = fc.tuple(near, fc.integer({ min: -300, max: 300 })).map(([text, add]) => at(text) / 60_000 + add);
  void fc.assert(
    fc.property(
      fc.record({ cron: fc.constantFrom(...crons), zone: fc.constantFrom(...zones), to: fc.oneof(days, around) }),
      fc.integer({ min: 1, max: 600 }),
      ({ cron, zone, to: minutes }, length) => {
        const times = new CronTimes(cron, zone);
        const to = minutes * 60_000;
        const from = to - length * 60_000;
        const all: number[] = [];
        for (let next = times.next(from - 1); next !== undefined && next <= to; next = times.next(next)) all.push(next);
        expect(texts(times.latest(1_000, { from, to }))).toEqual(texts(all));
        expect(texts(times.latest(2, { from, to }))).toEqual(texts(all.slice(-2)));
      },
    ),
    { numRuns: 40 },
  );
});

test.each([
  ["61 * * * *", "UTC", "cron '61 * * * *' is not valid: Invalid value for minute: 61"],
  ["* * *", "UTC", "cron '* * *' needs five fields: minute, hour, day of month, month, day of week"],
  ["0 3 * * *", "Europe/Berln", "time zone 'Europe/Berln' is not known: use a name such as Europe/Berlin or UTC"],
])("'%s' in %s is refused in one sentence", (cron, zone, message) => {
  expect(() => new CronTimes(cron, zone)).toThrow(expect.objectContaining({ code: "SCHEDULE_INVALID", message }));
});

test("a day that never comes has no next occurrence", () => {
  expect(new CronTimes("0 0 30 2 *", "Europe/Berlin").next(at("2026-01-01T00:00Z"))).toBeUndefined();
});
