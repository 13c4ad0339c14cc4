import { isInstance, loggable } from "../../errors/index.ts";
import { AttemptEnded } from "./attempt-end.ts";
import type { AttemptRun } from "./attempt-run.ts";

export type Cleanup = () => void | Promise<void>;

/**
 * What a handler wants done when its attempt ends: last registered, first run. One that fails keeps none of the others
 * from running.
 */
export class Cleanups {
  readonly #run: AttemptRun;
  readonly #waiting: Cleanup[] = [];
  #over = false;

  constructor(run: AttemptRun) {
    this.#run = run;
  }

  /** A handler that goes on after its attempt was abandoned is too late: what it opened then is closed at once. */
  add(cleanup: Cleanup): void {
    if (this.#over) void this.#call(cleanup, async (cleaning) => cleaning);
    else this.#waiting.push(cleanup);
  }

  /** The attempt has ended. */
  async runAll(): Promise<void> {
    const { held } = this.#run;
    for (let next = this.#waiting.pop(); next !== undefined; next = this.#waiting.pop()) {
      await this.#call(next, (cleaning) => held.run(cleaning));
    }
    this.#over = true;
  }

  /** Never rejects. */
  async #call(cleanup: Cleanup, wait: (cleaning: Promise<void>) => Promise<void>): Promise<void> {
    const { held, parts, code } = this.#run;
    try {
      const cleaning = code.run(cleanup);
      if (cleaning !== undefined) await wait(Promise.resolve(cleaning));
    } catch (error) {
      if (isInstance(error, AttemptEnded)) return; // abandoned: called, but not waited for
      parts.logger.error({ ...held.attempt, err: loggable(error) }, "a cleanup of the handler failed");
    }
  }
}
