import { FlowError } from "../../errors/index.ts";
import type { Clock } from "../ports/index.ts";

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

  /** @param until - whose signal ends the retries; asked for it only when one is needed */
  constructor(clock: Clock, until?: { readonly signal: AbortSignal }) {
    this.#clock = clock;
    this.#until = until;
  }

  async ask<T>(call: () => Promise<T>): Promise<T> {
    for (let tried = 1; ; tried++) {
      try {
        return await call();
      } catch (error) {
        const signal = this.#until?.signal;
        if (!FlowError.is(error, "STORE_UNAVAILABLE") || tried >= tries || signal?.aborted) throw error;
        if (error.retryable === false) throw error; // broken for good
        await this.#clock.sleep(Math.min(maxDelayMs, firstDelayMs * 2 ** (tried - 1)), signal);
      }
    }
  }
}
