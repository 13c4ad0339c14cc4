export type { MongoStoreOptions } from "./mongo-options.ts";
export { type MongoStore, mongoStore } from "./mongo-store.ts";
