import type { Collection, Db } from "mongodb";
import { FlowError, type JsonObject, propertyOf } from "../../../errors/index.ts";
import { collectionNames, type Documents, indexes } from "../format/documents.ts";

/** Incremented with every change to collections or indexes that would break an earlier version of this store. */
const version = 2;

export type Collections = { readonly [TName in keyof Documents]: Collection<Documents[TName]> };

/** Dropped so that running processes of layout 1 cannot resume: they would ignore newer fields of origins. */
const droppedIndex = "origins";

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
  const mismatch = (advice: string, details: JsonObject = {}) =>
    new FlowError("STORE_VERSION", `this MongoDB database has layout ${found}, this version of flowkit ${advice}`, {
      details,
    });
  if (found > version) throw mismatch(`supports layouts up to ${version}: update flowkit`);
  if (found < version && !missingIsFine)
    throw mismatch(`needs ${version}: call migrate() once`, { olderLayout: found });
  return found === version;
}
