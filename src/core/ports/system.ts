import { randomUUID } from "node:crypto";
import type { Clock, Ids, Random } from "./index.ts";

/** The maximum delay of Node's timers; longer ones fire immediately. */
const longestTimerMs = 2 ** 31 - 1;

export interface SystemClockOptions {
  /** Whether a pending sleep lets the process exit. @defaultValue false */
  readonly unref?: boolean;
}

/**
 * The system's time. If the system clock is set back, `now` continues from its last value at the pace of `monotonic`,
 * so that existing deadlines do not move away. All clocks of a process agree.
 *
 * @example
 * const clock = systemClock()
 * await clock.sleep(50, AbortSignal.abort()) // resolves at once
 */
export function systemClock(options: SystemClockOptions = {}): Clock {
  return new SystemClock(options);
}

/**
 * Time from readings of wall clocks, made to never go backwards or stand still: while a reading is behind the last
 * value, time advances from there by `monotonic`. Once readings have caught up they apply again, so the two cannot
 * drift apart.
 */
export function steadyTime(monotonic: () => number): (reading: number) => number {
  let latest = Number.NEGATIVE_INFINITY;
  /** The last reading that applied, and when it was taken. */
  let base = 0;
  let since = 0;
  return (reading) => {
    const passed = monotonic();
    if (reading >= latest) {
      base = reading;
      since = passed;
      latest = reading;
    } else {
      latest = Math.max(latest, Math.floor(base + passed - since));
    }
    return latest;
  };
}

const monotonic = (): number => performance.now();
const processTime = steadyTime(monotonic);

class SystemClock implements Clock {
  readonly #unref: boolean;

  constructor(options: SystemClockOptions) {
    this.#unref = options.unref ?? false;
  }

  now(): number {
    return processTime(Date.now());
  }

  monotonic(): number {
    return monotonic();
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal?.aborted) return resolve();
      let timer: NodeJS.Timeout | undefined;
      const wake = (): void => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", wake);
        resolve();
      };
      const wait = (left: number): void => {
        const slice = Math.min(left, longestTimerMs);
        timer = setTimeout(() => (left > slice ? wait(left - slice) : wake()), slice);
        if (this.#unref) timer.unref();
      };
      signal?.addEventListener("abort", wake, { once: true });
      wait(ms);
    });
  }

  yield(): Promise<void> {
    return new Promise((resolve) => setImmediate(resolve));
  }
}

/** Random UUIDs: unique across processes without coordination. */
export const systemIds: Ids = { next: () => randomUUID() };

/** For jitter and the like, not for secrets. */
export const systemRandom: Random = () => Math.random();
