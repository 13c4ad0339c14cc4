import { MongoClient } from "mongodb";
import { expect, inject, onTestFinished, test } from "vitest";
import { mongoStore } from "../../../src/adapters/mongo/index.ts";
import { FlowError } from "../../../src/errors/index.ts";
import { newTask } from "../../contract/store/fixture.ts";
import { needsServices } from "../services.ts";
import { database, freshPrefix, openStore, testClient } from "./mongo-world.ts";

needsServices("mongodb");

const storeOf = (options: Partial<Parameters<typeof mongoStore>[0]>) => {
  const store = mongoStore({ url: inject("mongodbUrl"), database, ...options });
  onTestFinished(() => store.close());
  return store;
};

test("open creates what is missing, also in several processes at once, and records the layout", async () => {
  const prefix = freshPrefix();
  await Promise.all(Array.from({ length: 4 }, () => openStore({ url: inject("mongodbUrl"), prefix })));
  const db = testClient().db(database);
  expect(await db.collection(`${prefix}layout`).find().toArray()).toEqual([{ _id: "layout", version: 2 }]);
  const queue = (await db.collection(`${prefix}nodes`).indexes()).find(({ name }) => name === "queue");
  expect(queue).toMatchObject({
    key: { type: 1, priority: -1, ready_at: 1, queue_order: 1 },
    partialFilterExpression: { status: "queued" },
  });
});

test("with migrate: false, open rejects an empty database and accepts a migrated one", async () => {
  const prefix = freshPrefix();
  await expect(storeOf({ prefix, migrate: false }).open()).rejects.toMatchObject({
    code: "STORE_VERSION",
    message: expect.stringContaining("call migrate() once"),
  });
  expect(
    await testClient()
      .db(database)
      .listCollections({ name: `${prefix}tasks` })
      .toArray(),
  ).toEqual([]);
  await storeOf({ prefix }).migrate();
  await storeOf({ prefix }).migrate();
  const store = storeOf({ prefix, migrate: false });
  await store.open();
  expect(await store.createTask(newTask("t"))).toMatchObject({ outcome: "created" });
});

test("a database of a newer layout is rejected", async () => {
  const prefix = freshPrefix();
  await openStore({ url: inject("mongodbUrl"), prefix });
  const layout = testClient().db(database).collection<{ _id: string }>(`${prefix}layout`);
  await layout.updateOne({ _id: "layout" }, { $set: { version: 3 } });
  for (const migrate of [true, false]) {
    const error = await storeOf({ prefix, migrate })
      .open()
      .catch((reason: unknown) => reason);
    expect(FlowError.is(error, "STORE_VERSION"), String(error)).toBe(true);
    expect(String(error)).toContain("layout 3");
  }
});

test("a database of layout 1 is migrated, by several processes at once, and its processes can no longer resume", async () => {
  const prefix = freshPrefix();
  const db = testClient().db(database);
  const log = { task_id: 1, node_id: 1, shard: 1, generation: 1 } as const;
  const key = { ...log, "origin.source": 1, "origin.seq": 1, "origin.chunk": 1 } as const;
  const partialFilterExpression = { seq: { $exists: true } };
  await db.collection(`${prefix}artifacts`).createIndex(key, { name: "origins", partialFilterExpression });
  await db.collection<{ _id: string; version: number }>(`${prefix}layout`).insertOne({ _id: "layout", version: 1 });
  await expect(storeOf({ prefix, migrate: false }).open()).rejects.toMatchObject({ code: "STORE_VERSION" });
  await Promise.all(Array.from({ length: 3 }, () => openStore({ url: inject("mongodbUrl"), prefix })));
  const names = (await db.collection(`${prefix}artifacts`).indexes()).map(({ name }) => name);
  expect(names).toContain("last_origins");
  expect(names).not.toContain("origins"); // an older process reads the last origins by it
});

test("the user's client is not closed", async () => {
  const client = testClient();
  const store = mongoStore({ client, database, prefix: freshPrefix() });
  await store.open();
  await store.close();
  expect(await client.db(database).command({ ping: 1 })).toMatchObject({ ok: 1 });
});

const secret = "s3cr3t p@ss";

/** All that an error says, its causes included. */
function wordsOf(error: unknown): string {
  if (!(error instanceof Error)) return JSON.stringify(error);
  const { cause, ...fields } = error;
  return [error.message, error.stack, JSON.stringify(fields), cause === undefined ? "" : wordsOf(cause)].join("\n");
}

test("no error contains the password", async () => {
  const encoded = encodeURIComponent(secret);
  const { port } = new URL(inject("mongodbUrl"));
  const unreachable = storeOf({ url: `mongodb://me:${encoded}@127.0.0.1:1/x`, timeoutMs: 200 });
  const refused = storeOf({
    url: `mongodb://me:${encoded}@127.0.0.1:${port}/x?authMechanism=SCRAM-SHA-256&directConnection=true`,
    timeoutMs: 2_000,
  });
  const errors: unknown[] = [];
  for (const store of [unreachable, refused]) errors.push(await store.open().catch((reason: unknown) => reason));
  const wrongUrls = [
    `mongodb://me:${secret}@h/x`,
    `mongodb://me:${encoded}@h/x?tls=maybe`,
    `mongo://me:${encoded}@h`,
    `mongodb://me:${encoded}@`,
    // For these, the driver's message contains what it took for a host name.
    `mongodb://me/${encoded}@h`,
    `mongodb://me:${encoded}@h/?authMechanism=${encoded}`,
  ];
  for (const url of wrongUrls) {
    try {
      mongoStore({ url });
      errors.push(new Error(`${url} was taken`));
    } catch (error) {
      errors.push(error);
    }
  }
  expect(errors.map((error) => (FlowError.is(error) ? error.code : String(error)))).toEqual([
    "STORE_UNAVAILABLE",
    "STORE_UNAVAILABLE",
    ...wrongUrls.map(() => "ENGINE_OPTIONS"),
  ]);
  for (const words of errors.map(wordsOf)) {
    expect(words).not.toContain(secret);
    expect(words).not.toContain(encoded);
  }
});

test("invalid options are rejected immediately", () => {
  const client = new MongoClient("mongodb://127.0.0.1:1");
  for (const options of [
    {},
    { url: "mongodb://h", client },
    { url: "mongodb://h", prefix: "a$b" },
    { url: "mongodb://h", database: "a b" },
    { url: "mongodb://h", timeoutMs: 0 },
    { url: "mongodb://h", keepEndedSec: -1 },
    { url: "mongodb://h", keepDeadLettersSec: 0.5 },
    { url: "mongodb://h", migrate: "never" as unknown as boolean },
  ]) {
    expect(() => mongoStore(options), JSON.stringify(Object.keys(options))).toThrow(
      expect.objectContaining({ code: "ENGINE_OPTIONS" }),
    );
  }
});
