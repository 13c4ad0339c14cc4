import type { Clock } from "../../engine/ports/index.ts";
import type { Life } from "../gate/life.ts";
import type { Scheduler } from "../gate/scheduler.ts";

/** As Node's timers have it. Without it a drifting clock that waits for the rest of a rest never gets there. */
const shortestTimerMs = 1;

/** A process's clock: it drifts, and whoever wakes up waits for the gate to have its turn. */
export function simClock(scheduler: Scheduler, life: Life): Clock {
  const monotonic = () => (scheduler.now + life.offset) * life.drift;
  return {
    now: monotonic,
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
