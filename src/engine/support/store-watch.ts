import { FlowError } from "../../errors/index.ts";
import type { Clock } from "../ports/index.ts";

/**
 * Knows since when the store can't be reached. Any call that fails says so at once; that the store is back is said by the
 * calls in {@link ask}, which are made again and again.
 */
export class StoreWatch {
  readonly #clock: Clock;
  #unreachableSince: number | undefined;
  #failures = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** By this process's clock; `undefined`: no call has failed since one got through. */
  get unreachableSince(): number | undefined {
    return this.#unreachableSince;
  }

  async ask<T>(call: () => Promise<T>): Promise<T> {
    const failures = this.#failures;
    try {
      const answer = await call();
      // One that began before another failed doesn't say that the store is back.
      if (failures === this.#failures) this.#unreachableSince = undefined;
      return answer;
    } catch (error) {
      this.#note(error);
      throw error;
    }
  }

  /** The store, none of whose calls fails unseen. */
  over<T extends object>(store: T): T {
    return new Proxy(store, {
      get: (target, name) => {
        const value: unknown = Reflect.get(target, name, target);
        if (typeof value !== "function") return value;
        return (...args: unknown[]) => {
          const answer: unknown = Reflect.apply(value, target, args);
          if (answer instanceof Promise) answer.catch((error: unknown) => this.#note(error));
          return answer;
        };
      },
    });
  }

  #note(error: unknown): void {
    if (!FlowError.is(error, "STORE_UNAVAILABLE")) return;
    this.#failures++;
    this.#unreachableSince ??= this.#clock.now();
  }
}
