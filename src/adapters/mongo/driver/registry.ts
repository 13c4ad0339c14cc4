import { isDeepStrictEqual } from "node:util";
import type { DeadLetterDriver, SlotDriver, WorkerDriver } from "../../../core/store/driver.ts";
import { deadLetterDocument, deadLetterRecords, workerRecords } from "../format/documents.ts";
import { checkedId, holders } from "../format/records.ts";
import type { Session } from "./session.ts";

/** The holders of limits: one document per limit. */
export const slotCollection = (session: Session): SlotDriver => ({
  async take({ key, max }, attempt) {
    const holder = holders.toDocument(attempt);
    for (;;) {
      // Judged and written by the server in one step, since many callers compete for one document. A missing document is
      // inserted; where one exists that does not match, the insert fails with a duplicate key.
      const hasRoom = { _id: key, holders: { $ne: holder }, [`holders.${max - 1}`]: { $exists: false } } as object;
      const push = { $push: { holders: holder } };
      if (await session.insert(({ limits }) => limits.updateOne(hasRoom, push, { upsert: true }))) return "ok";
      const found = await session.findOne("limits", { _id: key });
      if (found?.holders.some((each) => isDeepStrictEqual(each, holder))) return "ok";
      if (found !== undefined && found.holders.length >= max) return "full";
    }
  },
  async free({ key, holder }) {
    const pull = { $pull: { holders: holders.toDocument(holder) } };
    await session.run(({ limits }) => limits.updateOne({ _id: key }, pull));
  },
  async count(keys) {
    if (keys.length === 0) return [];
    const found = await session.find("limits", { _id: { $in: [...keys] } });
    const counts = new Map(found.map((limit) => [limit._id, limit.holders.length]));
    return keys.map((key) => counts.get(key) ?? 0);
  },
  async held() {
    const found = await session.find("limits", {});
    // Limits of tasks and nodes would accumulate; `take` inserts what is missing.
    const empty = found.filter((limit) => limit.holders.length === 0).map(({ _id }) => _id);
    const stillEmpty = { _id: { $in: empty }, holders: { $size: 0 } };
    if (empty.length > 0) await session.run(({ limits }) => limits.deleteMany(stillEmpty));
    return found.flatMap((limit) => limit.holders.map((each) => ({ key: limit._id, holder: holders.toRecord(each) })));
  },
});

/** The workers that announced themselves. */
export const workerCollection = (session: Session): WorkerDriver => ({
  async announce(worker, ttlMs) {
    // Without `$literal`, a pipeline reads a string that begins with `$` as the name of a field.
    const fields = Object.entries(workerRecords.toDocument(worker)).map(([name, value]) => [name, { $literal: value }]);
    const $set = { ...Object.fromEntries(fields), last_seen: "$$NOW", alive_until: { $add: ["$$NOW", ttlMs] } };
    await session.run(({ workers }) => workers.updateOne({ _id: worker.id }, [{ $set }], { upsert: true }));
  },
  async remove(id) {
    await session.run(({ workers }) => workers.deleteOne({ _id: id }));
  },
  async live() {
    const rows = await session.timed("workers", [{ $match: { alive_until: { $gt: new Date(0) } } }]);
    return rows.filter(({ doc, now }) => doc.alive_until.getTime() > now).map(({ doc }) => workerRecords.toRecord(doc));
  },
});

/** The messages that could not be read. */
export const deadLetterCollection = (session: Session, { keptMs }: { readonly keptMs: number }): DeadLetterDriver => ({
  async add(letter) {
    const at = await session.now();
    const document = deadLetterDocument({ ...letter, at }, { keptMs, list_order: session.orderKey(at) });
    await session.insert(({ deadLetters }) => deadLetters.insertOne(document));
  },
  list: (page) => session.newest("deadLetters", { ...page, filters: [{}] }, deadLetterRecords.toRecord),
  async remove(id) {
    const filter = { _id: checkedId(id) };
    return (await session.run(({ deadLetters }) => deadLetters.deleteOne(filter))).deletedCount === 1;
  },
});
