import { setTimeout as sleep } from "node:timers/promises";
import { MongoClient } from "mongodb";
import { afterAll, inject } from "vitest";
import { mongoStore } from "../../../src/adapters/mongo/index.ts";
import type { StoreHarness } from "../../contract/store/fixture.ts";
import { storeContract } from "../../contract/store-contract.ts";
import { needsServices } from "../services.ts";
import { database, dropCollections, freshPrefix } from "./mongo-world.ts";

needsServices("mongodb");

const clients: MongoClient[] = [];
afterAll(() => Promise.all(clients.map((client) => client.close())));

/** The clients of a run of the suite: connections are what takes long to make. */
function clientsOf(count: 1 | 2): () => readonly [MongoClient, MongoClient] {
  let made: readonly [MongoClient, MongoClient] | undefined;
  return () => {
    if (made !== undefined) return made;
    const first = new MongoClient(inject("mongodbUrl"));
    made = [first, count === 1 ? first : new MongoClient(inject("mongodbUrl"))];
    clients.push(...made);
    return made;
  };
}

/** Stores over the collections of one test. Time passes by itself: it is the server's. */
async function open([first, second]: readonly [MongoClient, MongoClient]): Promise<StoreHarness> {
  const prefix = freshPrefix();
  let stores = 0;
  return {
    async connect() {
      const store = mongoStore({ client: stores++ % 2 === 0 ? first : second, database, prefix });
      await store.open();
      return store;
    },
    advance: (ms) => sleep(ms),
    close: () => dropCollections(first, prefix),
  };
}

const one = clientsOf(1);
const two = clientsOf(2);
storeContract("the MongoDB store", () => open(one()));
storeContract("the MongoDB store, over two clients", () => open(two()), { again: true });
