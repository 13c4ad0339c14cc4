import { systemClock } from "../ports/system.ts";

/** How long an estimate is used: clocks drift, and servers change. */
const usedForMs = 10_000;
/** An answer that took longer is not used, so the time is overestimated by less than this. */
const mostAheadMs = 100;

const clock = systemClock(); // as of real servers

/** A server's time in ms, estimated from the times that it returned. */
export class ServerTime {
  /** By how much the server's time is at most ahead of this process's monotonic time, as of `own`. */
  #ahead: { readonly ms: number; readonly own: number } | undefined;
  #latest = Number.NEGATIVE_INFINITY;

  /** @param sentAt - the monotonic time before the request that returned `time` */
  learn(time: number, sentAt: number): void {
    const own = clock.monotonic();
    if (own - sentAt >= mostAheadMs) return;
    const ms = time - sentAt;
    const known = this.#ahead;
    const isBetter = known === undefined || own - known.own > usedForMs || ms <= known.ms;
    const isSetForward = known !== undefined && ms > known.ms + mostAheadMs;
    if (isBetter || isSetForward) this.#ahead = { ms, own: sentAt };
  }

  /**
   * The server's time, or up to 100 ms later; `undefined` if no answer has returned it for a while. A better estimate does not
   * make it go back, which would change the order of what this process queues; only a server whose clock was set back does.
   */
  get now(): number | undefined {
    const known = this.#ahead;
    const own = clock.monotonic();
    if (known === undefined || own - known.own > usedForMs) return undefined;
    const at = Math.ceil(own + known.ms);
    if (at > this.#latest || at < this.#latest - mostAheadMs) this.#latest = at;
    return this.#latest;
  }
}
