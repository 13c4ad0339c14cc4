import type { Clock } from "../../core/ports/index.ts";
import type { ProcessLife, Scheduler } from "../scheduler/scheduler.ts";

/** As in Node. Without a minimum, a drifting clock would sleep for ever smaller remainders. */
const shortestTimerMs = 1;
/** The initial wall clock time: far enough from 0 to be set back. */
const wallStart = 1_000_000_000;
/** How far the wall clock is set, as by a time server, by hand, or by a wrong time zone. */
const mostSetMs = [1_000, 60_000, 3_600_000, 86_400_000] as const;
/** More than passes between two store calls in calm mode: a store cannot detect a smaller step back. */
const leastSetMs = 1_000;

/** The clock that all processes and the store's host read. It is set now and then, which must not affect waiting. */
export class WallClock {
  readonly #scheduler: Scheduler;
  #aheadMs = wallStart;

  constructor(scheduler: Scheduler) {
    this.#scheduler = scheduler;
  }

  readonly now = (): number => this.#scheduler.now + this.#aheadMs;

  /** How far ahead of true time it is. */
  get aheadMs(): number {
    return this.#aheadMs;
  }

  /**
   * Sets the clock back, or forward to the correct time or past it.
   *
   * @param mayLead - whether it may be set past it, so that leases expire and retries begin early
   * @returns by how much it was set forward; negative if back
   */
  set({ mayLead }: { readonly mayLead: boolean }): number {
    const { random } = this.#scheduler;
    const behindMs = wallStart - this.#aheadMs;
    const drawnMs = leastSetMs + random.int(random.pick(mostSetMs));
    const forwardMs = mayLead && random.chance(0.2) ? drawnMs : behindMs;
    const byMs = forwardMs > 0 && random.chance(0.5) ? forwardMs : -drawnMs;
    this.#aheadMs += byMs;
    return byMs;
  }
}

/** A process's clock: it drifts, and a wake-up waits until the scheduler chooses it. */
export function simClock(scheduler: Scheduler, life: ProcessLife, wall: Pick<WallClock, "aheadMs">): Clock {
  const monotonic = () => (scheduler.now + life.offset) * life.drift;
  return {
    now: () => monotonic() + wall.aheadMs,
    monotonic,
    sleep: (ms, signal) =>
      new Promise((resolve) => {
        if (signal?.aborted) return resolve();
        const wake = (): void => {
          timer.cancelled = true;
          signal?.removeEventListener("abort", wake);
          void scheduler.park(life, "wake").then(resolve);
        };
        const timer = scheduler.after(Math.max(shortestTimerMs, ms) / life.drift, life, wake);
        signal?.addEventListener("abort", wake, { once: true });
      }),
    yield: () => scheduler.park(life, "yield"),
  };
}
