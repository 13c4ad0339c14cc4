import type { Collection, Db, IndexDescription } from "mongodb";
import { FlowError, propertyOf } from "../../../errors/index.ts";
import { collectionNames, type Documents } from "../format/documents.ts";

/** Incremented with every change to collections or indexes that would break an earlier version of this store. */
const version = 2;

export type Collections = { readonly [TName in keyof Documents]: Collection<Documents[TName]> };

export const logIndex = "log";
export const originIndex = "last_origins";
/** Without it, running processes of layout 1 cannot resume, which they would without an origin's newer fields. */
const droppedIndex = "origins";

/** How long a worker that stopped announcing itself stays visible. */
const workerKeptSec = 3_600;

const logKey = { task_id: 1, node_id: 1, shard: 1, generation: 1 } as const;
/** Rows of external workers have no seq until they are part of a log. */
const inLog = { seq: { $exists: true } };

const indexes: Readonly<Partial<Record<keyof Documents, readonly IndexDescription[]>>> = {
  tasks: [
    { name: "idempotency_key", key: { idempotency_key: 1 }, unique: true, sparse: true },
    { name: "list", key: { list_order: -1 } },
    { name: "list_of_status", key: { status: 1, list_order: -1 } },
    { name: "sweep", key: { sweep_at: 1 }, sparse: true },
    { name: "deadline", key: { deadline_at: 1 }, sparse: true },
    { name: "ended", key: { ended_at: 1 }, sparse: true },
    { name: "borrowers", key: { borrows_from: 1 }, sparse: true },
  ],
  nodes: [
    { name: "shard", key: { task_id: 1, node_id: 1, shard: 1 }, unique: true },
    {
      name: "queue",
      key: { type: 1, priority: -1, ready_at: 1, queue_order: 1 },
      partialFilterExpression: { status: "queued" },
    },
    { name: "expiry", key: { expires_at: 1 }, sparse: true },
    { name: "deferred", key: { next_retry_at: 1 }, sparse: true },
  ],
  artifacts: [
    { name: logIndex, key: { ...logKey, seq: 1 }, unique: true, partialFilterExpression: inLog },
    { name: "batch_uid", key: { task_id: 1, node_id: 1, batch_uid: 1 }, unique: true },
    { name: originIndex, key: { ...logKey, "origin.source": 1, seq: 1 }, partialFilterExpression: inLog },
  ],
  limits: [{ name: "holders_of_task", key: { "holders.task_id": 1 } }],
  workers: [{ name: "silent", key: { alive_until: 1 }, expireAfterSeconds: workerKeptSec }],
  deadLetters: [
    { name: "list", key: { list_order: -1 } },
    { name: "old", key: { expire_at: 1 }, expireAfterSeconds: 0 },
  ],
};

/** Decisions need durable writes, and reads of durable documents only. */
export function collectionsOf(db: Db, options: { readonly prefix: string; readonly timeoutMs: number }): Collections {
  const settings = {
    writeConcern: { w: "majority", journal: true },
    readConcern: { level: "majority" },
    readPreference: "primary",
    ignoreUndefined: true,
    promoteValues: true,
    promoteLongs: true,
    timeoutMS: options.timeoutMs,
  } as const;
  const collectionOf = (name: string) => db.collection(options.prefix + name, settings);
  const entries = Object.entries(collectionNames).map(([key, name]) => [key, collectionOf(name)]);
  return Object.fromEntries(entries) as Collections;
}

/**
 * Creates what is missing. Several processes may call it concurrently.
 *
 * @throws FlowError `STORE_VERSION` for a database of a newer layout
 */
export async function migrate(collections: Collections): Promise<void> {
  await checkLayout(collections, { missingIsFine: true });
  for (const [name, wanted] of Object.entries(indexes)) {
    await collections[name as keyof Documents].createIndexes([...wanted]);
  }
  await collections.artifacts.dropIndex(droppedIndex).catch((error: unknown) => {
    if (propertyOf(error, "codeName") !== "IndexNotFound") throw error;
  });
  // The last step: a database that has the version has all indexes.
  await collections.layout.updateOne({ _id: "layout" }, { $max: { version } }, { upsert: true });
}

/** Whether the database has the layout of this version. False: an earlier one, or none. */
export async function checkLayout({ layout }: Collections, { missingIsFine }: { readonly missingIsFine: boolean }) {
  const found = (await layout.findOne({ _id: "layout" }))?.version ?? 0;
  const mismatch = (advice: string) =>
    new FlowError("STORE_VERSION", `this MongoDB database has layout ${found}, this version of flowkit ${advice}`);
  if (found > version) throw mismatch(`supports layouts up to ${version}: update flowkit`);
  if (found < version && !missingIsFine) throw mismatch(`needs ${version}: call migrate() once`);
  return found === version;
}
