import { describe, expect, test, vi } from "vitest";
import { systemClock, systemIds, systemRandom } from "../../../../src/core/ports/system.ts";

describe("systemClock", () => {
  test("sleep ends after its time", async () => {
    const clock = systemClock();
    const before = clock.monotonic();
    await clock.sleep(20);
    expect(clock.monotonic() - before).toBeGreaterThanOrEqual(19);
  });

  test("sleep ends at once when the signal aborts, and leaves no listener and no timer", async () => {
    const clock = systemClock();
    await clock.sleep(60_000, AbortSignal.abort());
    const abort = new AbortController();
    const removed = vi.spyOn(abort.signal, "removeEventListener");
    const sleeping = clock.sleep(60_000, abort.signal);
    abort.abort();
    await sleeping;
    expect(removed).toHaveBeenCalledTimes(1);
  });

  test("a sleep that ended by itself leaves no listener", async () => {
    const abort = new AbortController();
    const removed = vi.spyOn(abort.signal, "removeEventListener");
    await systemClock().sleep(1, abort.signal);
    expect(removed).toHaveBeenCalledTimes(1);
  });

  test("a sleep longer than the longest timer doesn't end early", async () => {
    vi.useFakeTimers();
    try {
      const days = 40 * 86_400_000;
      let awake = false;
      const sleeping = systemClock()
        .sleep(days)
        .then(() => {
          awake = true;
        });
      await vi.advanceTimersByTimeAsync(days - 1);
      expect(awake).toBe(false);
      await vi.advanceTimersByTimeAsync(1);
      await sleeping;
      expect(awake).toBe(true);
    } finally {
      vi.useRealTimers();
    }
  });

  test("unref lets the process exit", () => {
    const abort = new AbortController();
    const timers = vi.spyOn(globalThis, "setTimeout");
    void systemClock({ unref: true }).sleep(60_000, abort.signal);
    void systemClock().sleep(60_000, abort.signal);
    const refs = timers.mock.results.map(({ value }) => (value as NodeJS.Timeout).hasRef());
    timers.mockRestore();
    abort.abort();
    expect(refs).toEqual([false, true]);
  });

  test("yield lets timers and I/O have their turn", async () => {
    let turned = false;
    setImmediate(() => {
      turned = true;
    });
    await systemClock().yield();
    expect(turned).toBe(true);
  });
});

test("ids are unique and without a colon", () => {
  const ids = Array.from({ length: 1_000 }, () => systemIds.next());
  expect(new Set(ids).size).toBe(1_000);
  for (const id of ids) expect(id).not.toContain(":");
});

test("random draws from [0, 1)", () => {
  for (let i = 0; i < 1_000; i++) {
    const drawn = systemRandom();
    expect(drawn).toBeGreaterThanOrEqual(0);
    expect(drawn).toBeLessThan(1);
  }
});
