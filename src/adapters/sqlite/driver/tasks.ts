import { jsonText, keepJson } from "../../../core/codec/index.ts";
import { createVars, summaryOf } from "../../../core/model/index.ts";
import { isTaskTerminal, type TaskStatus } from "../../../core/model/records.ts";
import { minSweepMs } from "../../../core/ports/index.ts";
import { newestPage, pkBefore } from "../../../core/store/collections.ts";
import { dueIds, type TaskDriver } from "../../../core/store/driver.ts";
import { deepFreeze } from "../../../graph/format/plain-data.ts";
import { mostBytes, type Session, type SqliteConnection, type TaskRow } from "../database/connection.ts";

const whatParams = "the set of the task's parameters";
const whatVars = "the set of the task's variables";
const allStatuses: readonly TaskStatus[] = ["running", "cancelling", "finished", "failed", "cancelled"];
const insertTask = `INSERT INTO tasks (id, status, record, graph, params, vars, vars_version, applied_by,
  idempotency_key, sweep_at, deadline_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`;
const replaceTask = "UPDATE tasks SET status = ?, record = ?, sweep_at = ?, deadline_at = ?, ended_at = ? WHERE id = ?";
const endedTasks = `SELECT id FROM tasks AS task WHERE ended_at <= ? AND NOT EXISTS (SELECT 1 FROM tasks
  WHERE id = json_extract(task.record, '$.parent.taskId')) ORDER BY ended_at, pk LIMIT ? + 0`;
// The id of a child task is that of its parent, a dot, and more.
const tasksOfStatus = `SELECT pk, id FROM tasks WHERE status = ?1 AND pk < ?2 AND (?3 = '*' OR (?3 = '' OR id > ?3 || '.'
  AND id < ?3 || '/') AND instr(substr(id, length(?3) + 2), '.') = 0) ORDER BY pk DESC LIMIT ? + 0`;
/** The shards of a task, by its id: their index has the shorter key of its row. */
export const ofTask = "task_pk = (SELECT pk FROM tasks WHERE id = ?)";
const ownLog = "registry WHERE kind = 'task_log' AND id";
const rowsOfTask = [
  `shards WHERE ${ofTask}`,
  ...["slots WHERE task_id", "loans WHERE borrower", ownLog, "tasks WHERE id"].map((rows) => `${rows} = ?`),
];
const deadlines = "SELECT id, deadline_at AS at FROM tasks WHERE deadline_at IS NOT NULL ORDER BY at LIMIT ? + 0";
type Columns = Readonly<Record<"id" | "record" | "graph" | "params" | "vars" | "applied_by", string>> &
  Readonly<Record<"pk" | "vars_version" | "at", number>>;

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
      const there = db.get<Columns>(look, id, key);
      if (there !== undefined) return { outcome: "exists", id: there.id };
      const values = [...texts, ...varsValues, key, createdAt, deadlineAt];
      const { lastInsertRowid } = db.run(insertTask, id, state.status, ...values);
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
      const sweepAt = isTaskTerminal(next.status) ? null : now; // a change that does not end a task makes it due
      const deadlineAt = next.status === "running" ? (next.deadlineAt ?? null) : null;
      db.run(replaceTask, next.status, JSON.stringify(next), sweepAt, deadlineAt, next.endedAt ?? null, id);
      db.tasks.set(id, { pk: row.pk, record: deepFreeze({ ...next, graph, params }) });
      return answer;
    }),
  readVars: (id) =>
    session.read((db) => {
      const row = db.get<Columns>("SELECT vars, vars_version, applied_by FROM tasks WHERE id = ?", id);
      return row && { vars: JSON.parse(row.vars), ...varsState(row) };
    }),
  updateVars: (id, judge) =>
    session.write((db) => {
      const row = db.get<Columns>("SELECT vars_version, applied_by FROM tasks WHERE id = ?", id);
      const { answer, next } = judge(readTask(db, id)?.record, row === undefined ? createVars({}) : varsState(row));
      if (next === undefined) return answer;
      const values = [jsonText(next.vars, whatVars, mostBytes), next.version, JSON.stringify(next.appliedBy)];
      db.run("UPDATE tasks SET vars = ?, vars_version = ?, applied_by = ? WHERE id = ?", ...values, id);
      return answer;
    }),
  delete: (id) =>
    session.write((db) => {
      const record = readTask(db, id)?.record;
      if (record === undefined || !isTaskTerminal(record.status)) return record === undefined ? "unknown" : "open";
      if (db.has("SELECT 1 FROM loans WHERE lender = ? LIMIT 1", id)) return "borrowed";
      if (record.parent !== undefined && readTask(db, record.parent.taskId) !== undefined) return "borrowed";
      const ofShards = `WHERE shard_pk IN (SELECT pk FROM shards WHERE ${ofTask})`;
      for (const table of ["artifacts", "complete_markers"]) db.run(`DELETE FROM ${table} ${ofShards}`, id);
      for (const rows of rowsOfTask) db.run(`DELETE FROM ${rows}`, id);
      db.forget(); // a new shard may get the key of a deleted one
      return "deleted";
    }),
  async due(limit, { everyMs, aheadMs }) {
    const look = "SELECT id FROM tasks WHERE sweep_at <= ? ORDER BY sweep_at LIMIT ? + 0";
    const find = (db: SqliteConnection, now: number) => db.all<Columns>(look, now + aheadMs, limit);
    if ((await session.read(find)).length === 0) return []; // usually none is due, and a read needs no transaction
    return session.write((db, now) => {
      const sweepAt = now + Math.max(minSweepMs, everyMs);
      const ids = find(db, now).map(({ id }) => id);
      for (const id of ids) db.run("UPDATE tasks SET sweep_at = ? WHERE id = ?", sweepAt, id);
      return ids;
    });
  },
  overdue: (limit) =>
    session.read((db, now) => {
      const { due: overdue, ...rest } = dueIds(db.all<Columns>(deadlines, limit + 1), limit, now);
      return { overdue, ...rest };
    }),
  ended: ({ endedForMs, limit }) =>
    session.read((db, now) => db.all<Columns>(endedTasks, now - endedForMs, limit).map(({ id }) => id)),
  list: ({ statuses = allStatuses, children, ...query }) =>
    session.read((db) => {
      const of = children === "all" ? "*" : (children?.of ?? "");
      // One query for each status, along the index: a single query would sort all their tasks.
      const [before, limit] = [pkBefore(query), query.limit + 1];
      const rows = [...new Set(statuses)]
        .flatMap((status) => db.all<Columns>(tasksOfStatus, status, before, of, limit))
        .sort((a, b) => b.pk - a.pk);
      const { items, ...rest } = newestPage(rows, query, ({ id }) => readTask(db, id)?.record);
      return { items: items.filter((task) => task !== undefined).map(summaryOf), ...rest };
    }),
});

/** The record is cached frozen, because it is returned without a copy. */
export const readTask = (db: SqliteConnection, id: string): TaskRow | undefined =>
  db.tasks.load(id, () => {
    const row = db.get<Columns>("SELECT pk, record, graph, params FROM tasks WHERE id = ?", id);
    if (row === undefined) return undefined;
    const { pk, record, graph, params } = row;
    return { pk, record: deepFreeze({ ...JSON.parse(record), graph: JSON.parse(graph), params: JSON.parse(params) }) };
  });

const varsState = (row: Columns) => ({ version: row.vars_version, appliedBy: JSON.parse(row.applied_by) as string[] });
