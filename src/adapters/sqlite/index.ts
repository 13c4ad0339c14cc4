/**
 * A store in a file, by the SQLite that Node brings.
 *
 * @module flowkit/adapters/sqlite
 */
export type { SqliteStoreOptions } from "./connection.ts";
export { sqliteStore } from "./sqlite-store.ts";
