/**
 * A store that many machines share, on MongoDB.
 *
 * @module flowkit/adapters/mongo
 */
export type { MongoStoreOptions } from "./mongo-options.ts";
export { type MongoStore, mongoStore } from "./mongo-store.ts";
