import type { Clock } from "../../core/ports/index.ts";

/** Deliveries in a row before timers and I/O of the process have their turn. */
const deliveriesInARow = 256;

/**
 * Runs each group's deliveries in rounds: a round is a microtask, so a message costs no timer, and a group that always
 * has more to deliver goes to the back, behind the other groups and, now and then, behind the whole event loop.
 */
export class Turns {
  readonly #clock: Clock;
  #inARow = 0;
  #resting: Promise<void> | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Resolves when the next round may start; never in the same step. */
  next(): Promise<void> {
    if (this.#resting !== undefined) return this.#resting;
    if (this.#inARow < deliveriesInARow) return Promise.resolve();
    this.#inARow = 0;
    this.#resting = this.#clock.yield().then(() => {
      this.#resting = undefined;
    });
    return this.#resting;
  }

  took(deliveries: number): void {
    this.#inARow += deliveries;
  }
}
