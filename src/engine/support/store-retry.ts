import { FlowError } from "../../errors/index.ts";
import type { Clock } from "../ports/index.ts";
import type { StoreWatch } from "./store-watch.ts";

const tries = 12;
const firstDelayMs = 10;
const maxDelayMs = 1_000;

/** Somebody outside, for whom is asked. */
export interface StoreCaller {
  /** Is told what becomes of each call. */
  readonly watch?: StoreWatch | undefined;
  /** Throws when the engine has been stopped: its store is then closed, and that is what a call fails of. */
  readonly check: () => void;
}

/**
 * Asks a store again when it couldn't be reached: every operation may be repeated after an unknown outcome. Gives up
 * with the last `STORE_UNAVAILABLE`, or when the signal is aborted.
 */
export class StoreRetry {
  readonly #clock: Clock;
  readonly #until: { readonly signal: AbortSignal } | undefined;
  readonly #caller: StoreCaller | undefined;

  /**
   * @param until - whose signal ends the retries; asked for it only when one is needed
   */
  constructor(clock: Clock, until?: { readonly signal: AbortSignal }, caller?: StoreCaller) {
    this.#clock = clock;
    this.#until = until;
    this.#caller = caller;
  }

  async ask<T>(call: () => Promise<T>): Promise<T> {
    for (let tried = 1; ; tried++) {
      try {
        const watch = this.#caller?.watch;
        return await (watch === undefined ? call() : watch.ask(call));
      } catch (error) {
        const signal = this.#until?.signal;
        if (!FlowError.is(error, "STORE_UNAVAILABLE")) throw error;
        this.#caller?.check();
        if (tried >= tries || signal?.aborted) throw error;
        if (error.retryable === false) throw error; // broken for good
        await this.#clock.sleep(Math.min(maxDelayMs, firstDelayMs * 2 ** (tried - 1)), signal);
      }
    }
  }
}
