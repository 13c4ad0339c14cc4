import { FlowError } from "../../errors/index.ts";
import type { Clock } from "../ports/index.ts";

/** Knows since when the store can't be reached, from what became of the calls that it is shown. */
export class StoreWatch {
  readonly #clock: Clock;
  #unreachableSince: number | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** By this process's clock; `undefined`: the last call reached it. */
  get unreachableSince(): number | undefined {
    return this.#unreachableSince;
  }

  async ask<T>(call: () => Promise<T>): Promise<T> {
    try {
      const answer = await call();
      this.#unreachableSince = undefined;
      return answer;
    } catch (error) {
      if (FlowError.is(error, "STORE_UNAVAILABLE")) this.#unreachableSince ??= this.#clock.now();
      throw error;
    }
  }
}
