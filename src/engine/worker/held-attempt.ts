import type { Attempt } from "../model.ts";
import { AttemptAborted, AttemptEnded, type EndReason } from "./attempt-end.ts";

/** Reasons for which nobody waits for the handler any longer: its code may go on, its results are dropped. */
type AbandonReason = Extract<EndReason, "fenced" | "timeout" | "stopping">;

/**
 * An attempt that this worker holds: its abort signal, and until when the worker may believe in its lease.
 *
 * A cancel is polite: the signal is aborted and the handler is waited for. Being fenced, timing out and stopping are
 * not: whoever awaits handler code through {@link run} is let go at once, since a handler that ignores its signal
 * must not hold a slot for ever.
 */
export class HeldAttempt {
  readonly attempt: Attempt;
  /** Made when somebody asks for the signal: most attempts end before anybody listens. */
  #abort: AbortController | undefined;
  #reason: EndReason | undefined;
  #letGo: (() => void) | undefined;
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
    this.#letGo?.();
  }

  /** @throws AttemptEnded when the attempt has to stop */
  check(): void {
    if (this.#reason !== undefined) throw new AttemptEnded(this.#reason);
  }

  /** Awaits handler code, but not longer than the attempt lives. One call at a time. */
  run<T>(running: PromiseLike<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#letGo = () => reject(new AttemptEnded(this.#reason ?? "fenced"));
      if (this.#reason !== undefined && this.#reason !== "cancelling") this.#letGo();
      running.then(resolve, reject);
    });
  }
}

/** Also a promise of another library: query builders are often only thenable. */
export function isPromiseLike(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null && "then" in value && typeof value.then === "function";
}
