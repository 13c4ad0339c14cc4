import { setTimeout as sleep } from "node:timers/promises";
import { onTestFinished } from "vitest";

/** The real timer, even if a test has stopped the clocks. */
const elapsed = performance.now.bind(performance);

/** The polling interval as a share of the time waited so far, which bounds how much longer a wait lasts than needed. */
const pollShare = 1 / 20;
const longestPollMs = 20;

/**
 * Waits until `condition` holds, polling every millisecond at first: conditions that query a server slow down what they
 * wait for. The timeout only bounds hanging tests.
 */
export async function until(
  condition: () => boolean | Promise<boolean>,
  what = "the condition",
  timeoutMs = 100_000,
): Promise<void> {
  const started = elapsed();
  while (!(await condition())) {
    const waitedMs = elapsed() - started;
    if (waitedMs > timeoutMs) throw new Error(`${what} did not hold within ${timeoutMs} ms`);
    await sleep(Math.min(longestPollMs, 1 + waitedMs * pollShare));
  }
}

/** Blocks callers until the test opens it or ends. */
export class Gate {
  readonly #opened = Promise.withResolvers<void>();
  #waiting = 0;

  constructor() {
    onTestFinished(() => this.open());
  }

  /** Number of callers so far. */
  get arrived(): number {
    return this.#waiting;
  }

  /** Waits until it is open; throws the signal's reason if it is aborted. */
  async pass(signal?: AbortSignal): Promise<void> {
    this.#waiting++;
    if (signal === undefined) return this.#opened.promise;
    signal.throwIfAborted();
    await new Promise<void>((resolve, reject) => {
      signal.addEventListener("abort", () => reject(signal.reason), { once: true });
      void this.#opened.promise.then(resolve);
    });
  }

  open(): void {
    this.#opened.resolve();
  }
}

/** Collects all items of an async iterable. */
export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}
