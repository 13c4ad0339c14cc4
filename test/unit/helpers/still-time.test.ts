import { describe, expect, test } from "vitest";
import { systemClock } from "../../../src/core/ports/system.ts";
import { stillTime } from "../../helpers/still-time.ts";

describe("stopped time, in successive tests", () => {
  const clock = systemClock();
  let before = { now: 0, monotonic: 0 };
  const read = () => ({ now: clock.now(), monotonic: clock.monotonic() });

  test("passes only when the test advances it", async () => {
    const time = stillTime();
    const { now, monotonic } = read();
    expect(read()).toEqual({ now, monotonic });
    await time.pass(60_000);
    expect(read()).toEqual({ now: now + 60_000, monotonic: monotonic + 60_000 });
    before = read();
  });

  test("continues from there, without losing time", async () => {
    const time = stillTime();
    const { now, monotonic } = read();
    expect(now).toBeGreaterThanOrEqual(before.now);
    expect(monotonic).toBeGreaterThanOrEqual(before.monotonic);
    await time.pass(50);
    expect(read()).toEqual({ now: now + 50, monotonic: monotonic + 50 });
    before = read();
  });

  test("continues in real time", async () => {
    const { now, monotonic } = read();
    expect(now).toBeGreaterThanOrEqual(before.now);
    expect(monotonic).toBeGreaterThanOrEqual(before.monotonic);
    await clock.sleep(5);
    expect(clock.monotonic()).toBeGreaterThan(monotonic);
  });
});
