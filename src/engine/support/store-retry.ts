import { FlowError } from "../../errors/index.ts";
import type { Clock } from "../ports/index.ts";
import type { StoreWatch } from "./store-watch.ts";

const tries = 12;
const firstDelayMs = 10;
const maxDelayMs = 1_000;

/**
 * Asks a store again when it couldn't be reached: every operation may be repeated after an unknown outcome. Gives up
 * with the last `STORE_UNAVAILABLE`, or when the signal is aborted.
 */
export class StoreRetry {
  readonly #clock: Clock;
  readonly #until: { readonly signal: AbortSignal } | undefined;
  readonly #watch: StoreWatch | undefined;

  /**
   * @param until - whose signal ends the retries; asked for it only when one is needed
   * @param watch - is told what becomes of each call
   */
  constructor(clock: Clock, until?: { readonly signal: AbortSignal }, watch?: StoreWatch) {
    this.#clock = clock;
    this.#until = until;
    this.#watch = watch;
  }

  async ask<T>(call: () => Promise<T>): Promise<T> {
    for (let tried = 1; ; tried++) {
      try {
        return await (this.#watch === undefined ? call() : this.#watch.ask(call));
      } catch (error) {
        const signal = this.#until?.signal;
        if (!FlowError.is(error, "STORE_UNAVAILABLE") || tried >= tries || signal?.aborted) throw error;
        if (error.retryable === false) throw error; // broken for good
        await this.#clock.sleep(Math.min(maxDelayMs, firstDelayMs * 2 ** (tried - 1)), signal);
      }
    }
  }
}
