import type { Logger } from "../../definitions/index.ts";
import { FlowError, thrownMessage } from "../../errors/index.ts";
import type { Clock } from "../ports/index.ts";

const restartMinMs = 50;
const restartMaxMs = 5_000;

/** What a part of the engine does in the background, and what became of it. */
export interface LoopHealth {
  readonly name: string;
  readonly restarts: number;
  readonly lastError?: string;
}

/**
 * Owns every promise that nobody awaits: none rejects unseen, and loops are started again after an error. A wake-up
 * that fails costs time only (the store is the truth and the sweeps look again), so an error here is logged, not thrown.
 */
export class Supervisor {
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #stop = new AbortController();
  readonly #open = new Set<Promise<void>>();
  readonly #loops = new Map<string, { restarts: number; lastError?: string }>();

  constructor(options: { readonly clock: Clock; readonly logger: Logger }) {
    this.#clock = options.clock;
    this.#logger = options.logger;
  }

  /** Aborted by `stop`: what loops sleep on. */
  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  get loops(): readonly LoopHealth[] {
    return [...this.#loops].map(([name, state]) => ({ name, ...state }));
  }

  /** Lets `work` run in the background. */
  spawn(name: string, work: () => Promise<void>): void {
    const running = work()
      .catch((error: unknown) => this.report(name, error))
      .finally(() => this.#open.delete(running));
    this.#open.add(running);
  }

  /** Calls `turn` again and again until `stop`; after an error, later. */
  loop(name: string, turn: () => Promise<void>): void {
    const state: { restarts: number; lastError?: string } = { restarts: 0 };
    this.#loops.set(name, state);
    this.spawn(name, async () => {
      let backoffMs = restartMinMs;
      while (!this.signal.aborted) {
        try {
          await turn();
          backoffMs = restartMinMs;
        } catch (error) {
          state.restarts++;
          state.lastError = thrownMessage(error);
          this.report(name, error);
          await this.#clock.sleep(backoffMs, this.signal);
          backoffMs = Math.min(restartMaxMs, backoffMs * 2);
        }
      }
    });
  }

  report(name: string, error: unknown): void {
    if (FlowError.is(error, "STORE_UNAVAILABLE"))
      this.#logger.warn({ part: name, err: error }, "the store is unreachable; will retry");
    else this.#logger.error({ part: name, err: error }, "background work failed; will retry");
  }

  /** Ends the loops and resolves when nothing runs any more. */
  async stop(): Promise<void> {
    this.#stop.abort();
    while (this.#open.size > 0) await Promise.all(this.#open);
  }
}

/**
 * Takes one step after another, the next also after one that threw; then throws what was thrown.
 *
 * @throws the one error, the first of several with one code, or an AggregateError
 */
export async function runInOrder(what: string, steps: readonly (() => unknown)[]): Promise<void> {
  const errors: unknown[] = [];
  for (const step of steps) {
    try {
      await step();
    } catch (error) {
      errors.push(error);
    }
  }
  throwAll(what, errors);
}

/** The same, all at once. */
export async function runConcurrently(what: string, steps: readonly (() => Promise<void>)[]): Promise<void> {
  const outcomes = await Promise.allSettled(steps.map((step) => step()));
  throwAll(
    what,
    outcomes.flatMap((outcome) => (outcome.status === "rejected" ? [outcome.reason as unknown] : [])),
  );
}

function throwAll(what: string, errors: readonly unknown[]): void {
  if (errors.length === 0) return;
  const [first] = errors;
  // A server that is away is away for each of them: whoever waits for it looks for its code.
  if (errors.length === 1 || errors.every((error) => FlowError.is(first) && FlowError.is(error, first.code)))
    throw first;
  throw new AggregateError(errors, `${what} failed with several errors`);
}
