import { setTimeout as sleep } from "node:timers/promises";
import { onTestFinished } from "vitest";

/** The real one, also where a test has stopped the clocks. */
const elapsed = performance.now.bind(performance);

/** Waits until `condition` holds; looks again each millisecond. How long at most only bounds what hangs. */
export async function until(
  condition: () => boolean | Promise<boolean>,
  what = "the condition",
  timeoutMs = 100_000,
): Promise<void> {
  const deadline = elapsed() + timeoutMs;
  while (!(await condition())) {
    if (elapsed() > deadline) throw new Error(`${what} did not hold within ${timeoutMs} ms`);
    await sleep(1);
  }
}

/** Something that is waited for until the test opens it, or ends. */
export class Gate {
  readonly #opened = Promise.withResolvers<void>();
  #waiting = 0;

  constructor() {
    onTestFinished(() => this.open());
  }

  /** How many have come here. */
  get arrived(): number {
    return this.#waiting;
  }

  /** Waits until it is open, or until the signal is aborted: then it throws the signal's reason. */
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

/** All that an async iterable gives. */
export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}
