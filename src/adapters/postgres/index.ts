/**
 * A store and a bus on PostgreSQL, which many machines can share.
 *
 * @module flowkit/adapters/postgres
 */

export type { PostgresOptions, PostgresStoreOptions } from "./options.ts";
export { type PostgresBusOptions, postgresBus } from "./postgres-bus.ts";
export { type PostgresStore, postgresStore } from "./postgres-store.ts";
