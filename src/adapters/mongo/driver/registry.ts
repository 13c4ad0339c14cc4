import { isDeepStrictEqual } from "node:util";
import type { Attempt, DeadLetter, WorkerRecord } from "../../../core/model/records.ts";
import type { HeldSlot, Page, PageRequest, SlotLimit } from "../../../core/ports/index.ts";
import type { DeadLetterDriver, SlotDriver, WorkerDriver } from "../../../core/store/driver.ts";
import { checkedId, type DeadLetterDocument, deadLetters, holders, type WorkerDocument, workers } from "./documents.ts";
import { lastOrderKey, pageOf, type Session } from "./session.ts";

/** The holders of limits: one document a limit. */
export class MongoSlots implements SlotDriver {
  readonly #session: Session;

  constructor(session: Session) {
    this.#session = session;
  }

  async take({ key, max }: SlotLimit, attempt: Attempt): Promise<"ok" | "full"> {
    const holder = holders.toDocument(attempt);
    for (;;) {
      // Judged and written by the server in one step: many callers compete for one document here. What isn't there is
      // made; of what is there and doesn't fit, the server says that it can't be made a second time.
      const hasRoom = { _id: key, holders: { $ne: holder }, [`holders.${max - 1}`]: { $exists: false } } as object;
      const isTaken = await this.#session.insert(({ limits }) =>
        limits.updateOne(hasRoom, { $push: { holders: holder } }, { upsert: true }),
      );
      if (isTaken) return "ok";
      const there = await this.#session.ask(({ limits }) => limits.findOne({ _id: key }));
      if (there?.holders.some((each) => isDeepStrictEqual(each, holder))) return "ok";
      if (there !== null && there.holders.length >= max) return "full";
    }
  }

  async free({ key, holder }: HeldSlot): Promise<void> {
    await this.#session.ask(({ limits }) =>
      limits.updateOne({ _id: key }, { $pull: { holders: holders.toDocument(holder) } }),
    );
  }

  async count(keys: readonly string[]): Promise<number[]> {
    if (keys.length === 0) return [];
    const docs = await this.#session.ask(({ limits }) => limits.find({ _id: { $in: [...keys] } }).toArray());
    const counts = new Map(docs.map((doc) => [doc._id, doc.holders.length]));
    return keys.map((key) => counts.get(key) ?? 0);
  }

  async held(): Promise<HeldSlot[]> {
    const docs = await this.#session.ask(({ limits }) => limits.find().toArray());
    // Limits of tasks and nodes would stay for ever; `take` makes anew what it doesn't find.
    const empty = docs.filter((doc) => doc.holders.length === 0).map(({ _id }) => _id);
    if (empty.length > 0) {
      await this.#session.ask(({ limits }) => limits.deleteMany({ _id: { $in: empty }, holders: { $size: 0 } }));
    }
    return docs.flatMap((doc) => doc.holders.map((each) => ({ key: doc._id, holder: holders.toRecord(each) })));
  }
}

/** The workers that said they are alive. */
export class MongoWorkers implements WorkerDriver {
  readonly #session: Session;

  constructor(session: Session) {
    this.#session = session;
  }

  async announce(worker: WorkerRecord, ttlMs: number): Promise<void> {
    // A pipeline reads strings that begin with `$` as fields, unless they are said to be literal.
    const said = Object.entries(workers.toDocument(worker)).map(([name, value]) => [name, { $literal: value }]);
    const set = { ...Object.fromEntries(said), last_seen: "$$NOW", alive_until: { $add: ["$$NOW", ttlMs] } };
    await this.#session.ask((collections) =>
      collections.workers.updateOne({ _id: worker.id }, [{ $set: set }], { upsert: true }),
    );
  }

  async remove(id: string): Promise<void> {
    await this.#session.ask((collections) => collections.workers.deleteOne({ _id: id }));
  }

  async live(): Promise<WorkerRecord[]> {
    const known = { $match: { alive_until: { $gt: new Date(0) } } };
    const rows = await this.#session.timed<WorkerDocument>("workers", [known]);
    return rows.filter(({ doc, now }) => doc.alive_until.getTime() > now).map(({ doc }) => workers.toRecord(doc));
  }
}

/** The messages that nobody could read. */
export class MongoDeadLetters implements DeadLetterDriver {
  readonly #session: Session;
  readonly #keptMs: number;

  constructor(session: Session, options: { readonly keptMs: number }) {
    this.#session = session;
    this.#keptMs = options.keptMs;
  }

  async add(letter: Omit<DeadLetter, "at">): Promise<void> {
    checkedId(letter.id);
    const now = await this.#session.now();
    const document = {
      ...deadLetters.toDocument({ ...letter, at: now }),
      list_order: this.#session.orderKey(now),
      expire_at: new Date(now + this.#keptMs),
    } as DeadLetterDocument;
    await this.#session.insert((collections) => collections.deadLetters.insertOne(document));
  }

  async list({ cursor = lastOrderKey, limit }: PageRequest): Promise<Page<DeadLetter>> {
    const docs = await this.#session.ask((collections) =>
      collections.deadLetters
        .find({ list_order: { $lt: cursor } })
        .sort({ list_order: -1 })
        .limit(limit + 1)
        .toArray(),
    );
    return pageOf(docs, limit, deadLetters.toRecord);
  }

  async remove(id: string): Promise<boolean> {
    const { deletedCount } = await this.#session.ask((collections) =>
      collections.deadLetters.deleteOne({ _id: checkedId(id) }),
    );
    return deletedCount === 1;
  }
}
