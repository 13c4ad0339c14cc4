import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import * as fc from "fast-check";
import { expect, onTestFinished, test, vi } from "vitest";
import { memoryStore } from "../../../../src/adapters/memory/index.ts";
import { sqliteStore } from "../../../../src/adapters/sqlite/index.ts";
import { operation, type Progress } from "../../../contract/store/random-operations.ts";
import { visibleState } from "../../../contract/store/visible-state.ts";
import { tempFolder } from "../../../helpers/temp-folder.ts";

const ofOneTask = "all shards of one task, which are all returned";
const ofSlots = "one row per running attempt";

/** Statements that may scan or sort, and why. */
const dear: Readonly<Record<string, string>> = {
  "SELECT node_id AS nodeId, shard, min(pk) OVER (PARTITION BY node_id) AS first FROM shards WHERE task_pk = (SELECT pk FROM tasks WHERE id = ?) ORDER BY first, shard":
    ofOneTask,
  "SELECT task_id AS taskId, node_id AS nodeId, shard FROM shards WHERE task_pk = (SELECT pk FROM tasks WHERE id = ?) ORDER BY pk":
    ofOneTask,
  "SELECT node_id AS nodeId, shard FROM json_each(?2) AS asked CROSS JOIN shards ON task_pk = (SELECT pk FROM tasks WHERE id = ?1) AND node_id = asked.value ORDER BY asked.key, shard":
    "scans the list of nodes that it is given, and sorts their shards, which are all returned",
  "SELECT task_id AS taskId, node_id AS nodeId, shard, priority, ready_at, queue_order FROM shards WHERE status = 'queued' AND type = ?1 AND (?2 IS NULL OR task_id NOT IN (SELECT value FROM json_each(?2))) AND (?3 IS NULL OR task_id IN (SELECT value FROM json_each(?3))) AND priority < ?4 ORDER BY priority DESC, ready_at, queue_order LIMIT ? + 0":
    "scans the lists of tasks that it is given, nothing else",
  "SELECT task_id AS taskId, node_id AS nodeId, shard, expires_at AS at FROM shards WHERE expires_at <= ?1 UNION ALL SELECT task_id AS taskId, node_id AS nodeId, shard, fresh_until FROM shards WHERE pk >= ?2 AND fresh_until <= ?1 ORDER BY at LIMIT ? + 0":
    "reads the rows of about a second, once after each crash, and sorts expired leases",
  "SELECT limit_key AS key, task_id AS taskId, node_id AS nodeId, shard, epoch, claim_id AS claimId FROM slots":
    ofSlots,
  "DELETE FROM slots WHERE task_id = ?": ofSlots,
};

/** The statements that all operations of a store prepare, on a file with some data. */
async function statementsOfAll(path: string): Promise<readonly string[]> {
  const prepare = vi.spyOn(DatabaseSync.prototype, "prepare");
  onTestFinished(() => prepare.mockRestore());
  const model = memoryStore();
  const store = sqliteStore(path);
  await store.open();
  const progress: Progress = { model, attempts: [] };
  for (const next of fc.sample(operation, { numRuns: 2_000, seed: 7 })) {
    const call = await next.prepare(progress);
    await Promise.allSettled([call(model), call(store)]);
  }
  await visibleState(store);
  await store.close();
  return [...new Set(prepare.mock.calls.map(([sql]) => sql.replace(/\s+/g, " ")))].filter(
    (sql) => !sql.startsWith("PRAGMA") && !sql.includes("sqlite_schema"),
  );
}

test("no statement scans a growing table or sorts its rows", async () => {
  const path = join(tempFolder(), "runs.db");
  const statements = await statementsOfAll(path);
  const database = new DatabaseSync(path);
  onTestFinished(() => database.close());
  const found = statements.flatMap((sql) => {
    const plan = database
      .prepare(`EXPLAIN QUERY PLAN ${sql}`)
      .all()
      .map(({ detail }) => String(detail));
    const steps = plan.filter((step) => step.startsWith("SCAN") || step.startsWith("USE TEMP B-TREE"));
    return steps.length === 0 ? [] : [{ sql, steps }];
  });
  expect(statements.length).toBeGreaterThan(40);
  expect(
    statements.filter((sql) => /LIMIT \?(?! \+ 0)/.test(sql)),
    "prepared again at each run",
  ).toEqual([]);
  expect(found.filter(({ sql }) => !(sql in dear))).toEqual([]);
  expect(found.map(({ sql }) => sql).toSorted(), "those listed still do").toEqual(Object.keys(dear).toSorted());
});
