import { expect, inject, onTestFinished, test } from "vitest";
import { appended, artifactOf, runningShard, shardOf } from "../../contract/store/fixture.ts";
import { until } from "../../helpers/waiting.ts";
import { needsServices } from "../services.ts";
import { freshSchema, openStore, testPool } from "./postgres-world.ts";

needsServices("postgres");

/** A store, and a transaction that is open until `commit`. */
async function withTransaction() {
  const schema = freshSchema();
  const store = await openStore({ url: inject("postgresUrl"), schema });
  const pool = testPool();
  const client = await pool.connect();
  onTestFinished(() => client.release(true));
  await client.query(`BEGIN; SET search_path TO "${schema}"`);
  const { rows } = await client.query("SELECT pg_backend_pid() AS pid");
  return {
    store,
    run: (text: string) => client.query(text),
    /** Commits once another connection waits for this one. */
    async commit() {
      const waiting = "SELECT 1 FROM pg_stat_activity WHERE $1 = ANY (pg_blocking_pids(pid))";
      await until(async () => (await pool.query(waiting, [rows[0].pid])).rows.length > 0, "a wait for the transaction");
      await client.query("COMMIT");
    },
    async count(table: string): Promise<number> {
      return (await pool.query(`SELECT count(*)::int AS n FROM "${schema}".${table}`)).rows[0].n;
    },
  };
}

test("an append in flight when its attempt ends appends nothing", async () => {
  const { store, run, commit } = await withTransaction();
  const attempt = await runningShard(store);
  await appended(store, attempt, 1);
  await run(`UPDATE shards SET rev = rev + 1, status = 'failed',
    record = replace(record, '"status":"running"', '"status":"failed"')`);
  const answer = store.append(attempt, 0, artifactOf(1));
  await commit();
  expect(await answer).toBe("fenced");
  expect(await store.readArtifacts(attempt, 0, 0, 10)).toHaveLength(1);
});

test("a node ends only with all that was appended before, and stores nothing twice", async () => {
  const { store } = await withTransaction();
  const attempt = await runningShard(store);
  const last = artifactOf(0);
  await store.append(attempt, 0, last);
  // Repeated after its answer was lost, and with a log that is longer than that.
  expect(await store.completeAndClaim(attempt, { generation: 0, count: 1, last })).toEqual({ answer: "ok" });
  const other = await runningShard(store, shardOf("other"));
  await appended(store, other, 2);
  expect(await store.completeAndClaim(other, { generation: 0, count: 1 })).toEqual({ answer: "conflict" });
  const third = await runningShard(store, shardOf("third"));
  await appended(store, third, 1);
  const repeated = { ...artifactOf(1), uid: artifactOf(0).uid };
  expect(await store.completeAndClaim(third, { generation: 0, count: 2, last: repeated })).toEqual({
    answer: "duplicate_uid",
  });
});

test("a deletion removes a shard and an artifact that were in flight, and nothing of another task", async () => {
  const { store, run, commit, count } = await withTransaction();
  for (const id of ["gone", "kept"]) {
    for (const node of ["a", "b"]) await appended(store, await runningShard(store, shardOf(node, 0, id)), 2);
    await store.cancelTask(id, "enough");
  }
  await store.closeTask("gone");
  expect(await store.deleteTask("kept")).toBe("open");
  // As a dispatch does.
  await run(`SELECT FROM tasks WHERE id = 'gone' FOR SHARE;
    INSERT INTO shards (task_id, node_id, shard, rev, status, record, type, priority, epoch, generation, ready_at)
      SELECT task_id, 'late', 0, rev, status, record, type, priority, epoch, generation, ready_at
      FROM shards WHERE task_id = 'gone' AND node_id = 'a';
    INSERT INTO artifacts (shard_pk, generation, seq, uid, epoch, claim_id, details)
      SELECT pk, 0, 0, 'late', 1, '', '{}' FROM shards WHERE node_id = 'late'`);
  const answer = store.deleteTask("gone");
  await commit();
  expect(await answer).toBe("deleted");
  expect([await count("tasks"), await count("shards"), await count("artifacts")]).toEqual([1, 2, 4]);
});
