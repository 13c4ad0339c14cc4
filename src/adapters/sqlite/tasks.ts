import { jsonText, keepJson } from "../../core/codec/index.ts";
import { createVars, summaryOf } from "../../core/model/index.ts";
import { isTaskTerminal, type TaskRecord } from "../../core/model/records.ts";
import { minSweepMs } from "../../core/ports/index.ts";
import type { TaskDriver } from "../../core/store/driver.ts";
import { newestPage, splitDue } from "../../core/store/lists.ts";
import { deepFreeze } from "../../graph/format/plain-data.ts";
import { type Keyed, mostBytes, type Session, type SqliteConnection } from "./connection.ts";

const whatParams = "the set of the task's parameters";
const whatVars = "the set of the task's variables";

type TaskKey = Readonly<Record<"pk", number> & Record<"id", string>>;

export const taskTable = (session: Session): TaskDriver => ({
  async insert(task, create) {
    keepJson(task.params, whatParams);
    const graphText = jsonText(task.graph, "the task's graph", mostBytes);
    const paramsText = jsonText(task.params, whatParams, mostBytes);
    return session.write((db, now) => {
      const { record, vars } = create(now);
      const { graph: _, params: __, ...state } = deepFreeze(record);
      const { id, idempotencyKey: key = null, createdAt, deadlineAt = null } = record;
      const texts = [JSON.stringify(state), graphText, paramsText];
      const varsValues = [jsonText(vars.vars, whatVars, mostBytes), vars.version, JSON.stringify(vars.appliedBy)];
      const look = "SELECT id FROM tasks WHERE id = ?1 UNION ALL SELECT id FROM tasks WHERE idempotency_key = ?2";
      const there = db.get<TaskKey>(look, id, key);
      if (there !== undefined) return { outcome: "exists", id: there.id };
      const insert = `INSERT INTO tasks (id, status, record, graph, params, vars, vars_version, applied_by,
         idempotency_key, sweep_at, deadline_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`;
      const { lastInsertRowid } = db.run(insert, id, state.status, ...texts, ...varsValues, key, createdAt, deadlineAt);
      const lend = "INSERT OR IGNORE INTO loans (lender, borrower) VALUES (?, ?)";
      for (const lender of record.borrowsFrom ?? []) db.run(lend, lender, id);
      db.tasks.set(id, { pk: Number(lastInsertRowid), record });
      return { outcome: "created", id };
    });
  },
  read: (id) => session.read((db) => readTask(db, id)?.record),
  update: (id, judge) =>
    session.write((db, now) => {
      const row = readTask(db, id);
      if (row === undefined) return judge(undefined, now).answer;
      const { graph, params, ...state } = row.record;
      const { answer, next } = judge(state, now);
      if (next === undefined) return answer;
      const sweepAt = isTaskTerminal(next.status) ? null : now; // what does not end a task makes it due
      const deadlineAt = next.status === "running" ? (next.deadlineAt ?? null) : null;
      const replace =
        "UPDATE tasks SET status = ?, record = ?, sweep_at = ?, deadline_at = ?, ended_at = ? WHERE pk = ?";
      db.run(replace, next.status, JSON.stringify(next), sweepAt, deadlineAt, next.endedAt ?? null, row.pk);
      db.tasks.set(id, { pk: row.pk, record: deepFreeze({ ...next, graph, params }) });
      return answer;
    }),
  readVars: (id) =>
    session.read((db) => {
      const row = db.get<VarsRow>("SELECT vars, vars_version, applied_by FROM tasks WHERE id = ?", id);
      return row && { vars: JSON.parse(row.vars), ...varsState(row) };
    }),
  updateVars: (id, judge) =>
    session.write((db) => {
      const row = db.get<VarsRow>("SELECT vars_version, applied_by FROM tasks WHERE id = ?", id);
      const { answer, next } = judge(readTask(db, id)?.record, row === undefined ? createVars({}) : varsState(row));
      if (next === undefined) return answer;
      const replace = "UPDATE tasks SET vars = ?, vars_version = ?, applied_by = ? WHERE id = ?";
      db.run(replace, jsonText(next.vars, whatVars, mostBytes), next.version, JSON.stringify(next.appliedBy), id);
      return answer;
    }),
  delete: (id) =>
    session.write((db) => {
      const row = readTask(db, id);
      if (row === undefined) return "unknown";
      if (!isTaskTerminal(row.record.status)) return "open";
      if (db.get("SELECT 1 FROM loans WHERE lender = ? LIMIT 1", id) !== undefined) return "borrowed";
      const shards = "(SELECT pk FROM shards WHERE task_id = ?)";
      db.run(`DELETE FROM artifacts WHERE shard_pk IN ${shards}`, id);
      db.run(`DELETE FROM complete_markers WHERE shard_pk IN ${shards}`, id);
      db.run("DELETE FROM shards WHERE task_id = ?", id);
      db.run("DELETE FROM slots WHERE task_id = ?", id);
      db.run("DELETE FROM loans WHERE borrower = ?", id);
      db.run("DELETE FROM tasks WHERE id = ?", id);
      db.tasks.delete(id);
      db.shards.clear(); // a new shard may get the key of one that is gone
      db.lengths.clear();
      return "deleted";
    }),
  async due(limit, { everyMs, aheadMs }) {
    const look = "SELECT pk, id FROM tasks WHERE sweep_at <= ? ORDER BY sweep_at LIMIT ? + 0";
    const find = (db: SqliteConnection, now: number) => db.all<TaskKey>(look, now + aheadMs, limit);
    // Called often, and seldom with tasks due: looking needs no transaction.
    if ((await session.read(find)).length === 0) return [];
    return session.write((db, now) => {
      const sweepAt = now + Math.max(minSweepMs, everyMs);
      const rows = find(db, now);
      for (const { pk } of rows) db.run("UPDATE tasks SET sweep_at = ? WHERE pk = ?", sweepAt, pk);
      return rows.map(({ id }) => id);
    });
  },
  overdue: (limit) =>
    session.read((db, now) => {
      const look =
        "SELECT id, deadline_at AS at FROM tasks WHERE deadline_at IS NOT NULL ORDER BY deadline_at LIMIT ? + 0";
      const { due, nextInMs } = splitDue(db.all<TaskKey & { readonly at: number }>(look, limit + 1), limit, now);
      return { overdue: due.map(({ id }) => id), nextInMs };
    }),
  ended: ({ endedForMs, limit }) =>
    session.read((db, now) => {
      const look = "SELECT id FROM tasks WHERE ended_at <= ? ORDER BY ended_at, pk LIMIT ? + 0";
      return db.all<TaskKey>(look, now - endedForMs, limit).map(({ id }) => id);
    }),
  list: ({ statuses, ...query }) =>
    session.read((db) => {
      const look = (where: string, ...values: (string | number)[]) =>
        db.all<TaskKey>(`SELECT pk, id FROM tasks WHERE ${where}pk < ? ORDER BY pk DESC LIMIT ? + 0`, ...values);
      const read = (...range: readonly [before: number, limit: number]) => {
        if (statuses === undefined) return look("", ...range);
        // One look a status, each along the index: a single one for all statuses would sort all their tasks.
        const rows = [...new Set(statuses)].flatMap((status) => look("status = ? AND ", status, ...range));
        return rows.sort((a, b) => b.pk - a.pk);
      };
      const { items, ...rest } = newestPage(query, read, ({ id }) => readTask(db, id)?.record);
      return { items: items.filter((task) => task !== undefined).map(summaryOf), ...rest };
    }),
});

/** The record is cached frozen, since it is handed out as it is. */
export const readTask = (db: SqliteConnection, id: string): Keyed<TaskRecord> | undefined =>
  db.tasks.load(id, () => {
    const look = "SELECT pk, record, graph, params FROM tasks WHERE id = ?";
    const row = db.get<{ pk: number; record: string; graph: string; params: string }>(look, id);
    if (row === undefined) return undefined;
    const record = { ...JSON.parse(row.record), graph: JSON.parse(row.graph), params: JSON.parse(row.params) };
    return { pk: row.pk, record: deepFreeze<TaskRecord>(record) };
  });

type VarsRow = Readonly<Record<"vars_version", number> & Record<"vars" | "applied_by", string>>;

const varsState = (row: VarsRow) => ({ version: row.vars_version, appliedBy: JSON.parse(row.applied_by) as string[] });
