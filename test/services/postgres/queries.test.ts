import { Socket } from "node:net";
import { expect, inject, test } from "vitest";
import { postgresBus } from "../../../src/adapters/postgres/index.ts";
import { messageOf, noting } from "../../contract/bus/fixture.ts";
import { findsWhatIsDue } from "../../contract/store/due-look.ts";
import {
  appended,
  artifactOf,
  dispatchInit,
  longMs,
  newTask,
  nextAttempt,
  runningShard,
  shardOf,
} from "../../contract/store/fixture.ts";
import { until } from "../../helpers/waiting.ts";
import { needsServices } from "../services.ts";
import { freshSchema, noteStatements, openStore, testPool } from "./postgres-world.ts";

needsServices("postgres");

/** Tables that do not grow with tasks or messages, or of which a statement reads all rows. */
const small = /^(layout|bus_groups|limits|emptied|lists)$/;

test("no statement scans a table that grows", async () => {
  const schema = freshSchema();
  const pool = testPool();
  const texts = new Set<string>();
  noteStatements(pool, (text) => texts.add(text));
  const store = await openStore({ pool, schema });
  const attempt = await runningShard(store);
  await store.takeSlot({ key: "all", max: 1 }, attempt);
  await store.countHolders(["all"]);
  await appended(store, attempt, 2);
  await store.append(attempt, 0, artifactOf(1, { uid: "another" }));
  await store.renew([attempt], longMs);
  await store.report(attempt, { generation: 0, n: 1, checkpoint: 1 });
  await store.tail(attempt, 0);
  await store.storedUids(attempt, 0, ["u0"]);
  await store.readUids(attempt, 0, 0, 10);
  await store.readArtifacts(attempt, 0, 0, 10);
  await store.countArtifacts("t");
  await store.hasArtifacts("t", "extract");
  await store.expire(attempt, 1);
  const next = await nextAttempt(store, attempt);
  await store.complete(next, { generation: 0, count: 2 });
  await store.closeFailed(next);
  const pair = await Promise.all([shardOf("a"), shardOf("b")].map((ref) => runningShard(store, ref)));
  const done = pair.map((each) => store.completeAndClaim(each, { generation: 0, count: 1, last: artifactOf(0) }));
  expect(await Promise.all(done)).toEqual([{ answer: "ok" }, { answer: "ok" }]);
  await store.dispatch(shardOf("clean"), dispatchInit());
  await store.peekQueue(["extractor"], 10, new Set(["x"]), new Set(["t"]), 5);
  await store.expiredLeases(10);
  await store.dueDeferred(10);
  await store.readShards("t");
  await store.readShards("t", ["clean"]);
  const vars = await store.readVars("t");
  await store.writeVars("t", { version: vars?.version ?? 0, vars: {}, appliedBy: "n" });
  await store.createTask(newTask("t"));
  await store.dueTasks(10, longMs);
  await store.overdueTasks(10);
  for (const children of [{}, { children: "all" }, { children: { of: "t" } }] as const)
    await store.listTasks({ limit: 10, ...children });
  for (const running of [0, 1]) await store.announceWorker({ id: "w", types: [], capacity: 1, running }, longMs);
  await store.liveWorkers();
  await store.removeWorker("w");
  await store.dueEntries("schedule", 10);
  await store.lookForDue?.(longMs);
  await store.heldSlots();
  await store.freeSlot({ key: "all", holder: attempt });
  await store.finishTask("t");
  await store.endedTasks({ endedForMs: 0, limit: 10 });
  await store.deleteTask("t");
  const bus = postgresBus({ pool, schema });
  const { got, handle } = noting();
  const subscription = await bus.subscribe({ group: "g", topics: ["t"], isPrivate: true, handle });
  await bus.publish("t", "k", messageOf("m"));
  await until(() => got.length === 1, "the message");
  await subscription.close();
  await bus.close();
  expect(texts.size).toBeGreaterThan(45);

  const client = await testPool({ connectionString: inject("postgresUrl") }).connect();
  const expectNoScan = async (text: string, ofTables: (table: string) => boolean) => {
    const { rows } = await client.query(`EXPLAIN (GENERIC_PLAN) ${text}`);
    const plan = rows.map((row) => row["QUERY PLAN"]).join("\n");
    const scanned = [...plan.matchAll(/Seq Scan on (\w+)/g)].map(([, table = ""]) => table);
    expect(scanned.filter(ofTables), `${text}\n\n${plan}`).toEqual([]);
  };
  // A statement that is first run on new tables keeps its plan until they are analyzed, but those of sweeps are few.
  const empty = freshSchema();
  await openStore({ pool, schema: empty });
  try {
    for (const text of texts) {
      const onEmpty = text.replaceAll(`"${schema}"`, `"${empty}"`);
      if (!/bus_|sweep_at </.test(text))
        await expectNoScan(onEmpty, (table) => /^(tasks|shards|artifacts)$/.test(table));
    }
    await client.query("SET enable_seqscan = off"); // only where there is no index, then
    for (const text of texts) await expectNoScan(text, (table) => !small.test(table));
  } finally {
    client.release(true);
  }
});

test("one request returns which kinds of sweeps have work, and when the next one will have some", async () => {
  await findsWhatIsDue(await openStore({ pool: testPool(), schema: freshSchema() }));
});

test("concurrent requests share one statement, and the error of one does not fail the others", async () => {
  const pool = testPool();
  let statements = 0;
  noteStatements(pool, () => statements++);
  const schema = freshSchema();
  const store = await openStore({ pool, schema });
  const ids = Array.from({ length: 40 }, (_, n) => `t${n}`);
  const attempts = await Promise.all(ids.map((id) => runningShard(store, shardOf("extract", 0, id))));
  statements = 0;
  await Promise.all(ids.map((id) => store.readShards(id, ["extract"])));
  expect(statements).toBeLessThanOrEqual(3);
  statements = 0;
  const whole = await Promise.all([...ids, "t0", "unknown"].map((id) => store.readShards(id)));
  expect(whole.map((records) => records.map(({ taskId }) => taskId))).toEqual([...ids.map((id) => [id]), ["t0"], []]);
  expect(statements).toBeLessThanOrEqual(3);
  statements = 0;
  const other = await openStore({ pool, schema });
  statements = 0;
  const read = await Promise.all([...ids, "unknown"].map((id) => other.readTask(id)));
  expect(read.map((task) => task?.graph.nodes.length)).toEqual([...ids.map(() => 3), undefined]);
  expect(statements).toBeLessThanOrEqual(4); // its rows, and what never changes of them
  statements = 0;
  const last = (n: number) => artifactOf(0, n === 7 ? { origin: { source: "\u0000", seq: 0, chunk: 0 } } : {});
  const done = await Promise.allSettled(
    attempts.map((attempt, n) => store.completeAndClaim(attempt, { generation: 0, count: 1, last: last(n) })),
  );
  const refused = done.flatMap(({ status }, n) => (status === "rejected" ? [n] : []));
  expect(refused).toEqual([7]); // PostgreSQL has no such character
  expect(statements).toBeLessThanOrEqual(45); // in one statement, then one by one
  statements = 0;
  const ends = await Promise.all(ids.map(async (id) => (await store.readShards(id, ["extract"]))[0]?.status));
  expect(ends).toEqual(ids.map((_, n) => (n === 7 ? "running" : "finished")));
  expect(statements).toBeLessThanOrEqual(3);
});

test("statements are prepared once for each connection, unless the options say otherwise", async () => {
  for (const prepare of [true, false]) {
    const pool = testPool({ max: 1 });
    const store = await openStore({ pool, schema: freshSchema(), prepare });
    await runningShard(store);
    await store.readShards("t");
    await store.readShards("t");
    const { rows } = await pool.query("SELECT name FROM pg_prepared_statements WHERE statement LIKE '%shards%'");
    expect(new Set(rows.map(({ name }) => name)).size).toBe(rows.length);
    expect(rows.length > 0).toBe(prepare);
  }
});

test("statements with lists are planned once for each connection, not each time they run", async () => {
  const pool = testPool({ max: 1 });
  const schema = freshSchema();
  const store = await openStore({ pool, schema });
  const bus = postgresBus({ url: inject("postgresUrl"), schema });
  await runningShard(store);
  for (let n = 0; n < 12; n++) {
    await store.readTask("t");
    await store.readShards("t");
    await store.readShards("t", ["extract"]);
    await store.peekQueue(["extractor"], 1);
  }
  await bus.close();
  const counts = "SELECT statement, generic_plans::int AS once, custom_plans::int AS anew FROM pg_prepared_statements";
  const { rows } = await pool.query(counts);
  const often = rows.filter(({ once, anew }) => once + anew >= 12);
  expect(often.length).toBe(4);
  for (const { statement, anew } of often) expect(anew, statement).toBe(5); // then PostgreSQL compares
});

test("each kind of value arrives as it was sent, also over connections that pipeline, or streams that write at once", async () => {
  const ids = ['"', "\\", "{a,b}", "NULL", "a\u0000b", "ü"];
  const stream = () => Object.assign(new Socket(), { cork: undefined, uncork: undefined }) as unknown as Socket;
  for (const options of [{}, { pipeline: true }, { stream }]) {
    const store = await openStore({ pool: testPool(options), schema: freshSchema() });
    for (const id of ids) await runningShard(store, shardOf("extract", 0, id));
    const read = await Promise.all([...ids, "unknown"].map((id) => store.readTask(id)));
    expect(read.map((task) => task?.id)).toEqual([...ids, undefined]);
    const shards = await Promise.all(ids.map((id) => store.readShards(id, ["extract"])));
    expect(shards.map(([record]) => record?.taskId)).toEqual(ids);
  }
});

test("a busy store leaves the connections of its pool to others", async () => {
  const pool = testPool({ max: 1 });
  const store = await openStore({ pool, schema: freshSchema() });
  await store.createTask(newTask("t"));
  let isAnswered = false;
  let reads = 0;
  const busy = (async () => {
    for (; !isAnswered && reads < 1_000; reads++) await store.readVars("t");
  })();
  await pool.query("SELECT 1");
  isAnswered = true;
  await busy;
  expect(reads).toBeLessThan(10);
  await until(() => pool.idleCount === 1, "the return of its connection");
});

test("a shard that another process has changed is judged as it is, not as this process last wrote it", async () => {
  const schema = freshSchema();
  const pool = testPool();
  const [own, other] = [await openStore({ pool, schema }), await openStore({ pool, schema })];
  const attempt = await runningShard(own);
  await appended(own, attempt, 1);
  await other.renew([attempt], longMs);
  expect(await own.complete(attempt, { generation: 0, count: 1 })).toBe("ok");

  await own.dispatch(shardOf("clean"), dispatchInit());
  const claim = { ...shardOf("clean"), epoch: 1, claimId: "own" };
  expect(await other.claim(claim, { workerId: "b", claimId: "other", leaseMs: longMs })).toMatchObject({ epoch: 1 });
  expect(await own.claim(claim, { workerId: "a", claimId: "own", leaseMs: longMs })).toBeUndefined();
  expect(await own.complete(claim, { generation: 0, count: 0 })).toBe("fenced");
});
