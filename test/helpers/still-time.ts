import { onTestFinished, vi } from "vitest";
import { systemClock } from "../../src/core/ports/system.ts";

/** Time of this process, for one test. */
export interface StillTime {
  /** Lets so much time pass; what is due by then is woken in its order. */
  pass(ms: number): Promise<void>;
  /** Lets it pass, a little at each turn of the event loop, until this settles: on a slow machine time is slow too. */
  during<TResult>(work: Promise<TResult>): Promise<TResult>;
  /** Time that code takes which lets nothing else have its turn: timers come due, and what they wake waits. */
  block(ms: number): void;
}

const realMonotonic = performance.now.bind(performance);

/**
 * Stops the clocks and timers of this process until the test ends: time passes when the test says so, however busy the
 * machine is. Call it before the engine is made, so that the engine is stopped before time goes on.
 *
 * It begins at the process's time, which the time of an earlier test may have moved ahead of the system's clock: a clock
 * that lags behind would show less than what passes. After the test, monotonic time goes on from where it ended.
 */
export function stillTime(): StillTime {
  const elapsed = Math.ceil(performance.now());
  const start = systemClock().now();
  vi.useFakeTimers({ toFake: ["Date", "setTimeout", "clearTimeout"], now: start });
  const monotonic = () => elapsed + Date.now() - start;
  performance.now = monotonic;
  onTestFinished(() => {
    const ahead = Math.max(0, monotonic() - realMonotonic());
    vi.useRealTimers();
    performance.now = () => realMonotonic() + ahead;
  });
  const pass = async (ms: number) => void (await vi.advanceTimersByTimeAsync(ms));
  return {
    pass,
    block: (ms) => void vi.advanceTimersByTime(ms),
    async during(work) {
      let settled = false;
      const settle = () => {
        settled = true;
      };
      work.then(settle, settle);
      while (!settled) await pass(1);
      return work;
    },
  };
}
