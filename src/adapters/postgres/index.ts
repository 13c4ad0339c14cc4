/**
 * A store that many machines share, on PostgreSQL.
 *
 * @module flowkit/adapters/postgres
 */

export type { PostgresOptions, PostgresStoreOptions } from "./options.ts";
export { type PostgresStore, postgresStore } from "./postgres-store.ts";
