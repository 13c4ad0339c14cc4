import type { Attempt } from "../../model/records.ts";
import type { Clock } from "../../ports/index.ts";

/** Reasons for which the attempt stops waiting for its handler: the code may continue, but its results are dropped. */
type AbandonReason = Extract<EndReason, "fenced" | "timeout" | "stopping">;

/** An attempt, or a part of one, as seen by the code that must stop with it. */
export interface Stoppable {
  readonly attempt: Attempt;
  readonly signal: AbortSignal;
  /** @throws if it has to stop */
  check(): void;
  /** @throws if it has to stop, or may not begin anything new because its worker stops */
  checkMayBegin(): void;
  /** Awaits handler code, at most until it has to stop. */
  run<T>(running: PromiseLike<T>): Promise<T>;
  /** Awaits something new to begin, and is released soon after nothing new may begin. */
  whileIdle<T>(waiting: Promise<T>): Promise<T>;
}

/**
 * An attempt that this worker runs: its abort signal, and how long the worker may rely on its lease.
 *
 * A cancel is graceful: it aborts the signal and waits for the handler. Fencing, a timeout and a stop are not: waits
 * for handler code through {@link run} are released at once, since a handler that ignores its signal must not occupy a
 * slot forever.
 */
export class AttemptHandle implements Stoppable {
  readonly attempt: Attempt;
  /** Created on demand: most attempts end before anything reads the signal. */
  #abort: AbortController | undefined;
  #reason: EndReason | undefined;
  /** The reason that its signal is aborted with. */
  #abortReason: AttemptAborted | undefined;
  #windingDown = false;
  readonly #waiting = new Waiting();
  readonly #idle = new Waiting();
  /** Monotonic time of this process after which the lease may have expired. */
  until: number;

  constructor(attempt: Attempt, until: number) {
    this.attempt = attempt;
    this.until = until;
  }

  get signal(): AbortSignal {
    if (this.#abort === undefined) {
      this.#abort = new AbortController();
      if (this.#abortReason !== undefined) this.#abort.abort(this.#abortReason);
    }
    return this.#abort.signal;
  }

  /** Resolves when all handler code that it called has returned; `undefined` if it already has. */
  get returned(): Promise<void> | undefined {
    return this.#waiting.returned;
  }

  get reason(): EndReason | undefined {
    return this.#reason;
  }

  cancel(): void {
    if (this.#reason !== undefined) return;
    this.#reason = "cancelling";
    this.#abortSignal("cancelling");
  }

  /** The worker stops, or the task is paused: current batches may end, and no further one begins. */
  windDown(): void {
    this.#windingDown = true;
  }

  get isWindingDown(): boolean {
    return this.#windingDown;
  }

  /** Releases waits for something new to begin, since nothing new may. */
  releaseIdle(): void {
    this.#idle.release(new AttemptEnded("stopping"));
  }

  abandon(reason: AbandonReason): void {
    if (this.#reason !== undefined && this.#reason !== "cancelling") return;
    this.#reason = reason;
    this.#abortSignal(reason);
    this.#waiting.release(new AttemptEnded(reason));
  }

  /** Called when the attempt has ended: aborts the signal of handler code that is still running. */
  abortLeftover(): void {
    if (this.#waiting.returned !== undefined) this.#abortSignal("it has ended");
  }

  /** @throws AttemptEnded if the attempt has to stop */
  check(): void {
    if (this.#reason !== undefined) throw new AttemptEnded(this.#reason);
  }

  checkMayBegin(): void {
    this.check();
    if (this.#windingDown) throw new AttemptEnded("stopping");
  }

  /** Awaits handler code, at most as long as the attempt is alive. */
  run<T>(running: PromiseLike<T>): Promise<T> {
    const waited = this.#waiting.run(running);
    this.#releaseIfAbandoned();
    return waited;
  }

  whileIdle<T>(waiting: Promise<T>): Promise<T> {
    return this.#idle.wait(waiting);
  }

  /** Awaits code that belongs to the worker, such as a handler's `setup`, and may outlive the attempt. */
  wait<T>(running: PromiseLike<T>): Promise<T> {
    const waited = this.#waiting.wait(running);
    this.#releaseIfAbandoned();
    return waited;
  }

  #releaseIfAbandoned(): void {
    const reason = this.#reason;
    if (reason !== undefined && reason !== "cancelling") this.#waiting.release(new AttemptEnded(reason));
  }

  #abortSignal(reason: string): void {
    this.#abortReason ??= new AttemptAborted(reason);
    this.#abort?.abort(this.#abortReason);
  }
}

/** The part of an attempt that may stop before the attempt does: a batch that fails for good ends the others. */
export class AttemptScope implements Stoppable {
  readonly #whole: AttemptHandle;
  readonly #waiting = new Waiting();
  /** Created on demand. */
  #abort: AbortController | undefined;
  #stopped: { readonly error: unknown } | undefined;

  constructor(whole: AttemptHandle) {
    this.#whole = whole;
  }

  get attempt(): Attempt {
    return this.#whole.attempt;
  }

  get signal(): AbortSignal {
    if (this.#abort === undefined) {
      this.#abort = new AbortController();
      if (this.#stopped !== undefined) this.#abort.abort(endedByOther());
      abortWith(this.#whole.signal, this.#abort);
    }
    return this.#abort.signal;
  }

  /** The error that stopped this part alone. */
  get stopped(): { readonly error: unknown } | undefined {
    return this.#stopped;
  }

  /**
   * Rejects waits in {@link run} with this error, and makes {@link check} throw it. Only the first call has an effect.
   */
  stop(error: unknown): void {
    if (this.#stopped !== undefined) return;
    this.#stopped = { error };
    this.#abort?.abort(endedByOther());
    this.#waiting.release(error);
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

/**
 * Aborts `own` with the reason of `signal`. Not `AbortSignal.any`: Node keeps its signals for as long as anything listens
 * to them, and handlers, as well as the code around them, leave their listeners when they return.
 *
 * @returns a function that disconnects them
 */
export function abortWith(signal: AbortSignal, own: AbortController): () => void {
  const abort = (): void => own.abort(signal.reason);
  if (signal.aborted) abort();
  else signal.addEventListener("abort", abort, { once: true });
  return () => signal.removeEventListener("abort", abort);
}

const endedByOther = (): AttemptAborted => new AttemptAborted("another batch ended it");

/** Waits for handler code that can be released together. */
class Waiting {
  /** Created on demand: much handler code is not waited for. */
  #rejects: Set<(error: unknown) => void> | undefined;
  /** Calls of handler code that have not returned, whether awaited or not. */
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
    this.#rejects ??= new Set();
    const rejects = this.#rejects;
    return new Promise((resolve, reject) => {
      rejects.add(reject);
      running.then(
        (value) => {
          rejects.delete(reject);
          ended();
          resolve(value);
        },
        (error: unknown) => {
          rejects.delete(reject);
          ended();
          reject(error);
        },
      );
    });
  }

  release(error: unknown): void {
    const rejects = [...(this.#rejects ?? [])];
    this.#rejects?.clear();
    for (const reject of rejects) reject(error);
  }
}

/** Accepts any thenable: query builders are often not promises. */
export function isPromiseLike(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null && "then" in value && typeof value.then === "function";
}

/**
 * Why an attempt stops before its work is done:
 * - `fenced`: another attempt owns the shard. Write nothing more, send nothing.
 * - `cancelling`: the task is being cancelled. Let the handler end, then confirm.
 * - `timeout`: the attempt exceeded its time limit. It fails.
 * - `stopping`: the worker stops, or the task is paused. Release the claim.
 * - `starving`: it has no input. Release the claim for a while.
 * - `waiting`: all of its batches wait for their next try. Release the claim until the first is due.
 * - `reload`: its log changed, or a source restarted. Read the current state and continue.
 */
export type EndReason = "fenced" | "cancelling" | "timeout" | "stopping" | "starving" | "waiting" | "reload";

export class AttemptEnded extends Error {
  override readonly name = "AttemptEnded";
  readonly reason: EndReason;
  /** When a batch is due for its next try. */
  readonly dueInMs: number | undefined;

  constructor(reason: EndReason, dueInMs?: number) {
    super(`the attempt has ended: ${reason}`);
    this.reason = reason;
    this.dueInMs = dueInMs;
  }
}

/**
 * The reason of an aborted signal, which handler code throws when it obeys. Not an {@link AttemptEnded}: through a
 * shared promise it may reach another attempt, whose state it does not describe.
 */
export class AttemptAborted extends Error {
  override readonly name = "AbortError";

  constructor(reason: string) {
    super(`the attempt must stop: ${reason}`);
  }
}

/** Ends a sleep. An explicit reason: without one, each abort creates a DOMException with a stack. */
export const wakeUp = Symbol("wake up");

/** How long an attempt may still take. */
export class AttemptTimer {
  readonly #clock: Clock;
  /** Monotonic time. */
  #endsAt: number | undefined;
  #stoppedAt: number | undefined;

  constructor(clock: Clock, timeoutMs: number | undefined) {
    this.#clock = clock;
    this.#endsAt = timeoutMs === undefined ? undefined : clock.monotonic() + timeoutMs;
  }

  /** `undefined`: any time. */
  remainingMs(): number | undefined {
    if (this.#endsAt === undefined) return undefined;
    return Math.max(0, this.#endsAt - (this.#stoppedAt ?? this.#clock.monotonic()));
  }

  async untimed<T>(work: () => Promise<T>): Promise<T> {
    if (this.#stoppedAt !== undefined) return work();
    const stoppedAt = this.#clock.monotonic();
    this.#stoppedAt = stoppedAt;
    try {
      return await work();
    } finally {
      if (this.#endsAt !== undefined) this.#endsAt += this.#clock.monotonic() - stoppedAt;
      this.#stoppedAt = undefined;
    }
  }
}
