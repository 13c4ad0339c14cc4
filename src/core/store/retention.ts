import type { TaskDriver } from "./driver.ts";

/** Tasks per page of a round. */
const pageSize = 20;

/**
 * Removes tasks some time after they ended, except those whose artifacts another task borrows. An index that expires
 * rows would not do: it ignores borrowers, and leaves what belongs to the rows.
 *
 * Sweeps start a round without waiting for it; a store runs one round at a time.
 */
export class Retention {
  readonly #tasks: TaskDriver;
  readonly #keptMs: number | undefined;
  #round: Promise<void> | undefined;
  #failure: unknown;

  constructor(tasks: TaskDriver, keptMs: number | undefined) {
    this.#tasks = tasks;
    this.#keptMs = keptMs;
  }

  /** Starts a round unless one is running. Throws the error of the previous round. */
  start(): void {
    if (this.#keptMs === undefined) return;
    const failure = this.#failure;
    this.#failure = undefined;
    if (failure !== undefined) throw failure;
    this.#round ??= this.#remove(this.#keptMs)
      .catch((error: unknown) => {
        this.#failure = error;
      })
      .finally(() => {
        this.#round = undefined;
      });
  }

  async settled(): Promise<void> {
    await this.#round;
  }

  async #remove(endedForMs: number): Promise<void> {
    // Borrowed tasks stay at the start of the list, so each page is longer by their number.
    for (let borrowed = 0; ; ) {
      const ids = await this.#tasks.ended({ endedForMs, limit: pageSize + borrowed });
      const rest = ids.slice(borrowed);
      for (const id of rest) if ((await this.#tasks.delete(id)) === "borrowed") borrowed++;
      if (rest.length === 0) return;
    }
  }
}
