import { FlowError } from "../../errors/index.ts";
import type { Clock } from "../ports/index.ts";

const tries = 12;
const firstDelayMs = 10;
const maxDelayMs = 1_000;

/** A user's call, on whose behalf the store is called. */
export interface StoreCaller {
  /** Receives the outcome of each call. */
  readonly watch?: StoreHealthTracker | undefined;
  /** Throws if the engine has been stopped: its store is then closed, and calls fail for that reason. */
  readonly check: () => void;
}

/**
 * Retries store calls while the store is unreachable: every operation may be repeated after an unknown outcome. Gives
 * up with the last `STORE_UNAVAILABLE`, or when the signal is aborted.
 */
export class StoreRetry {
  readonly #clock: Clock;
  readonly #until: { readonly signal: AbortSignal } | undefined;
  readonly #caller: StoreCaller | undefined;

  /** @param until - its signal ends the retries; read only when a retry is needed */
  constructor(clock: Clock, until?: { readonly signal: AbortSignal }, caller?: StoreCaller) {
    this.#clock = clock;
    this.#until = until;
    this.#caller = caller;
  }

  async run<T>(call: () => Promise<T>): Promise<T> {
    for (let tried = 1; ; tried++) {
      try {
        const watch = this.#caller?.watch;
        return await (watch === undefined ? call() : watch.track(call));
      } catch (error) {
        const signal = this.#until?.signal;
        if (!FlowError.is(error, "STORE_UNAVAILABLE")) throw error;
        this.#caller?.check();
        if (tried >= tries || signal?.aborted) throw error;
        if (error.retryable === false) throw error; // unreachable permanently
        await this.#clock.sleep(Math.min(maxDelayMs, firstDelayMs * 2 ** (tried - 1)), signal);
      }
    }
  }
}

/**
 * Tracks since when the store has been unreachable. Any failed call marks it unreachable at once; only calls through
 * {@link track}, which are repeated regularly, mark it reachable again.
 */
export class StoreHealthTracker {
  readonly #clock: Clock;
  #unreachableSince: number | undefined;
  #failures = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** By this process's clock; `undefined`: no call has failed since one succeeded. */
  get unreachableSince(): number | undefined {
    return this.#unreachableSince;
  }

  async track<T>(call: () => Promise<T>): Promise<T> {
    const failures = this.#failures;
    try {
      const answer = await call();
      // A call that began before another failed does not prove that the store is reachable again.
      if (failures === this.#failures) this.#unreachableSince = undefined;
      return answer;
    } catch (error) {
      this.#note(error);
      throw error;
    }
  }

  /** The store, with every failed call noted. */
  over<T extends object>(store: T): T {
    const note = (error: unknown): void => this.#note(error);
    const noted = new Map<unknown, unknown>(); // one function a method instead of one a call
    return new Proxy(store, {
      get: (target, name) => {
        const value: unknown = Reflect.get(target, name, target);
        if (typeof value !== "function") return value;
        const known = noted.get(value);
        if (known !== undefined) return known;
        const call = (...args: unknown[]): unknown => {
          const answer: unknown = Reflect.apply(value, target, args);
          if (answer instanceof Promise) answer.catch(note);
          return answer;
        };
        noted.set(value, call);
        return call;
      },
    });
  }

  #note(error: unknown): void {
    if (!FlowError.is(error, "STORE_UNAVAILABLE")) return;
    this.#failures++;
    this.#unreachableSince ??= this.#clock.now();
  }
}
