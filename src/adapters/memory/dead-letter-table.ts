import type { DeadLetter } from "../../core/model/records.ts";
import type { Page, PageRequest } from "../../core/ports/index.ts";
import type { StoreContext } from "./store-context.ts";

/** The oldest go when there are more. */
const mostLetters = 10_000;

/** The messages that nobody could read. */
export class DeadLetterTable {
  readonly #context: StoreContext;

  constructor(context: StoreContext) {
    this.#context = context;
  }

  async add(letter: Omit<DeadLetter, "at">): Promise<void> {
    const { deadLetters } = this.#context.state;
    if (deadLetters.has(letter.id)) return;
    deadLetters.set(letter.id, Object.freeze({ ...letter, at: this.#context.now() }));
    const [oldest] = deadLetters.keys();
    if (deadLetters.size > mostLetters && oldest !== undefined) deadLetters.delete(oldest);
  }

  async list({ cursor, limit }: PageRequest): Promise<Page<DeadLetter>> {
    const newestFirst = [...this.#context.state.deadLetters.values()].reverse();
    const from = cursor === undefined ? 0 : newestFirst.findIndex(({ id }) => id === cursor) + 1;
    const items = newestFirst.slice(from, from + limit);
    const last = items.at(-1);
    const hasMore = from + items.length < newestFirst.length;
    return { items, ...(hasMore && last !== undefined ? { cursor: last.id } : {}) };
  }

  async remove(id: string): Promise<boolean> {
    return this.#context.state.deadLetters.delete(id);
  }
}
