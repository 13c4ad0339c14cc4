import type { DeadLetter } from "../../core/model/records.ts";
import type { Page, PageRequest } from "../../core/ports/index.ts";
import { isDuplicate } from "./mongo-error.ts";
import { lastOrderKey } from "./order-keys.ts";
import { checkedId, type StoreParts } from "./store-parts.ts";

/** The messages that nobody could read. */
export class DeadLetterTable {
  readonly #parts: StoreParts;
  readonly #keptMs: number;

  constructor(parts: StoreParts, options: { readonly keptMs: number }) {
    this.#parts = parts;
    this.#keptMs = options.keptMs;
  }

  async add({ id, topic, key, body, reason }: Omit<DeadLetter, "at">): Promise<void> {
    const { session, orderKeys } = this.#parts;
    const now = await session.now();
    const document = {
      _id: checkedId(id),
      topic,
      key,
      body,
      reason,
      at: new Date(now),
      list_order: orderKeys.next(now),
      expire_at: new Date(now + this.#keptMs),
    };
    await session.ask(async ({ deadLetters }) => {
      try {
        await deadLetters.insertOne(document);
      } catch (error) {
        if (!isDuplicate(error)) throw error;
      }
    });
  }

  async list({ cursor = lastOrderKey, limit }: PageRequest): Promise<Page<DeadLetter>> {
    const docs = await this.#parts.session.ask(({ deadLetters }) =>
      deadLetters
        .find({ list_order: { $lt: cursor } })
        .sort({ list_order: -1 })
        .limit(limit + 1)
        .toArray(),
    );
    const page = docs.slice(0, limit);
    const last = page.at(-1);
    return {
      items: page.map(({ _id, topic, key, body, reason, at }) => ({
        id: _id,
        topic,
        key,
        body,
        reason,
        at: at.getTime(),
      })),
      ...(docs.length > limit && last !== undefined ? { cursor: last.list_order } : {}),
    };
  }

  async remove(id: string): Promise<boolean> {
    const { deletedCount } = await this.#parts.session.ask(({ deadLetters }) =>
      deadLetters.deleteOne({ _id: checkedId(id) }),
    );
    return deletedCount === 1;
  }
}
