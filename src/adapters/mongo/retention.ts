import type { StoreParts } from "./store-parts.ts";
import type { TaskLists } from "./task-lists.ts";
import { removeTask } from "./task-removal.ts";

/** Tasks that one round looks at. */
const perRound = 20;

/**
 * Removes tasks that ended long enough ago. A TTL index can't do it: it would take a task's artifacts away from a task
 * that borrows them, and leave those of a task that it has removed.
 *
 * Rounds are begun by sweeps, and don't hold them up; one store does one at a time.
 */
export class Retention {
  readonly #parts: StoreParts;
  readonly #lists: TaskLists;
  readonly #keptMs: number | undefined;
  #round: Promise<void> | undefined;
  #failure: unknown;

  constructor(parts: StoreParts, options: { readonly lists: TaskLists; readonly keptMs: number | undefined }) {
    this.#parts = parts;
    this.#lists = options.lists;
    this.#keptMs = options.keptMs;
  }

  /** Begins a round, unless one is under way. Throws what the one before ended with. */
  begin(): void {
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
    // Those that others borrow from come first each time, so the page grows by as many.
    for (let borrowed = 0; ; ) {
      const ids = await this.#lists.ended({ endedForMs, limit: perRound + borrowed });
      const rest = ids.slice(borrowed);
      for (const id of rest) if ((await removeTask(this.#parts, id)) === "borrowed") borrowed++;
      if (rest.length === 0) return;
    }
  }
}
