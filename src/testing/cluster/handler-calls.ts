import { type EpochRef, shardKey } from "../../core/model/records.ts";

interface Bounds {
  /** Concurrent attempts of the process. */
  readonly capacity: number;
  /** Concurrent batches of an attempt. */
  readonly concurrency: number;
  /** Whether the process's worker has been asked to stop. */
  readonly isStopping: () => boolean;
  readonly violated: (what: string) => void;
}

/** The handler calls of one process as the handlers see them, independently of the engine's bookkeeping. */
export class HandlerCalls {
  readonly #bounds: Bounds;
  /** Calls that have not returned, by attempt. */
  readonly #open = new Map<string, number>();
  /** Batches that began after the stop, by attempt. */
  readonly #begunAfterStop = new Map<string, number>();

  /** Services that `setup` returned and `teardown` has not received. */
  readonly #services: unknown[] = [];

  constructor(bounds: Bounds) {
    this.#bounds = bounds;
  }

  async during<T>(ref: EpochRef, call: () => Promise<T>): Promise<T> {
    const { capacity, violated } = this.#bounds;
    const key = keyOf(ref);
    this.#open.set(key, (this.#open.get(key) ?? 0) + 1);
    if (this.#open.size > capacity)
      violated(`${key}: handlers of ${this.#open.size} attempts run with capacity ${capacity}`);
    try {
      return await call();
    } finally {
      const left = (this.#open.get(key) ?? 0) - 1;
      if (left > 0) this.#open.set(key, left);
      else this.#open.delete(key);
    }
  }

  setUp(services: unknown): void {
    this.#services.push(services);
  }

  tornDown(services: unknown): void {
    if (this.#services.pop() !== services) this.#bounds.violated("torn down what was not set up last, or twice");
    if (!this.#bounds.isStopping()) this.#bounds.violated("torn down while its worker runs");
  }

  /** Called when the worker has stopped. */
  checkTornDown(): void {
    if (this.#services.length > 0) this.#bounds.violated("stopped without tearing down what it had set up");
  }

  /**
   * After a stop, only batches already on their way to the handler may begin: at most the concurrency of an attempt.
   */
  batchBegins(ref: EpochRef): void {
    const { concurrency, isStopping, violated } = this.#bounds;
    const key = keyOf(ref);
    const open = this.#open.get(key) ?? 0;
    if (open > concurrency) violated(`${key}: ${open} batches run with concurrency ${concurrency}`);
    if (!isStopping()) return;
    const begun = (this.#begunAfterStop.get(key) ?? 0) + 1;
    this.#begunAfterStop.set(key, begun);
    if (begun > concurrency) violated(`${key}: ${begun} batches began after its worker was asked to stop`);
  }
}

const keyOf = (ref: EpochRef): string => `${shardKey(ref)}:${ref.epoch}`;
