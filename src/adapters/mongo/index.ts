/**
 * A store that many machines share, on MongoDB.
 *
 * @module flowkit/adapters/mongo
 */

export { type MongoStore, mongoStore } from "./mongo-store.ts";
export type { MongoStoreOptions } from "./options.ts";
