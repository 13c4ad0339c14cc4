/**
 * A store and a bus that many machines share, on PostgreSQL.
 *
 * @module flowkit/adapters/postgres
 */

export type { PostgresOptions, PostgresStoreOptions } from "./options.ts";
export { type PostgresBusOptions, postgresBus } from "./postgres-bus.ts";
export { type PostgresStore, postgresStore } from "./postgres-store.ts";
