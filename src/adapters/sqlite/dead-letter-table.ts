import type { DeadLetter } from "../../core/model/records.ts";
import type { Page, PageRequest } from "../../core/ports/index.ts";
import type { StoreParts } from "./store-parts.ts";

/** The messages that nobody could read. */
export class DeadLetterTable {
  readonly #parts: StoreParts;

  constructor(parts: StoreParts) {
    this.#parts = parts;
  }

  async add(letter: Omit<DeadLetter, "at">): Promise<void> {
    const { connection, now } = this.#parts;
    const json = JSON.stringify({ ...letter, at: now() });
    connection.write(() =>
      connection.sql("INSERT OR IGNORE INTO dead_letters (id, letter) VALUES (?, ?)").run(letter.id, json),
    );
  }

  async list({ cursor, limit }: PageRequest): Promise<Page<DeadLetter>> {
    const { connection } = this.#parts;
    const before = cursor === undefined ? Number.MAX_SAFE_INTEGER : Number(cursor);
    const rows = connection.read(() =>
      connection
        .sql("SELECT pk, letter FROM dead_letters WHERE pk < ? ORDER BY pk DESC LIMIT ? + 0")
        .all(before, limit + 1),
    );
    const page = rows.slice(0, limit);
    const last = page.at(-1);
    return {
      items: page.map(({ letter }) => JSON.parse(String(letter)) as DeadLetter),
      ...(rows.length > limit && last !== undefined ? { cursor: String(last.pk) } : {}),
    };
  }

  async remove(id: string): Promise<boolean> {
    const { connection } = this.#parts;
    return connection.write(() => connection.sql("DELETE FROM dead_letters WHERE id = ?").run(id).changes) === 1;
  }
}
