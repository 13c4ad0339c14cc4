import type { Clock } from "../ports/index.ts";

const sliceMs = 8;

/**
 * Keeps one process fair. Handlers that never wait run as one long chain of microtasks, in which no timer fires and no
 * socket is read: leases would run out and cancels go unheard. After a slice of time everybody who calls `pause` waits
 * for the same turn of the event loop.
 */
export class EventLoopYielder {
  readonly #clock: Clock;
  #since: number;
  #turn: Promise<void> | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#since = clock.monotonic();
  }

  /** `undefined`: the slice isn't over, go on without waiting. */
  pause(now: number = this.#clock.monotonic()): Promise<void> | undefined {
    if (this.#turn === undefined && now - this.#since >= sliceMs) {
      this.#turn = this.#clock.yield().then(() => {
        this.#turn = undefined;
        this.#since = this.#clock.monotonic();
      });
    }
    return this.#turn;
  }
}
