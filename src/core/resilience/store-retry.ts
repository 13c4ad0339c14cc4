import { FlowError } from "../../errors/index.ts";
import type { Answer, Clock } from "../ports/index.ts";

/** Whether the answer is a promise. */
export const isPending = <T>(answer: Answer<T>): answer is Promise<T> =>
  typeof answer === "object" && answer !== null && "then" in answer;

/** Continues with the answer: synchronously if it is not a promise. */
export const after = <T, TNext>(answer: Answer<T>, next: (value: T) => Answer<TNext>): Answer<TNext> =>
  isPending(answer) ? answer.then(next) : next(answer);

const tries = 12;
const firstDelayMs = 10;
const maxDelayMs = 1_000;

/** A user's call that calls the store. */
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

  /** Synchronous if the store is: most calls need no retry, and a promise costs more than the call. */
  run<T>(call: () => Promise<T>): Promise<T>;
  run<T>(call: () => Answer<T>): Answer<T>;
  run<T>(call: () => Answer<T>): Answer<T> {
    let answer: Answer<T>;
    try {
      answer = this.#ask(call);
    } catch (error) {
      return this.#again(call, error);
    }
    return isPending(answer) ? answer.then(undefined, (error: unknown) => this.#again(call, error)) : answer;
  }

  #ask<T>(call: () => Answer<T>): Answer<T> {
    const watch = this.#caller?.watch;
    return watch === undefined ? call() : watch.track(async () => call());
  }

  /** Retries after the first call failed. */
  async #again<T>(call: () => Answer<T>, first: unknown): Promise<T> {
    let error = first;
    for (let tried = 1; ; tried++) {
      const signal = this.#until?.signal;
      if (!FlowError.is(error, "STORE_UNAVAILABLE")) throw error;
      this.#caller?.check();
      if (tried >= tries || signal?.aborted) throw error;
      if (error.retryable === false) throw error; // unreachable permanently
      await this.#clock.sleep(Math.min(maxDelayMs, firstDelayMs * 2 ** (tried - 1)), signal);
      try {
        return await this.#ask(call);
      } catch (next) {
        error = next;
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

  /** The store, with every failed call noted. Not a proxy, whose calls cost several times more. */
  over<T extends object>(store: T): T {
    const note = (error: unknown): void => this.#note(error);
    const noted: Record<PropertyKey, unknown> = {};
    for (const name of namesOf(store)) {
      const target = store as Record<PropertyKey, unknown>;
      if (typeof target[name] !== "function") {
        Object.defineProperty(noted, name, { get: () => target[name], enumerable: true });
        continue;
      }
      noted[name] = (...args: unknown[]): unknown => {
        const answer = (store as Record<PropertyKey, (...args: unknown[]) => unknown>)[name]?.(...args);
        if (answer instanceof Promise) answer.then(undefined, note);
        return answer;
      };
    }
    return noted as T;
  }

  #note(error: unknown): void {
    if (!FlowError.is(error, "STORE_UNAVAILABLE")) return;
    this.#failures++;
    this.#unreachableSince ??= this.#clock.now();
  }
}

/** The names of an object's properties, including inherited ones. */
function namesOf(object: object): ReadonlySet<PropertyKey> {
  const names = new Set<PropertyKey>();
  for (let at: object | null = object; at !== null && at !== Object.prototype; at = Object.getPrototypeOf(at)) {
    for (const name of Reflect.ownKeys(at)) if (name !== "constructor") names.add(name);
  }
  return names;
}
