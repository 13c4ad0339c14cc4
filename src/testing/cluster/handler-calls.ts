import { type EpochRef, shardKey } from "../../core/model/records.ts";

interface Bounds {
  /** Attempts of the process at once. */
  readonly capacity: number;
  /** Batches of an attempt at once. */
  readonly concurrency: number;
  /** The process's worker was told to stop. */
  readonly isStopping: () => boolean;
  readonly violated: (what: string) => void;
}

/** The calls of one process's handlers, from the handlers' side: what runs there, whatever the engine believes. */
export class HandlerCalls {
  readonly #bounds: Bounds;
  /** By attempt, calls that have not returned. */
  readonly #open = new Map<string, number>();
  /** By attempt, batches that began after the stop. */
  readonly #begunAfterStop = new Map<string, number>();

  constructor(bounds: Bounds) {
    this.#bounds = bounds;
  }

  async during<T>(ref: EpochRef, call: () => Promise<T>): Promise<T> {
    const { capacity, violated } = this.#bounds;
    const key = keyOf(ref);
    this.#open.set(key, (this.#open.get(key) ?? 0) + 1);
    if (this.#open.size > capacity)
      violated(`${key}: handlers of ${this.#open.size} attempts run in ${capacity} slots`);
    try {
      return await call();
    } finally {
      const left = (this.#open.get(key) ?? 0) - 1;
      if (left > 0) this.#open.set(key, left);
      else this.#open.delete(key);
    }
  }

  /** A stop lets those begin that were on their way to the handler: no more than one attempt may have in hand. */
  batchBegins(ref: EpochRef): void {
    const { concurrency, isStopping, violated } = this.#bounds;
    if (!isStopping()) return;
    const key = keyOf(ref);
    const begun = (this.#begunAfterStop.get(key) ?? 0) + 1;
    this.#begunAfterStop.set(key, begun);
    if (begun > concurrency) violated(`${key}: ${begun} batches began after its worker was told to stop`);
  }
}

const keyOf = (ref: EpochRef): string => `${shardKey(ref)}:${ref.epoch}`;
