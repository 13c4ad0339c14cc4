import type { Document } from "mongodb";
import { expect, inject, test } from "vitest";
import { FlowError, type Json } from "../../../src/errors/index.ts";
import {
  appended,
  artifactOf,
  longMs,
  newTask,
  nextAttempt,
  recordOf,
  runningShard,
  shardOf,
} from "../../contract/store/fixture.ts";
import { testEngine } from "../../helpers/engines.ts";
import { graphOf, node } from "../../helpers/graphs.ts";
import { source } from "../../helpers/handlers.ts";
import { needsServices } from "../services.ts";
import { database, freshPrefix, openStore, testClient } from "./mongo-world.ts";

needsServices("mongodb");

async function world() {
  const prefix = freshPrefix();
  const client = testClient();
  const store = await openStore({ client, prefix });
  const documents = (name: string): Promise<Document[]> =>
    client
      .db(database)
      .collection(prefix + name)
      .find()
      .toArray();
  return { store, documents };
}

test("a shard is one document, with a lease in the words of the wire protocol", async () => {
  const { store, documents } = await world();
  const before = Date.now();
  const attempt = await runningShard(store, shardOf("clean", 1));
  const [document, ...more] = await documents("nodes");
  expect(more).toEqual([]);
  expect(document).toMatchObject({
    _id: "t:clean:1",
    task_id: "t",
    node_id: "clean",
    shard: 1,
    type: "extractor",
    status: "running",
    attempt_epoch: 1,
    lease: { worker_id: `worker-of-${attempt.claimId}`, lease_id: attempt.claimId, deadline_ts_ms: expect.any(Number) },
    expires_at: expect.any(Date),
    ready_at: expect.any(Date),
    generation: 0,
    source_gens: {},
  });
  expect(document).not.toHaveProperty("queue_order");
  expect(document?.lease.deadline_ts_ms).toBe(document?.expires_at.getTime());
  expect(document?.lease.deadline_ts_ms).toBeGreaterThan(before + longMs / 2);
});

test("an artifact is a partial document, and a complete document closes the log", async () => {
  const { store, documents } = await world();
  const attempt = await runningShard(store);
  await appended(store, attempt, 1);
  await store.restart(attempt, { generation: 1, sourceGens: {} });
  await appended(store, attempt, 1, 1);
  await store.complete(attempt, { generation: 1, count: 1, result: { rows: 1 } });
  const [first, second, marker, ...more] = await documents("artifacts");
  expect(more).toEqual([]);
  const written = {
    task_id: "t",
    node_id: "extract",
    shard: 0,
    attempt_epoch: 1,
    claim_id: attempt.claimId,
    worker_id: `worker-of-${attempt.claimId}`,
    created_at: expect.any(Date),
  };
  const partial = {
    ...written,
    status: "partial",
    meta: { row: 0 },
    metrics: { rows: 1 },
    origin: { source: "", seq: 0, chunk: 0 },
  };
  expect(first).toEqual({ ...partial, _id: "t:extract:0:0:0", generation: 0, seq: 0, batch_uid: "u0" });
  expect(second).toEqual({ ...partial, _id: "t:extract:0:1:0", generation: 1, seq: 0, batch_uid: "u0.g1" });
  expect(marker).toEqual({
    ...written,
    _id: "t:extract:0:1:1",
    generation: 1,
    seq: 1,
    status: "complete",
    batch_uid: "__complete__.0.1",
    meta: { rows: 1 },
  });
});

test("a task is one document with its graph, params and variables", async () => {
  const { store, documents } = await world();
  await store.createTask(newTask("t", { params: { day: 1 }, priority: 3, deadlineMs: longMs, idempotencyKey: "k" }));
  expect(await documents("tasks")).toMatchObject([
    {
      _id: "t",
      status: "running",
      name: "etl",
      priority: 3,
      graph: { nodes: [{ node_id: "extract" }, {}, {}] },
      graph_hash: expect.stringMatching(/^[0-9a-f]{64}$/),
      params: { day: 1 },
      vars: {},
      vars_version: 0,
      vars_applied: [],
      idempotency_key: "k",
      sweep_at: expect.any(Date),
      deadline_at: expect.any(Date),
      created_at: expect.any(Date),
      updated_at: expect.any(Date),
    },
  ]);
  await store.finishTask("t");
  const [ended] = await documents("tasks");
  expect(ended).toMatchObject({ status: "finished", ended_at: expect.any(Date) });
  expect(ended).not.toHaveProperty("sweep_at");
  expect(ended).not.toHaveProperty("deadline_at");
});

const awkward: Readonly<Record<string, Json>> = {
  "keys with dots and dollars": { "a.b": 1, $set: { $gt: 2 }, "": 3, "$.": [{ "x.y": null }] },
  "what a driver would make an object of its own": { $ref: "tasks", $id: "t", $db: "x" },
  "a type tag of the driver": { _bsontype: "Long", low: 1, high: 2 },
  "an own key __proto__": JSON.parse('{"__proto__": {"polluted": true}, "constructor": 1, "toBSON": 2}') as Json,
  "a key with NUL, and one that isn't Unicode": { "a\0b": 1, "\ud800": 2 },
  "text of all kinds": ["", "\0", "über ✓ 𝄞", "\udc00 alone", "$$NOW", "$field"],
  "numbers of all sizes": [0, -1, 2 ** 31, -(2 ** 31) - 1, 2 ** 53, 2 ** 63, 0.1, 5e-324, 1.7976931348623157e308],
  "a deep value": Array.from({ length: 150 }).reduce<Json>((inner) => ({ inner }), "bottom"),
  nothing: null,
  "an empty object": {},
};

for (const [name, value] of Object.entries(awkward)) {
  test(`users' values are read unchanged: ${name}`, async () => {
    const { store } = await world();
    const other = await openStore({ url: inject("mongodbUrl"), prefix: freshPrefix() });
    for (const each of [store, other]) {
      await each.createTask(newTask("t", { params: { value } }));
      expect(JSON.stringify((await each.readTask("t"))?.params)).toBe(JSON.stringify({ value }));
      await each.writeVars("t", { version: 0, vars: { value }, appliedBy: "a" });
      await each.writeVars("t", { version: 1, vars: { value: [value] }, appliedBy: "b" });
      expect(JSON.stringify((await each.readVars("t"))?.vars)).toBe(JSON.stringify({ value: [value] }));
      await each.writeVars("t", { version: 2, vars: {}, appliedBy: "c" });
      expect((await each.readVars("t"))?.vars).toEqual({});
      const attempt = await runningShard(each);
      await each.report(attempt, { generation: 0, n: 1, checkpoint: value });
      await each.append(attempt, 0, artifactOf(0, { meta: value }));
      await each.complete(attempt, { generation: 0, count: 1, result: value });
      const record = await recordOf(each, attempt);
      const [artifact] = await each.readArtifacts(attempt, 0, 0, 1);
      for (const back of [record.checkpoint, record.result, artifact?.meta]) {
        expect(JSON.stringify(back)).toBe(JSON.stringify(value));
      }
    }
  });
}

test("all numbers of a record are read as numbers, and no field is null", async () => {
  const { store } = await world();
  let attempt = await runningShard(store);
  await store.renew([attempt], longMs);
  await store.report(attempt, {
    generation: 0,
    n: 1,
    cursors: { "a.b/0": 2 ** 40 },
    progress: { done: 1, total: 2 ** 33 },
  });
  attempt = await nextAttempt(store, attempt);
  await store.append(attempt, 0, artifactOf(0, { metrics: { bytes: 2 ** 40, part: 0.5 } }));
  const record = await recordOf(store, attempt);
  const seen = [
    record,
    await store.readTask("t"),
    await store.readArtifacts(attempt, 0, 0, 9),
    await store.tail(attempt, 0),
  ];
  // A Long, an Int32 or a Date would come back as something else.
  expect(JSON.parse(JSON.stringify(seen))).toEqual(seen);
  expect(JSON.stringify(seen)).not.toContain("null");
  expect(record).toMatchObject({ cursors: { "a.b/0": 2 ** 40 }, progress: { done: 1, total: 2 ** 33 } });
});

test("uids are not confused with those of another generation or with a marker's", async () => {
  const { store } = await world();
  const attempt = await runningShard(store);
  const uids = ["a", "a.g1", "a.g0", "__complete__.0.0", "$ne", "x.g"];
  for (const generation of [0, 1]) {
    if (generation > 0) await store.restart(attempt, { generation, sourceGens: {} });
    for (const [seq, uid] of uids.entries()) {
      expect(await store.append(attempt, generation, artifactOf(seq, { uid })), uid).toBe("ok");
    }
    const log = await store.readArtifacts(attempt, generation, 0, 100);
    expect(log.map(({ uid }) => uid)).toEqual(uids);
    expect(await store.readUids(attempt, generation, 0, 100)).toEqual(uids);
    expect(await store.storedUids(attempt, generation, [...uids, "b"])).toEqual(new Set(uids));
  }
  expect(await store.complete(attempt, { generation: 1, count: uids.length })).toBe("ok");
});

test("an id that is not a string is rejected, not used as a query", async () => {
  const { store } = await world();
  await store.createTask(newTask("t"));
  const operator = { $ne: "" } as unknown as string;
  for (const call of [
    () => store.readTask(operator),
    () => store.readVars(operator),
    () => store.readShards(operator),
    () => store.cancelTask(operator, "x"),
    () => store.deleteTask(operator),
    () => store.createTask(newTask(operator)),
    () => store.createTask(newTask("u", { idempotencyKey: operator })),
    () => store.removeDeadLetter(operator),
  ]) {
    await expect(call()).rejects.toThrow("an id must be a string");
  }
  expect((await store.readTask("t"))?.status).toBe("running");
});

test("a record beyond the document size limit is rejected before anything is written", async () => {
  const { store, documents } = await world();
  const large = "x".repeat(17 * 1_024 * 1_024);
  const refused = async (call: Promise<unknown>) => {
    const error = await call.catch((reason: unknown) => reason);
    expect(FlowError.is(error, "RECORD_TOO_LARGE"), String(error).slice(0, 300)).toBe(true);
    expect(error).toMatchObject({ retryable: false });
  };
  await refused(store.createTask(newTask("big", { params: { large } })));
  const attempt = await runningShard(store);
  await refused(store.writeVars("t", { version: 0, vars: { large }, appliedBy: "a" }));
  await refused((async () => store.append(attempt, 0, artifactOf(0, { meta: large })))());
  await refused((async () => store.complete(attempt, { generation: 0, count: 0, result: large }))());
  const last = artifactOf(0, { meta: large });
  await refused((async () => store.completeAndClaim(attempt, { generation: 0, count: 1, last }))());
  expect(await documents("artifacts")).toEqual([]);
  expect(await store.readTask("big")).toBeUndefined();
  expect(await recordOf(store, attempt)).toMatchObject({ status: "running" });
});

test("a batch that is too large fails its task with advice", async () => {
  const { store } = await world();
  const large = source("large", [1], { processBatch: () => "x".repeat(17 * 1_024 * 1_024) as unknown as number });
  const { engine } = await testEngine([large], { store });
  const task = await engine.run(graphOf(node("large")));
  await expect(task.result()).rejects.toMatchObject({
    code: "TASK_FAILED",
    details: { reasonCode: "artifact_too_large" },
    message: expect.stringContaining("split it"),
  });
});
