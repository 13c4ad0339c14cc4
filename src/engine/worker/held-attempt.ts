import type { Attempt } from "../model.ts";
import { AttemptAborted, AttemptEnded, type EndReason } from "./attempt-end.ts";

/** Reasons for which nobody waits for the handler any longer: its code may go on, its results are dropped. */
type AbandonReason = Extract<EndReason, "fenced" | "timeout" | "stopping">;

/** Whoever may have to stop, as the code that must obey sees it: an attempt, or a part of one. */
export interface Stoppable {
  readonly attempt: Attempt;
  readonly signal: AbortSignal;
  /** @throws when it has to stop */
  check(): void;
  /** Awaits handler code, but not for longer than that. */
  run<T>(running: PromiseLike<T>): Promise<T>;
}

/**
 * An attempt that this worker holds: its abort signal, and until when the worker may believe in its lease.
 *
 * A cancel is polite: the signal is aborted and the handler is waited for. Being fenced, timing out and stopping are
 * not: whoever awaits handler code through {@link run} is let go at once, since a handler that ignores its signal
 * must not hold a slot for ever.
 */
export class HeldAttempt implements Stoppable {
  readonly attempt: Attempt;
  /** Made when somebody asks for the signal: most attempts end before anybody listens. */
  #abort: AbortController | undefined;
  #reason: EndReason | undefined;
  readonly #waiting = new Waiting();
  /** Monotonic time of this process after which the lease may have run out. */
  until: number;

  constructor(attempt: Attempt, until: number) {
    this.attempt = attempt;
    this.until = until;
  }

  get signal(): AbortSignal {
    if (this.#abort === undefined) {
      this.#abort = new AbortController();
      if (this.#reason !== undefined) this.#abort.abort(new AttemptAborted(this.#reason));
    }
    return this.#abort.signal;
  }

  get reason(): EndReason | undefined {
    return this.#reason;
  }

  cancel(): void {
    if (this.#reason !== undefined) return;
    this.#reason = "cancelling";
    this.#abort?.abort(new AttemptAborted("cancelling"));
  }

  abandon(reason: AbandonReason): void {
    if (this.#reason !== undefined && this.#reason !== "cancelling") return;
    this.#reason = reason;
    this.#abort?.abort(new AttemptAborted(reason));
    this.#waiting.letGo(new AttemptEnded(reason));
  }

  /** @throws AttemptEnded when the attempt has to stop */
  check(): void {
    if (this.#reason !== undefined) throw new AttemptEnded(this.#reason);
  }

  /** Awaits handler code, but not longer than the attempt lives. */
  run<T>(running: PromiseLike<T>): Promise<T> {
    const waited = this.#waiting.run(running);
    const reason = this.#reason;
    if (reason !== undefined && reason !== "cancelling") this.#waiting.letGo(new AttemptEnded(reason));
    return waited;
  }
}

/**
 * A part of an attempt, which stops when the attempt does, or before: where several batches are in hand, one that fails
 * ends the others.
 */
export class HeldPart implements Stoppable {
  readonly #whole: HeldAttempt;
  readonly #waiting = new Waiting();
  readonly #abort = new AbortController();
  #signal: AbortSignal | undefined;
  #stopped: { readonly error: unknown } | undefined;

  constructor(whole: HeldAttempt) {
    this.#whole = whole;
  }

  get attempt(): Attempt {
    return this.#whole.attempt;
  }

  get signal(): AbortSignal {
    this.#signal ??= AbortSignal.any([this.#whole.signal, this.#abort.signal]);
    return this.#signal;
  }

  /** What stopped it alone. */
  get stopped(): { readonly error: unknown } | undefined {
    return this.#stopped;
  }

  /** Whoever waits in {@link run} is let go with this error, and {@link check} throws it. The first one counts. */
  stop(error: unknown): void {
    if (this.#stopped !== undefined) return;
    this.#stopped = { error };
    this.#abort.abort(new AttemptAborted("another batch has ended it"));
    this.#waiting.letGo(error);
  }

  check(): void {
    this.#whole.check();
    if (this.#stopped !== undefined) throw this.#stopped.error;
  }

  run<T>(running: PromiseLike<T>): Promise<T> {
    return this.#waiting.run(this.#whole.run(running));
  }
}

/** Who waits for handler code, to be let go together. */
class Waiting {
  readonly #rejects = new Set<(error: unknown) => void>();

  run<T>(running: PromiseLike<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#rejects.add(reject);
      running.then(
        (value) => {
          this.#rejects.delete(reject);
          resolve(value);
        },
        (error: unknown) => {
          this.#rejects.delete(reject);
          reject(error);
        },
      );
    });
  }

  letGo(error: unknown): void {
    const rejects = [...this.#rejects];
    this.#rejects.clear();
    for (const reject of rejects) reject(error);
  }
}

/** Also a promise of another library: query builders are often only thenable. */
export function isPromiseLike(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null && "then" in value && typeof value.then === "function";
}
