import { randomUUID } from "node:crypto";
import { MongoClient, type MongoClientOptions } from "mongodb";
import { inject, onTestFinished } from "vitest";
import { type MongoStore, type MongoStoreOptions, mongoStore } from "../../../src/adapters/mongo/index.ts";
import { tcpProxy } from "../../helpers/tcp-proxy.ts";

/** The collections of one test in the database that all tests share: creating a database takes longer. */
export const freshPrefix = (): string => `${randomUUID().slice(0, 8)}_`;

/** A separate client, closed when the test ends. */
export function testClient(options: MongoClientOptions = {}): MongoClient {
  const client = new MongoClient(inject("mongodbUrl"), options);
  onTestFinished(() => client.close());
  return client;
}

export const database = "flowkit_tests";

/** An opened store, closed when the test ends. */
export async function openStore(options: MongoStoreOptions): Promise<MongoStore> {
  const store = mongoStore({ database, ...options });
  onTestFinished(() => store.close());
  await store.open();
  return store;
}

/** A store behind a proxy, and one on the same data whose connections are never lost. */
export async function behindProxy({ timeoutMs = 10_000, settings = "" } = {}) {
  const { hostname, port } = new URL(inject("mongodbUrl"));
  const proxy = await tcpProxy({ host: hostname, port: Number(port) });
  const prefix = freshPrefix();
  // A standalone server cannot recognise a write that the driver repeats, so the store must.
  const url = `mongodb://127.0.0.1:${proxy.port}/?directConnection=true&retryWrites=false${settings}`;
  const store = await openStore({ url, prefix, timeoutMs });
  return { proxy, store, direct: await openStore({ url: inject("mongodbUrl"), prefix }) };
}

const dataNames = [
  "tasks",
  "nodes",
  "artifacts",
  "limits",
  "worker_registry",
  "workers_seen",
  "dead_letters",
  "schedules",
  "paused_flows",
] as const;

/** Removes the data of a test. */
export async function dropCollections(client: MongoClient, prefix: string): Promise<void> {
  const db = client.db(database);
  for (const name of [...dataNames, "layout"]) await db.collection(`${prefix}${name}`).drop();
}

/** Removes the data of a test before the next one. */
export async function emptyCollections(client: MongoClient, prefix: string): Promise<void> {
  const db = client.db(database);
  for (const name of dataNames) await db.collection(`${prefix}${name}`).deleteMany({});
}
