import { isDeepStrictEqual } from "node:util";
import type { RegistryEntry } from "../../../core/ports/index.ts";
import type { RegistryDriver, SlotDriver } from "../../../core/store/driver.ts";
import type { Collections } from "../database/layout.ts";
import { compareAndSet, type Read, type Session } from "../database/session.ts";
import { type RegistryDocument, registryFormats } from "../format/documents.ts";
import { checkedId, holders } from "../format/records.ts";

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

/** Each kind has a collection of its own. */
export const registryCollections = (session: Session): RegistryDriver => ({
  async update({ kind, id }, judge) {
    const { of, entryOf, documentOf } = registryFormats[kind];
    const _id = checkedId(id);
    return compareAndSet<Read<RegistryDocument>, Read<RegistryEntry>, ReturnType<typeof judge>["answer"]>({
      read: async () => (await session.timed(of, [{ $match: { _id } }]))[0],
      async judge(found) {
        const now = found?.now ?? (await session.now());
        const known = found && isKept(found) ? entryOf(found.doc) : undefined;
        const { answer, next } = judge(known, now);
        const removed = known && { value: known.value, until: now }; // the server removes it, a little later
        const doc = next === null ? removed : next;
        return doc === undefined ? { answer } : { answer, next: { doc, now } };
      },
      async insert({ doc, now }, rev) {
        const document = documentOf(doc, { _id, rev, list_order: session.orderKey(now) });
        const isInserted = async (all: Collections) => (await all[of].countDocuments({ _id, rev }, { limit: 1 })) === 1;
        return session.insert((all) => all[of].insertOne(document), isInserted);
      },
      async write({ doc, now }, { found, rev }) {
        const { rev: old = { $exists: false }, list_order = session.orderKey(now) } = found.doc;
        const { _id: __, ...document } = documentOf(doc, { _id, rev, list_order });
        return (await session.run((all) => all[of].replaceOne({ _id, rev: old }, document))).modifiedCount === 1;
      },
    });
  },
  async list(kind, page) {
    const { of, entryOf } = registryFormats[kind];
    const { items, ...rest } = await session.newest(of, { ...page, filters: [{}] }, (row) => row);
    return { items: items.filter(isKept).map(({ doc }) => ({ id: doc._id, ...entryOf(doc) })), ...rest };
  },
  due: (kind, limit) => session.due(registryFormats[kind].of, { field: "due_at", limit }, ({ _id }) => _id),
});

const isKept = ({ doc, now }: Read<RegistryDocument>): boolean => (doc.expire_at?.getTime() ?? now + 1) > now;
