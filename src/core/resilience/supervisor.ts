import type { Logger } from "../../definitions/index.ts";
import { FlowError, thrownMessage } from "../../errors/index.ts";
import { traceIdOf } from "../messages/messages.ts";
import type { TaskRecord } from "../model/records.ts";
import type { Clock } from "../ports/index.ts";
import { StoreRetry } from "./store-retry.ts";

const restartMinMs = 50;
const restartMaxMs = 5_000;

/** A background loop and its status. */
export interface LoopHealth {
  readonly name: string;
  readonly restarts: number;
  readonly lastError?: string;
}

/**
 * Owns every promise that nothing else awaits: none rejects unhandled, and loops restart after an error. A failed
 * wake-up costs only time (the store is the truth, and sweeps look again), so errors are logged, not thrown.
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

  /** Aborted by `stop`; loops pass it to their sleeps. */
  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  get loops(): readonly LoopHealth[] {
    return [...this.#loops].map(([name, state]) => ({ name, ...state }));
  }

  /** Runs `work` in the background, if it does not end at once. */
  spawn(name: string, work: () => Promise<void> | undefined): void {
    let working: Promise<void> | undefined;
    try {
      working = work();
    } catch (error) {
      this.report(name, error);
    }
    if (working === undefined) return;
    const running = working.then(
      () => void this.#open.delete(running),
      (error: unknown) => {
        this.#open.delete(running);
        this.report(name, error);
      },
    );
    this.#open.add(running);
  }

  /**
   * Acts on a record that is already stored: never rejects. If the store is unreachable, it is tried again in the background;
   * if that fails too, a sweep continues from the record.
   */
  async follow(name: string, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.report(name, error);
      if (!FlowError.is(error, "STORE_UNAVAILABLE")) return;
      this.spawn(name, async () => new StoreRetry(this.#clock, this).run(work));
    }
  }

  /** Calls `turn` repeatedly until `stop`; after an error, with a delay. */
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
 * Runs all steps in order, even after one of them threw; then throws what was thrown.
 *
 * @throws the only error, the first of several with one code, or an AggregateError
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

/** Likewise, but runs all steps concurrently. */
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
  // An unreachable server fails every step with one code, which callers look for.
  if (errors.length === 1 || errors.every((error) => FlowError.is(first) && FlowError.is(error, first.code)))
    throw first;
  throw new AggregateError(errors, `${what} failed with several errors`);
}

const mostStarts = 10_000;

/**
 * Logs that a task starts, once per process: when it first creates or plans the task or claims an attempt of it.
 * Another process may have created the task and have its own log.
 */
export class StartLog {
  readonly #logger: Logger;
  /** Tasks created earlier are known to have started. */
  readonly #since: number;
  readonly #logged = new Set<string>();

  /** @param since - wall-clock time */
  constructor(logger: Logger, since: number) {
    this.#logger = logger;
    this.#since = since;
  }

  log(of: {
    readonly taskId: string;
    readonly flow: string | undefined;
    readonly retryOf?: string | undefined;
    readonly traceparent?: string | undefined;
  }): void {
    const { taskId, flow, retryOf } = of;
    if (this.#logged.has(taskId)) return;
    this.#logged.add(taskId);
    const [oldest] = this.#logged.size > mostStarts ? this.#logged : [];
    if (oldest !== undefined) this.#logged.delete(oldest);
    const retry = retryOf === undefined ? {} : { retryOf };
    this.#logger.info({ taskId, flow, ...retry, ...traceIdOf(of) }, "a task started");
  }

  /** Called when a coordinator plans a task that it did not create. A task with a later start is logged when it starts. */
  seen({ id: taskId, graph: { name: flow }, createdAt, startsAt, retryOf, traceparent }: TaskRecord): void {
    if (createdAt < this.#since || startsAt !== undefined) return;
    this.log({ taskId, flow, retryOf, traceparent });
  }
}
