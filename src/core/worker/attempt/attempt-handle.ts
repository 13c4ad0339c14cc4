import type { Attempt } from "../../model/records.ts";

/** Reasons for which nobody waits for the handler any longer: its code may go on, its results are dropped. */
type AbandonReason = Extract<EndReason, "fenced" | "timeout" | "stopping">;

/** Whoever may have to stop, as the code that must obey sees it: an attempt, or a part of one. */
export interface Stoppable {
  readonly attempt: Attempt;
  readonly signal: AbortSignal;
  /** @throws when it has to stop */
  check(): void;
  /** @throws when it has to stop, or begins nothing new because its worker stops */
  checkMayBegin(): void;
  /** Awaits handler code, but not for longer than until it has to stop. */
  run<T>(running: PromiseLike<T>): Promise<T>;
  /** Awaits something new to begin, but hardly any longer once nothing new may. */
  whileIdle<T>(waiting: Promise<T>): Promise<T>;
}

/**
 * An attempt that this worker holds: its abort signal, and until when the worker may believe in its lease.
 *
 * A cancel is polite: the signal is aborted and the handler is waited for. Being fenced, timing out and stopping are
 * not: whoever awaits handler code through {@link run} is let go at once, since a handler that ignores its signal
 * must not hold a slot for ever.
 */
export class AttemptHandle implements Stoppable {
  readonly attempt: Attempt;
  /** Made when somebody asks for the signal: most attempts end before anybody listens. */
  #abort: AbortController | undefined;
  #reason: EndReason | undefined;
  /** What its signal is aborted with. */
  #told: AttemptAborted | undefined;
  #windingDown = false;
  readonly #waiting = new Waiting();
  readonly #idle = new Waiting();
  /** Monotonic time of this process after which the lease may have run out. */
  until: number;

  constructor(attempt: Attempt, until: number) {
    this.attempt = attempt;
    this.until = until;
  }

  get signal(): AbortSignal {
    if (this.#abort === undefined) {
      this.#abort = new AbortController();
      if (this.#told !== undefined) this.#abort.abort(this.#told);
    }
    return this.#abort.signal;
  }

  /** Resolves when all handler code that it has called has returned; `undefined`: it has. */
  get returned(): Promise<void> | undefined {
    return this.#waiting.returned;
  }

  get reason(): EndReason | undefined {
    return this.#reason;
  }

  cancel(): void {
    if (this.#reason !== undefined) return;
    this.#reason = "cancelling";
    this.#tell("cancelling");
  }

  /** Its worker stops: the batches at hand may end, and no other begins. */
  windDown(): void {
    this.#windingDown = true;
  }

  /** Whoever waits for something new to begin is let go: it won't. */
  letGoIdle(): void {
    this.#idle.letGo(new AttemptEnded("stopping"));
  }

  abandon(reason: AbandonReason): void {
    if (this.#reason !== undefined && this.#reason !== "cancelling") return;
    this.#reason = reason;
    this.#tell(reason);
    this.#waiting.letGo(new AttemptEnded(reason));
  }

  /** The attempt is over: aborts the signal of handler code that is still running. */
  abortLeftover(): void {
    if (this.#waiting.returned !== undefined) this.#tell("it has ended");
  }

  /** @throws AttemptEnded when the attempt has to stop */
  check(): void {
    if (this.#reason !== undefined) throw new AttemptEnded(this.#reason);
  }

  checkMayBegin(): void {
    this.check();
    if (this.#windingDown) throw new AttemptEnded("stopping");
  }

  /** Awaits handler code, but not longer than the attempt lives. */
  run<T>(running: PromiseLike<T>): Promise<T> {
    const waited = this.#waiting.run(running);
    this.#letGoIfAbandoned();
    return waited;
  }

  whileIdle<T>(waiting: Promise<T>): Promise<T> {
    return this.#idle.wait(waiting);
  }

  /** Awaits what is the worker's, such as a handler's `init`: it may outlive the attempt. */
  wait<T>(running: PromiseLike<T>): Promise<T> {
    const waited = this.#waiting.wait(running);
    this.#letGoIfAbandoned();
    return waited;
  }

  #letGoIfAbandoned(): void {
    const reason = this.#reason;
    if (reason !== undefined && reason !== "cancelling") this.#waiting.letGo(new AttemptEnded(reason));
  }

  #tell(reason: string): void {
    this.#told ??= new AttemptAborted(reason);
    this.#abort?.abort(this.#told);
  }
}

/**
 * A part of an attempt, which stops when the attempt does, or before: where several batches are in hand, one that fails
 * ends the others.
 */
export class AttemptScope implements Stoppable {
  readonly #whole: AttemptHandle;
  readonly #waiting = new Waiting();
  readonly #abort = new AbortController();
  #signal: AbortSignal | undefined;
  #stopped: { readonly error: unknown } | undefined;

  constructor(whole: AttemptHandle) {
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
    this.#abort.abort(new AttemptAborted("another batch ended it"));
    this.#waiting.letGo(error);
  }

  check(): void {
    this.#whole.check();
    if (this.#stopped !== undefined) throw this.#stopped.error;
  }

  checkMayBegin(): void {
    this.check();
    this.#whole.checkMayBegin();
  }

  run<T>(running: PromiseLike<T>): Promise<T> {
    return this.#waiting.wait(this.#whole.run(running));
  }

  whileIdle<T>(waiting: Promise<T>): Promise<T> {
    return this.#whole.whileIdle(waiting);
  }
}

/** Who waits for handler code, to be let go together. */
class Waiting {
  readonly #rejects = new Set<(error: unknown) => void>();
  /** Handler code that has not returned, whether it is waited for or not. */
  #running = 0;
  #allReturned: PromiseWithResolvers<void> | undefined;

  get returned(): Promise<void> | undefined {
    if (this.#running === 0) return undefined;
    this.#allReturned ??= Promise.withResolvers();
    return this.#allReturned.promise;
  }

  run<T>(running: PromiseLike<T>): Promise<T> {
    this.#running++;
    return this.#wait(running, () => {
      if (--this.#running > 0) return;
      this.#allReturned?.resolve();
      this.#allReturned = undefined;
    });
  }

  wait<T>(running: PromiseLike<T>): Promise<T> {
    return this.#wait(running, () => undefined);
  }

  #wait<T>(running: PromiseLike<T>, ended: () => void): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#rejects.add(reject);
      running.then(
        (value) => {
          this.#rejects.delete(reject);
          ended();
          resolve(value);
        },
        (error: unknown) => {
          this.#rejects.delete(reject);
          ended();
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

/**
 * Why an attempt stops without an outcome of its own:
 * - `fenced`: the shard is no longer this attempt's. Write nothing more, say nothing.
 * - `cancelling`: the task is being cancelled. Let the handler end, then confirm.
 * - `timeout`: the attempt's time is up. It fails.
 * - `stopping`: the worker stops. Hand the claim back.
 * - `released`: it has handed its claim back for want of input.
 * - `reload`: the log moved under it, or a source restarted. Read again where things stand, and go on.
 */
export type EndReason = "fenced" | "cancelling" | "timeout" | "stopping" | "released" | "reload";

export class AttemptEnded extends Error {
  override readonly name = "AttemptEnded";
  readonly reason: EndReason;

  constructor(reason: EndReason) {
    super(`the attempt has ended: ${reason}`);
    this.reason = reason;
  }
}

/**
 * The reason of an aborted signal: what handler code throws when it obeys. Not an {@link AttemptEnded}: it may reach
 * another attempt, through a promise that both wait for, and says nothing about that one.
 */
export class AttemptAborted extends Error {
  override readonly name = "AbortError";

  constructor(reason: string) {
    super(`the attempt must stop: ${reason}`);
  }
}
