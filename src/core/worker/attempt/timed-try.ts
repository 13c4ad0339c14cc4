import { AttemptError } from "../../model/attempt-error.ts";
import { AttemptAborted, abortWith } from "./attempt-handle.ts";
import type { AttemptRun } from "./attempt-run.ts";

/** A try exceeded its time limit. */
export class TryTimedOut extends AttemptError {
  /** Resolves when the code of the try has returned: until then it occupies one of the attempt's slots. */
  readonly returned: Promise<void>;

  constructor(timeoutMs: number, returned: Promise<void>) {
    super("timeout", `a try exceeded its limit of ${timeoutMs / 1_000} s`, { permanent: false });
    this.returned = returned;
  }
}

/** The tries of an attempt that exceeded their time limit and whose code has not returned, over all of its passes. */
export class LeftoverTries {
  /** Called when one returns. */
  onReturn: () => void = () => {};
  #count = 0;

  get count(): number {
    return this.#count;
  }

  add({ returned }: TryTimedOut): void {
    this.#count++;
    void returned.then(() => {
      this.#count--;
      this.onReturn();
    });
  }
}

/** One try of a batch with a time limit: beyond it, the signal is aborted and the code is no longer awaited. */
export class TimedTry implements Disposable {
  readonly signal: AbortSignal;
  readonly #run: AttemptRun;
  readonly #timeoutMs: number;
  readonly #endsAt: number;
  readonly #ended = new AbortController();
  readonly #timeout: Promise<void>;
  /** Disconnects from the signal of all batches, which outlives this try. */
  readonly #leave: () => void;
  #isOver = false;

  /** @param signal - aborted if the batch must end for another reason */
  constructor(run: AttemptRun, signal: AbortSignal, timeoutMs: number) {
    const { clock } = run.parts;
    const own = new AbortController();
    this.signal = own.signal;
    this.#leave = abortWith(signal, own);
    this.#run = run;
    this.#timeoutMs = timeoutMs;
    this.#endsAt = clock.monotonic() + timeoutMs;
    this.#timeout = clock.sleep(timeoutMs, this.#ended.signal).then(() => {
      if (this.#ended.signal.aborted) return;
      this.#isOver = true;
      own.abort(new AttemptAborted("its batch exceeded the time limit"));
    });
  }

  remainingMs(): number {
    const { clock } = this.#run.parts;
    const left = Math.max(0, this.#endsAt - clock.monotonic());
    return Math.min(left, this.#run.remainingMs() ?? left);
  }

  /** Awaits the code of the try. @throws TryTimedOut, also if the code throws because of its signal */
  async run<T>(running: PromiseLike<T>): Promise<T> {
    const code = this.#run.held.run(running);
    const returned = code.then(
      () => undefined,
      () => undefined,
    );
    try {
      return await Promise.race([code, this.#timeout.then(() => this.#giveUp(returned))]);
    } catch (error) {
      this.#run.held.check();
      throw this.#isOver ? new TryTimedOut(this.#timeoutMs, returned) : error;
    }
  }

  [Symbol.dispose](): void {
    this.#ended.abort(ended);
    this.#leave();
  }

  #giveUp(returned: Promise<void>): never | Promise<never> {
    if (this.#isOver) throw new TryTimedOut(this.#timeoutMs, returned);
    return new Promise(() => {}); // the timer was cleared because the code has returned
  }
}

/** An explicit reason: without one, each abort creates a DOMException with a stack. */
const ended = Symbol("ended");
