import { randomUUID } from "node:crypto";
import { Pool, type PoolConfig } from "pg";
import { inject, onTestFinished } from "vitest";
import { type PostgresStore, type PostgresStoreOptions, postgresStore } from "../../../src/adapters/postgres/index.ts";
import { tcpProxy } from "../../helpers/tcp-proxy.ts";

/** The schema of one test or file in the database that all tests share. */
export const freshSchema = (): string => `t_${randomUUID().slice(0, 8)}`;

/** A separate pool, closed when the test ends. */
export function testPool(options: PoolConfig = {}): Pool {
  const pool = new Pool({ connectionString: inject("postgresUrl"), ...options });
  onTestFinished(() => pool.end());
  return pool;
}

/** Calls `note` with the text of each statement that is a transaction of its own, on connections of this pool. */
export function noteStatements(pool: Pool, note: (text: string) => void): void {
  pool.on("connect", (client) => {
    const { query } = client;
    client.query = ((given: { readonly text: string }, ...rest: readonly unknown[]) => {
      if (given instanceof Object && "submit" in given) note(given.text);
      return Reflect.apply(query, client, [given, ...rest]);
    }) as typeof query;
  });
}

/** An opened store, closed when the test ends. */
export async function openStore(options: PostgresStoreOptions): Promise<PostgresStore> {
  const store = postgresStore(options);
  onTestFinished(() => store.close());
  await store.open();
  return store;
}

/** A store behind a proxy, and one on the same data whose connections are never lost. */
export async function behindProxy({ timeoutMs = 10_000 } = {}) {
  const url = new URL(inject("postgresUrl"));
  const proxy = await tcpProxy({ host: url.hostname, port: Number(url.port) });
  url.host = `127.0.0.1:${proxy.port}`;
  const schema = freshSchema();
  const direct = await openStore({ url: inject("postgresUrl"), schema });
  return { proxy, schema, url: url.href, store: await openStore({ url: url.href, schema, timeoutMs }), direct };
}

export const dropSchema = (pool: Pool, schema: string) => pool.query(`DROP SCHEMA IF EXISTS "${schema}" CASCADE`);

/** Removes the data of a test before the next one. */
export async function emptySchema(pool: Pool, schema: string): Promise<void> {
  for (const table of ["loans", "tasks", "shards", "artifacts", "limits", "registry"])
    await pool.query(`DELETE FROM "${schema}".${table}`);
}
