import { onTestFinished, vi } from "vitest";
import { systemClock } from "../../src/core/ports/system.ts";

/** Time of this process, for one test. */
export interface StillTime {
  /** Advances time by `ms` and fires due timers in order. */
  pass(ms: number): Promise<void>;
  /** Advances time a little per turn of the event loop until `work` settles: on a slow machine, time is slow too. */
  during<TResult>(work: Promise<TResult>): Promise<TResult>;
  /** Simulates code that blocks the event loop: timers become due, but their callbacks wait. */
  block(ms: number): void;
}

const realMonotonic = performance.now.bind(performance);

/**
 * Stops the clocks and timers of this process until the test ends: only the test advances time, however busy the machine
 * is. Call it before creating the engine, so that the engine is stopped before time resumes.
 *
 * It starts at the process's time, which an earlier test may have moved ahead of the system's clock: a clock that lags
 * behind would show less time than passes. After the test, monotonic time continues from where it ended.
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
