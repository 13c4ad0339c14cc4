import type { Pool } from "pg";
import { expect, inject, test } from "vitest";
import { postgresBus, postgresStore } from "../../../src/adapters/postgres/index.ts";
import { FlowError } from "../../../src/errors/index.ts";
import { messageOf, noting } from "../../contract/bus/fixture.ts";
import { appended, longMs, newTask, runningShard, shardOf, transientFailure } from "../../contract/store/fixture.ts";
import { until } from "../../helpers/waiting.ts";
import { needsServices } from "../services.ts";
import { freshSchema, openStore, testPool } from "./postgres-world.ts";

needsServices("postgres");

const url = () => inject("postgresUrl");

const layoutOf = async (pool: Pool, schema: string) =>
  (await pool.query(`SELECT array_agg(version ORDER BY version) AS versions FROM "${schema}".layout`)).rows[0].versions;

/** What a call rejects with. */
async function refusal(call: Promise<unknown>): Promise<FlowError> {
  const error = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!FlowError.is(error)) throw new Error(`expected a FlowError, got ${String(error)}`);
  return error;
}

test("of several processes that start at once, one creates the tables", async () => {
  const schema = freshSchema();
  const stores = Array.from({ length: 6 }, () => postgresStore({ url: url(), schema }));
  await Promise.all(stores.map((store) => store.open()));
  await Promise.all(stores.map((store, n) => store.createTask(newTask(`t${n}`))));
  expect((await stores[0]?.listTasks({ limit: 10 }))?.items).toHaveLength(6);
  await Promise.all(stores.map((store) => store.close()));
  expect(await layoutOf(testPool(), schema)).toEqual([3]);
});

test("an older layout is migrated with its data, by all processes that start at once", async () => {
  const schema = freshSchema();
  const store = await openStore({ url: url(), schema });
  const finished = await runningShard(store, shardOf("done"));
  await appended(store, finished, 3);
  await store.complete(finished, { generation: 0, count: 3 });
  const attempt = await runningShard(store);
  await appended(store, attempt, 2);
  const failed = await runningShard(store, shardOf("failed"));
  await appended(store, failed, 1);
  await store.fail(failed, { ...transientFailure, permanent: true });
  // Layout 2 had foreign keys, and a row without a `uid` at the end of a log. Layout 1 had no bus.
  const pool = testPool();
  await pool.query(`SET search_path TO "${schema}"; ALTER TABLE artifacts RENAME details TO more;
    ALTER TABLE artifacts ALTER uid DROP NOT NULL, ALTER more DROP NOT NULL,
      ADD CONSTRAINT artifacts_shard_pk_fkey FOREIGN KEY (shard_pk) REFERENCES shards (pk) ON DELETE CASCADE;
    ALTER TABLE shards
      ADD CONSTRAINT shards_task_id_fkey FOREIGN KEY (task_id) REFERENCES tasks (id) ON DELETE CASCADE;
    INSERT INTO artifacts (shard_pk, generation, seq, epoch, claim_id)
      SELECT pk, 0, CASE node_id WHEN 'done' THEN 3 ELSE 1 END, 1, '' FROM shards WHERE node_id <> 'extract';
    DROP TABLE bus_messages, bus_groups; UPDATE layout SET version = 1; SET search_path TO DEFAULT`);

  const refused = await refusal(postgresStore({ url: url(), schema, migrate: false }).open());
  expect(refused).toMatchObject({ code: "STORE_VERSION" });
  expect(refused.message).toBe(
    `the PostgreSQL schema "${schema}" has layout 1, and this version needs 3: call migrate() with a role that may`,
  );
  const stores = await Promise.all([1, 2, 3].map(() => openStore({ url: url(), schema })));
  expect(await layoutOf(pool, schema)).toEqual([1, 3]);
  const [migrated] = stores;
  expect(await migrated?.readArtifacts(attempt, 0, 0, 10)).toHaveLength(2);
  expect(await stores[1]?.renew([attempt], longMs)).toEqual(["ok"]);
  expect(await migrated?.tail(finished, 0)).toMatchObject({ length: 3, closed: true });
  expect(await migrated?.readArtifacts(finished, 0, 0, 10)).toHaveLength(3);
  await migrated?.closeFailed(failed);
  expect(await migrated?.tail(failed, 0)).toMatchObject({ length: 1, closed: true });
  // An older process that still runs stops, since it relies on what was removed.
  const older = pool.query(`INSERT INTO "${schema}".artifacts (more) VALUES ('{}')`);
  await expect(older).rejects.toThrow('column "more" of relation "artifacts" does not exist');
});

test("a newer layout is refused, by stores and buses", async () => {
  const schema = freshSchema();
  await openStore({ url: url(), schema });
  await testPool().query(`INSERT INTO "${schema}".layout VALUES (99)`);
  const bus = postgresBus({ url: url(), schema });
  const opens = () => postgresStore({ url: url(), schema }).open();
  const subscribes = () => bus.subscribe({ group: "g", topics: ["t"], handle: async () => {} });
  for (const call of [opens, subscribes]) {
    expect(await refusal(call())).toMatchObject({
      code: "STORE_VERSION",
      message: `the PostgreSQL schema "${schema}" has layout 99, this version of flowkit supports layouts up to 3: update flowkit`,
    });
  }
  await bus.close();
});

test("a failed migration leaves nothing", async () => {
  const schema = freshSchema();
  const pool = testPool();
  await pool.query(`CREATE SCHEMA "${schema}"; CREATE TABLE "${schema}".loans ()`);
  expect(await refusal(postgresStore({ url: url(), schema }).open())).toMatchObject({
    code: "STORE_UNAVAILABLE",
    retryable: false,
    message: 'PostgreSQL request failed: relation "loans" already exists',
  });
  const { rows } = await pool.query("SELECT tablename FROM pg_tables WHERE schemaname = $1", [schema]);
  expect(rows).toEqual([{ tablename: "loans" }]);
});

test("a role without other privileges than the documented ones runs on tables of another role", async () => {
  const [schema, role] = [freshSchema(), `runner_${freshSchema()}`];
  const pool = testPool();
  const roleUrl = new URL(url());
  [roleUrl.username, roleUrl.password] = [role, "p w"];
  await pool.query(`CREATE ROLE ${role} LOGIN PASSWORD 'p w'`);
  const open = () => postgresStore({ url: roleUrl.href, schema, migrate: false });

  expect(await refusal(open().open())).toMatchObject({ code: "STORE_VERSION" });
  const owner = postgresStore({ url: url(), schema });
  await owner.migrate();
  await owner.close();
  expect(await refusal(open().open())).toMatchObject({
    code: "STORE_UNAVAILABLE",
    retryable: false,
    message: `PostgreSQL request failed: permission denied for schema ${schema}`,
  });
  // As in docs/postgres.md.
  await pool.query(`
    GRANT USAGE ON SCHEMA ${schema} TO ${role};
    GRANT SELECT ON ${schema}.layout TO ${role};
    GRANT SELECT, INSERT, UPDATE, DELETE
      ON ${schema}.tasks, ${schema}.loans, ${schema}.shards, ${schema}.artifacts, ${schema}.limits, ${schema}.registry,
        ${schema}.bus_groups, ${schema}.bus_messages TO ${role};
    GRANT USAGE ON SEQUENCE ${schema}.queue_order TO ${role}`);

  const store = await openStore({ url: roleUrl.href, schema, migrate: false });
  const attempt = await runningShard(store);
  await store.takeSlot({ key: "all", max: 1 }, attempt);
  await appended(store, attempt, 2);
  expect(await store.renew([attempt], longMs)).toEqual(["ok"]);
  expect(await store.complete(attempt, { generation: 0, count: 2 })).toBe("ok");
  await store.freeSlot({ key: "all", holder: attempt });
  await store.heldSlots();
  await store.announceWorker({ id: "w", types: [], capacity: 1, running: 0 }, longMs);
  await store.createTask(newTask("borrower", { borrowsFrom: ["t"] }));
  expect(await store.dueTasks(10, longMs)).toHaveLength(2);
  await store.finishTask("t");
  expect(await store.deleteTask("t")).toBe("borrowed");
  const bus = postgresBus({ url: roleUrl.href, schema, migrate: false });
  const { got, handle } = noting();
  const subscription = await bus.subscribe({ group: "g", topics: ["t"], isPrivate: true, handle });
  await bus.publish("t", "k", messageOf("m"));
  await until(() => got.length === 1, "the message");
  await subscription.close();
  await bus.close();
  expect(await refusal(postgresStore({ url: roleUrl.href, schema: freshSchema() }).open())).toMatchObject({
    code: "STORE_UNAVAILABLE",
    retryable: false,
    message: "PostgreSQL request failed: permission denied for database postgres",
  });
});
