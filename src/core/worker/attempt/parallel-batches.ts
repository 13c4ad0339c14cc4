import type { AttemptScope } from "./attempt-handle.ts";
import type { BatchRunner, BatchSink, IncomingBatch } from "./batch-runner.ts";

/**
 * Several batches of one attempt at once, stored in the order in which they came all the same: each waits for its turn
 * behind the one before it, so no two appends are ever under way.
 *
 * At most `concurrency` are in the handler's hands, and as many more wait for their turn: a slow one holds the others
 * up, it doesn't make them pile up.
 *
 * The first error counts. It stops the input and aborts the signal of the others; what was before it and still gets
 * done is stored, what came after it is dropped. Nobody goes on before all of them have ended.
 */
export class ParallelBatches implements BatchSink {
  readonly #runner: BatchRunner;
  readonly #part: AttemptScope;
  readonly #at: { batchUid: string | undefined };
  readonly #concurrency: number;
  #processing = 0;
  #inHand = 0;
  /** Whether the batch before was stored. */
  #before: Promise<boolean> = Promise.resolve(true);
  #wake: (() => void) | undefined;

  constructor(options: {
    readonly runner: BatchRunner;
    /** What ends with the first error: the input, and the other batches. */
    readonly part: AttemptScope;
    /** Where the batch that failed is named. */
    readonly at: { batchUid: string | undefined };
    readonly concurrency: number;
  }) {
    this.#runner = options.runner;
    this.#part = options.part;
    this.#at = options.at;
    this.#concurrency = options.concurrency;
  }

  /** Resolves when there is room for another one. */
  async process(batch: IncomingBatch): Promise<void> {
    this.#part.checkMayBegin();
    this.#before = this.#take(batch, this.#before);
    while (this.#isFull) await this.#change();
    this.#part.check();
  }

  stored(): Promise<boolean> {
    return this.#before;
  }

  /** Resolves when none is in hand any more. @throws the first error that one of them met */
  async drain(): Promise<void> {
    while (this.#inHand > 0) await this.#change();
    if (this.#part.stopped !== undefined) throw this.#part.stopped.error;
  }

  get #isFull(): boolean {
    return this.#processing >= this.#concurrency || this.#inHand >= 2 * this.#concurrency;
  }

  async #take(batch: IncomingBatch, before: Promise<boolean>): Promise<boolean> {
    let isProcessing = true;
    const processed = (): void => {
      if (isProcessing) this.#processing--;
      isProcessing = false;
      this.#changed();
    };
    this.#processing++;
    this.#inHand++;
    try {
      return await this.#runner.process(batch, () => {
        processed();
        return before;
      });
    } catch (error) {
      if (this.#part.stopped === undefined) this.#at.batchUid = batch.uid;
      this.#part.stop(error);
      return false;
    } finally {
      this.#inHand--;
      processed();
    }
  }

  #change(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  #changed(): void {
    this.#wake?.();
    this.#wake = undefined;
  }
}
