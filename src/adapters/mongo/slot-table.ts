import type { Attempt } from "../../core/model/records.ts";
import type { HeldSlot, SlotLimit } from "../../core/ports/index.ts";
import type { HolderDocument } from "./documents.ts";
import { isDuplicate } from "./mongo-error.ts";
import { refFields, refOf } from "./shard-documents.ts";
import type { StoreParts } from "./store-parts.ts";

/** The holders of limits: one document a limit. */
export class SlotTable {
  readonly #parts: StoreParts;

  constructor(parts: StoreParts) {
    this.#parts = parts;
  }

  async take({ key, max }: SlotLimit, attempt: Attempt): Promise<"ok" | "full"> {
    const { session } = this.#parts;
    const holder = holderDocument(attempt);
    for (;;) {
      if (await this.#push({ key, max }, holder)) return "ok";
      const there = await session.ask(({ limits }) => limits.findOne({ _id: key }));
      if (there?.holders.some((each) => isSame(each, holder))) return "ok";
      if (there !== null && there.holders.length >= max) return "full";
    }
  }

  async free({ key, holder }: HeldSlot): Promise<void> {
    await this.#parts.session.ask(({ limits }) =>
      limits.updateOne({ _id: key }, { $pull: { holders: holderDocument(holder) } }),
    );
  }

  async count(keys: readonly string[]): Promise<number[]> {
    if (keys.length === 0) return [];
    const docs = await this.#parts.session.ask(({ limits }) => limits.find({ _id: { $in: [...keys] } }).toArray());
    const counts = new Map(docs.map(({ _id, holders }) => [_id, holders.length]));
    return keys.map((key) => counts.get(key) ?? 0);
  }

  async held(): Promise<HeldSlot[]> {
    const { session } = this.#parts;
    const docs = await session.ask(({ limits }) => limits.find().toArray());
    // Limits of tasks and nodes would stay for ever; `take` makes anew what it doesn't find.
    const empty = docs.filter(({ holders }) => holders.length === 0).map(({ _id }) => _id);
    if (empty.length > 0) {
      await session.ask(({ limits }) => limits.deleteMany({ _id: { $in: empty }, holders: { $size: 0 } }));
    }
    return docs.flatMap(({ _id, holders }) =>
      holders.map((each) => ({
        key: _id,
        holder: { ...refOf(each), epoch: each.attempt_epoch, claimId: each.claim_id },
      })),
    );
  }

  /**
   * Judged and written by the server in one step: many callers compete for one document here. What isn't there is made;
   * of what is there and doesn't fit, the server says that it can't be made a second time.
   */
  async #push({ key, max }: SlotLimit, holder: HolderDocument): Promise<boolean> {
    const hasRoom = { _id: key, holders: { $ne: holder }, [`holders.${max - 1}`]: { $exists: false } } as object;
    return this.#parts.session.ask(async ({ limits }) => {
      try {
        await limits.updateOne(hasRoom, { $push: { holders: holder } }, { upsert: true });
        return true;
      } catch (error) {
        if (isDuplicate(error)) return false;
        throw error;
      }
    });
  }
}

/** The fields always come in this order: to a server another order is another holder. */
const holderDocument = (attempt: Attempt): HolderDocument => ({
  ...refFields(attempt),
  attempt_epoch: attempt.epoch,
  claim_id: attempt.claimId,
});

const isSame = (a: HolderDocument, b: HolderDocument): boolean =>
  a.claim_id === b.claim_id &&
  a.attempt_epoch === b.attempt_epoch &&
  a.shard === b.shard &&
  a.node_id === b.node_id &&
  a.task_id === b.task_id;
