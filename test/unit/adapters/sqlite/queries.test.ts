import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import * as fc from "fast-check";
import { expect, onTestFinished, test, vi } from "vitest";
import { memoryStore } from "../../../../src/adapters/memory/index.ts";
import { sqliteStore } from "../../../../src/adapters/sqlite/index.ts";
import { operation, type Progress } from "../../../contract/store/random-operations.ts";
import { visibleState } from "../../../contract/store/visible-state.ts";
import { tempFolder } from "../../../helpers/temp-folder.ts";

const ofOneTask = "the shards of one task, all of them asked for";
const ofWorkers = "a row a process";
const ofSlots = "a row a running attempt";

/** What may walk or sort, and why that is right. */
const dear: Readonly<Record<string, string>> = {
  "SELECT task_id AS taskId, node_id AS nodeId, shard, min(pk) OVER (PARTITION BY node_id) AS first FROM shards WHERE task_id = ? ORDER BY first, shard":
    ofOneTask,
  "SELECT task_id AS taskId, node_id AS nodeId, shard FROM shards WHERE task_id = ? ORDER BY pk": ofOneTask,
  "SELECT task_id AS taskId, node_id AS nodeId, shard, priority, ready_at, queue_order FROM shards WHERE status = 'queued' AND type = ? AND task_id NOT IN (SELECT value FROM json_each(?)) ORDER BY priority DESC, ready_at, queue_order LIMIT ? + 0":
    "walks the list of tasks that it was given, nothing else",
  "SELECT limit_key AS key, task_id AS taskId, node_id AS nodeId, shard, epoch, claim_id AS claimId FROM slots":
    ofSlots,
  "DELETE FROM slots WHERE task_id = ?": ofSlots,
  "SELECT record FROM workers WHERE until > ?": ofWorkers,
  "DELETE FROM workers WHERE until <= ?": ofWorkers,
};

/** Every statement that all operations of a store prepare, on a file that has some data. */
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

test("no statement walks over a table that grows, nor sorts what it found", async () => {
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
    "planned anew at each run",
  ).toEqual([]);
  expect(found.filter(({ sql }) => !(sql in dear))).toEqual([]);
  expect(found.map(({ sql }) => sql).toSorted(), "what is listed is still so").toEqual(Object.keys(dear).toSorted());
});
