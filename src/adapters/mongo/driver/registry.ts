import { randomUUID } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import type { Document } from "mongodb";
import type { DueLook, RegistryEntry, SweepKind } from "../../../core/ports/index.ts";
import { dueLook, type RegistryDriver, type SlotDriver } from "../../../core/store/driver.ts";
import type { Collections } from "../database/layout.ts";
import { compareAndSet, earliestTime, type Read, type Session } from "../database/session.ts";
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

/** Each kind has its own collection. */
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
  async replace({ kind, id }, value, ttlMs) {
    const { of, documentOf } = registryFormats[kind];
    const own = { _id: checkedId(id), rev: randomUUID(), list_order: "" };
    const { list_order: _, ...fields } = documentOf({ value }, own);
    const literals = Object.entries(fields).map(([name, field]) => [name, { $literal: field }]);
    const times = { list_order: "$list_order", expire_at: { $add: ["$$NOW", ttlMs] } };
    const next = [{ $replaceWith: { ...Object.fromEntries(literals), ...times } }];
    return (await session.run((all) => all[of].updateOne({ _id: own._id }, next))).matchedCount === 1;
  },
  async list(kind, page) {
    const { of, entryOf } = registryFormats[kind];
    const { items, ...rest } = await session.newest(of, { ...page, filters: [{}] }, (row) => row);
    return { items: items.filter(isKept).map(({ doc }) => ({ id: doc._id, ...entryOf(doc) })), ...rest };
  },
  due: (kind, limit) => session.due(registryFormats[kind].of, { field: "due_at", limit }, ({ _id }) => _id),
});

const isKept = ({ doc, now }: Read<RegistryDocument>): boolean => (doc.expire_at?.getTime() ?? now + 1) > now;

/** The earliest time of each kind, or whether there is one at all, in one request. */
export const lookForDue =
  (session: Session) =>
  async (aheadMs: number): Promise<DueLook> => {
    const rows = await session.run(({ nodes, tasks, schedules, pausedFlows, limits }) => {
      const union = ({ collectionName: coll }: { readonly collectionName: string }, pipeline: Document[]) => ({
        $unionWith: { coll, pipeline },
      });
      return nodes
        .aggregate<Dated>([
          ...earliest("expired", "expires_at"),
          union(nodes, earliest("deferred", "next_retry_at")),
          union(tasks, earliest("overdue", "deadline_at")),
          union(schedules, earliest("schedules", "due_at")),
          union(pausedFlows, first("pausedFlows")),
          union(limits, first("slots")),
          union(tasks, earliest("tasks", "sweep_at")),
        ])
        .toArray();
    });
    const waits = rows.map(({ kind, at, now }) => ({
      kind,
      inMs: at === undefined ? 0 : at.getTime() - now.getTime(),
    }));
    return dueLook(waits, aheadMs);
  };

interface Dated {
  readonly kind: SweepKind;
  readonly at?: Date;
  readonly now: Date;
}

const first = (kind: SweepKind, at = {}): Document[] => [
  { $limit: 1 },
  { $project: { _id: 0, kind: { $literal: kind }, now: "$$NOW", ...at } },
];

const earliest = (kind: SweepKind, field: string): Document[] => [
  { $match: { [field]: { $gt: earliestTime } } },
  { $sort: { [field]: 1 } },
  ...first(kind, { at: `$${field}` }),
];
