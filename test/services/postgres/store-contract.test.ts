import { setTimeout as sleep } from "node:timers/promises";
import { Pool } from "pg";
import { afterAll, beforeAll, inject } from "vitest";
import { postgresStore } from "../../../src/adapters/postgres/index.ts";
import type { StoreHarness } from "../../contract/store/fixture.ts";
import { storeContract } from "../../contract/store-contract.ts";
import { needsServices } from "../services.ts";
import { dropSchema, emptySchema, freshSchema } from "./postgres-world.ts";

needsServices("postgres");

const pools: Pool[] = [];
const schema = freshSchema();

beforeAll(() => {
  const connectionString = inject("postgresUrl");
  if (connectionString !== "") pools.push(new Pool({ connectionString }), new Pool({ connectionString }));
});
afterAll(async () => {
  const [first] = pools;
  if (first !== undefined) await dropSchema(first, schema);
  await Promise.all(pools.map((pool) => pool.end()));
});

/**
 * Stores over empty tables. The first two that a test opens have separate pools, as in two processes; the third shares the
 * pool of the first. Time passes by itself: it is the server's.
 */
async function open(): Promise<StoreHarness> {
  const [first, second] = pools;
  if (first === undefined || second === undefined) throw new Error("no server");
  let stores = 0;
  return {
    async connect() {
      const store = postgresStore({ pool: stores++ % 2 === 0 ? first : second, schema });
      await store.open();
      return store;
    },
    // The store may take the server's time to be later than it is, by up to 100 ms.
    advance: (ms) => sleep(ms + 100),
    close: () => emptySchema(first, schema),
  };
}

storeContract("the PostgreSQL store", open);
