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
  readonly #signal: AbortSignal | undefined;

  constructor(clock: Clock, signal?: AbortSignal) {
    this.#clock = clock;
    this.#signal = signal;
  }

  async ask<T>(call: () => Promise<T>): Promise<T> {
    for (let tried = 1; ; tried++) {
      try {
        return await call();
      } catch (error) {
        if (!FlowError.is(error, "STORE_UNAVAILABLE") || tried >= tries || this.#signal?.aborted) throw error;
        await this.#clock.sleep(Math.min(maxDelayMs, firstDelayMs * 2 ** (tried - 1)), this.#signal);
      }
    }
  }
}
