import type { Clock } from "../../core/ports/index.ts";
import type { ProcessLife, Scheduler } from "../scheduler/scheduler.ts";

/** As Node's timers have it. Without it a drifting clock that waits for the rest of a rest never gets there. */
const shortestTimerMs = 1;
/** What a wall clock shows at first: far enough from 0 to be set back. */
const wallStart = 1_000_000_000;
/** How far a wall clock is set: by a time server, by hand, or to another time zone's time by mistake. */
const mostSetMs = [1_000, 60_000, 3_600_000, 86_400_000] as const;
/** More than passes between two calls of a store in a calm world: of what is set back by less, a store can't tell. */
const leastSetMs = 1_000;

/** The clock that all processes and the store's host read: it is set now and then, and what waits must not notice. */
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
   * Sets it back, or forward: to the right time again, or past that.
   *
   * @param mayLead - whether past it, so that leases run out and retries begin before their time
   * @returns by how much it was set forward; negative: back
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

/** A process's clock: it drifts, and whoever wakes up waits for the gate to have its turn. */
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
