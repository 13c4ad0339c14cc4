import { keepJson } from "../../core/codec/index.ts";
import { createVars, summaryOf } from "../../core/model/index.ts";
import { isTaskTerminal, type TaskRecord, type TaskStatus } from "../../core/model/records.ts";
import { minSweepMs } from "../../core/ports/index.ts";
import type { TaskDriver } from "../../core/store/driver.ts";
import { deepFreeze } from "../../graph/format/plain-data.ts";
import type { SqliteConnection } from "./connection.ts";
import { jsonText, type Keyed, pageOf, pageStart, type Row, splitDue } from "./rows.ts";
import type { Session } from "./shared-file.ts";

const whatParams = "the set of the task's parameters";
const whatVars = "the set of the task's variables";

export const taskTable = (session: Session): TaskDriver => ({
  async insert(task, create) {
    keepJson(task.params, whatParams);
    const { record, vars } = create(session.now());
    const { graph, params, ...state } = deepFreeze(record);
    const key = record.idempotencyKey ?? null;
    const values = [
      record.id,
      record.status,
      JSON.stringify(state),
      jsonText(graph, "the task's graph"),
      jsonText(params, whatParams),
      jsonText(vars.vars, whatVars),
      vars.version,
      JSON.stringify(vars.appliedBy),
      key,
      record.createdAt,
      record.deadlineAt ?? null,
    ];
    return session.write((db) => {
      const there = db
        .sql("SELECT id FROM tasks WHERE id = ?1 UNION ALL SELECT id FROM tasks WHERE idempotency_key = ?2")
        .get(task.id, key);
      if (there !== undefined) return { outcome: "exists", id: String(there.id) };
      const insert = db.sql(
        `INSERT INTO tasks (id, status, record, graph, params, vars, vars_version, applied_by, idempotency_key,
           sweep_at, deadline_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      );
      const { lastInsertRowid } = insert.run(...values);
      const lend = db.sql("INSERT OR IGNORE INTO loans (lender, borrower) VALUES (?, ?)");
      for (const lender of record.borrowsFrom ?? []) lend.run(lender, task.id);
      db.tasks.set(task.id, { pk: Number(lastInsertRowid), record });
      return { outcome: "created", id: task.id };
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
      const isEnded = isTaskTerminal(next.status); // every other change makes it due for a sweep
      const deadlineAt = next.status === "running" ? next.deadlineAt : undefined;
      db.sql("UPDATE tasks SET status = ?, record = ?, sweep_at = ?, deadline_at = ?, ended_at = ? WHERE pk = ?").run(
        next.status,
        JSON.stringify(next),
        isEnded ? null : now,
        deadlineAt ?? null,
        next.endedAt ?? null,
        row.pk,
      );
      db.tasks.set(id, { pk: row.pk, record: deepFreeze({ ...next, graph, params }) });
      return answer;
    }),

  readVars: (taskId) =>
    session.read((db) => {
      const row = db.sql("SELECT vars, vars_version, applied_by FROM tasks WHERE id = ?").get(taskId);
      return row && { vars: JSON.parse(String(row.vars)), ...varsState(row) };
    }),

  updateVars: (taskId, judge) =>
    session.write((db) => {
      const row = db.sql("SELECT vars_version, applied_by FROM tasks WHERE id = ?").get(taskId);
      const { answer, next } = judge(readTask(db, taskId)?.record, row === undefined ? createVars({}) : varsState(row));
      if (next !== undefined) {
        const text = jsonText(next.vars, whatVars);
        const replace = db.sql("UPDATE tasks SET vars = ?, vars_version = ?, applied_by = ? WHERE id = ?");
        replace.run(text, next.version, JSON.stringify(next.appliedBy), taskId);
      }
      return answer;
    }),

  delete: (id) =>
    session.write((db) => {
      const row = readTask(db, id);
      if (row === undefined) return "unknown";
      if (!isTaskTerminal(row.record.status)) return "open";
      if (db.sql("SELECT 1 FROM loans WHERE lender = ? LIMIT 1").get(id) !== undefined) return "borrowed";
      const shards = "(SELECT pk FROM shards WHERE task_id = ?)";
      db.sql(`DELETE FROM artifacts WHERE shard_pk IN ${shards}`).run(id);
      db.sql(`DELETE FROM complete_markers WHERE shard_pk IN ${shards}`).run(id);
      db.sql("DELETE FROM shards WHERE task_id = ?").run(id);
      db.sql("DELETE FROM slots WHERE task_id = ?").run(id);
      db.sql("DELETE FROM loans WHERE borrower = ?").run(id);
      db.sql("DELETE FROM tasks WHERE id = ?").run(id);
      db.tasks.delete(id);
      db.shards.clear(); // a new shard may get the key of one that is gone
      db.lengths.clear();
      return "deleted";
    }),

  async due(limit, { everyMs, aheadMs }) {
    const find = (db: SqliteConnection, now: number) =>
      db.sql("SELECT pk, id FROM tasks WHERE sweep_at <= ? ORDER BY sweep_at LIMIT ? + 0").all(now + aheadMs, limit);
    // Called often, and seldom with tasks due: looking needs no transaction.
    if ((await session.read(find)).length === 0) return [];
    return session.write((db, now) => {
      const rows = find(db, now);
      const postpone = db.sql("UPDATE tasks SET sweep_at = ? WHERE pk = ?");
      for (const { pk } of rows) postpone.run(now + Math.max(minSweepMs, everyMs), Number(pk));
      return rows.map(idAt);
    });
  },

  overdue: (limit) =>
    session.read((db, now) => {
      const look = db.sql(
        "SELECT id, deadline_at AS at FROM tasks WHERE deadline_at IS NOT NULL ORDER BY deadline_at LIMIT ? + 0",
      );
      const { due, nextInMs } = splitDue(look.all(limit + 1), limit, now);
      return { overdue: due.map(idAt), nextInMs };
    }),

  ended: ({ endedForMs, limit }) =>
    session.read((db, now) =>
      db
        .sql("SELECT id FROM tasks WHERE ended_at <= ? ORDER BY ended_at, pk LIMIT ? + 0")
        .all(now - endedForMs, limit)
        .map(idAt),
    ),

  list: ({ statuses, cursor, limit }) =>
    session.read((db) => {
      const rows = newestTasks(db, statuses, { before: pageStart(cursor), limit: limit + 1 });
      return pageOf(rows, limit, (row) => {
        const task = readTask(db, idAt(row));
        return task === undefined ? [] : [summaryOf(task.record)];
      });
    }),
});

/** The record is cached frozen, since it is handed out as it is. */
export function readTask(db: SqliteConnection, id: string): Keyed<TaskRecord> | undefined {
  const known = db.tasks.get(id);
  if (known !== undefined) return known;
  const row = db.sql("SELECT pk, record, graph, params FROM tasks WHERE id = ?").get(id);
  if (row === undefined) return undefined;
  const [record, graph, params] = [row.record, row.graph, row.params].map((json) => JSON.parse(String(json)));
  const read = { pk: Number(row.pk), record: deepFreeze<TaskRecord>({ ...record, graph, params }) };
  db.tasks.set(id, read);
  return read;
}

/** One look a status, each along the index: a single one for all statuses would sort all their tasks. */
function newestTasks(
  db: SqliteConnection,
  statuses: readonly TaskStatus[] | undefined,
  { before, limit }: { readonly before: number; readonly limit: number },
): readonly Row[] {
  if (statuses === undefined) {
    return db.sql("SELECT pk, id FROM tasks WHERE pk < ? ORDER BY pk DESC LIMIT ? + 0").all(before, limit);
  }
  const look = db.sql("SELECT pk, id FROM tasks WHERE status = ? AND pk < ? ORDER BY pk DESC LIMIT ? + 0");
  const rows = [...new Set(statuses)].flatMap((status) => look.all(status, before, limit));
  return rows.sort((a, b) => Number(b.pk) - Number(a.pk)).slice(0, limit);
}

const idAt = ({ id }: Row): string => String(id);

const varsState = (row: Row) => ({
  version: Number(row.vars_version),
  appliedBy: JSON.parse(String(row.applied_by)) as string[],
});
