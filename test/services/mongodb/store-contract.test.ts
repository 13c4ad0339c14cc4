import { setTimeout as sleep } from "node:timers/promises";
import { MongoClient } from "mongodb";
import { afterAll, beforeAll, inject } from "vitest";
import { mongoStore } from "../../../src/adapters/mongo/index.ts";
import type { StoreHarness } from "../../contract/store/fixture.ts";
import { storeContract } from "../../contract/store-contract.ts";
import { needsServices } from "../services.ts";
import { database, dropCollections, emptyCollections, freshPrefix } from "./mongo-world.ts";

needsServices("mongodb");

/** Created once, like the collections: it takes longer than most tests. */
const clients: MongoClient[] = [];
const prefix = freshPrefix();

beforeAll(() => {
  const url = inject("mongodbUrl");
  if (url !== "") clients.push(new MongoClient(url), new MongoClient(url));
});
afterAll(async () => {
  const [first] = clients;
  if (first !== undefined) await dropCollections(first, prefix);
  await Promise.all(clients.map((client) => client.close()));
});

/**
 * Stores over empty collections. The first two that a test opens have separate clients, as in two processes; the third shares
 * the client of the first. Time passes by itself: it is the server's.
 */
async function open(): Promise<StoreHarness> {
  const [first, second] = clients;
  if (first === undefined || second === undefined) throw new Error("no server");
  let stores = 0;
  return {
    async connect() {
      const store = mongoStore({ client: stores++ % 2 === 0 ? first : second, database, prefix });
      await store.open();
      return store;
    },
    advance: (ms) => sleep(ms),
    close: () => emptyCollections(first, prefix),
  };
}

storeContract("the MongoDB store", open);
