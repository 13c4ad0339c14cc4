import type { Attempt } from "../../engine/model.ts";
import type { HeldSlot, SlotLimit } from "../../engine/ports/index.ts";
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
      // Judged and written by the server in one step: many callers compete for one document here.
      const { modifiedCount } = await session.ask(({ limits }) =>
        limits.updateOne({ _id: key, holders: { $ne: holder }, [`holders.${max - 1}`]: { $exists: false } } as object, {
          $push: { holders: holder },
        }),
      );
      if (modifiedCount === 1) return "ok";
      const there = await session.ask(({ limits }) => limits.findOne({ _id: key }));
      if (there?.holders.some((each) => isSame(each, holder))) return "ok";
      if (there !== null && there.holders.length >= max) return "full";
      if (there === null) await this.#create(key);
    }
  }

  async free({ key, holder }: HeldSlot): Promise<void> {
    await this.#parts.session.ask(({ limits }) =>
      limits.updateOne({ _id: key }, { $pull: { holders: holderDocument(holder) } }),
    );
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

  async #create(key: string): Promise<void> {
    await this.#parts.session.ask(async ({ limits }) => {
      try {
        await limits.insertOne({ _id: key, holders: [] });
      } catch (error) {
        if (!isDuplicate(error)) throw error;
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
