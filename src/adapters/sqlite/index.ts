/**
 * A store in a file, with the SQLite that is built into Node.
 *
 * @module flowkit/adapters/sqlite
 */
export type { SqliteStoreOptions } from "./database/connection.ts";
export { sqliteStore } from "./sqlite-store.ts";
