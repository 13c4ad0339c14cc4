import { jsonText, keepJson } from "../../../core/codec/index.ts";
import { createVars, summaryOf } from "../../../core/model/index.ts";
import { isTaskTerminal, type TaskRecord, type TaskStatus, type TaskSummary } from "../../../core/model/records.ts";
import { minSweepMs, type TaskQuery } from "../../../core/ports/index.ts";
import { newestPage, pkBefore } from "../../../core/store/collections.ts";
import { dueIds, RecordCache, type TaskDriver, type TaskState } from "../../../core/store/driver.ts";
import { together } from "../../../core/store/together.ts";
import { deepFreeze } from "../../../graph/format/plain-data.ts";
import { foreignKeyViolation, sqlStateOf } from "../database/request.ts";
import {
  compareAndSet,
  idOf,
  idText,
  mostBytes,
  now,
  ofEach,
  type Revised,
  type Session,
} from "../database/session.ts";

const whatParams = "the set of the task's parameters";
const whatVars = "the set of the task's variables";
const allStatuses: readonly TaskStatus[] = ["running", "cancelling", "finished", "failed", "cancelled"];

/** Locks the lenders, so that none of them is deleted before the loan is stored. */
const insertTask = `WITH task AS (
    INSERT INTO @tasks (id, rev, status, paused, name, record, graph, params, vars, vars_version, applied_by,
      idempotency_key, parent_id, sweep_at, deadline_at)
    VALUES ($1, 0, $2, false, $3, $4, $5, $6, $7, $8, $9, $10, $11, least($12, ${now}), $13)
    ON CONFLICT DO NOTHING RETURNING id, pk),
  lenders AS (${ofEach({ n: 14, type: "text[]" }, "SELECT id FROM @tasks WHERE id = wanted FOR KEY SHARE")}),
  lent AS (INSERT INTO @loans (lender, borrower) SELECT lenders.id, task.id FROM lenders, task)
  SELECT pk::float8 FROM task`;
const existing = `SELECT id FROM (SELECT id, 1 AS place FROM @tasks WHERE id = $1
  UNION ALL SELECT id, 2 FROM @tasks WHERE idempotency_key = $2) AS found ORDER BY place LIMIT 1`;
const readTasks = ofEach({ n: 1, type: "text[]" }, "SELECT id, pk::float8, record FROM @tasks WHERE id = wanted");
const readFixed = ofEach({ n: 1, type: "bigint[]" }, "SELECT pk::float8, graph, params FROM @tasks WHERE pk = wanted");
const readState = `SELECT pk::float8, rev, record, vars_version, applied_by, ${now} AS now FROM @tasks WHERE id = $1`;
const replaceTask = `UPDATE @tasks SET rev = rev + 1, status = $3, paused = $4, record = $5, deadline_at = $6,
  ended_at = CASE WHEN $7::float8 IS NOT NULL THEN least($7, ${now}) END,
  sweep_at = CASE WHEN $7::float8 IS NOT NULL THEN NULL WHEN $8 THEN least($9, ${now}) ELSE sweep_at END
  WHERE pk = $1 AND rev = $2 RETURNING 1`;
const replaceVars = `UPDATE @tasks SET rev = rev + 1, vars = $3, vars_version = $4, applied_by = $5
  WHERE pk = $1 AND rev = $2 RETURNING 1`;
/**
 * A loan that is stored concurrently violates its foreign key. Shards and artifacts are deleted by later statements: their
 * inserts lock the parent row, so its deletion has waited for them, and the next statement sees them.
 */
const deleteTask = `WITH gone AS (
    DELETE FROM @tasks task WHERE id = $1 AND status = ANY ($2)
      AND NOT EXISTS (SELECT 1 FROM @loans WHERE lender = task.id)
      AND NOT EXISTS (SELECT 1 FROM @tasks parent WHERE parent.id = task.parent_id) RETURNING id),
  logs AS (DELETE FROM @registry WHERE kind = 'task_log' AND id IN (SELECT id FROM gone)),
  freed AS (UPDATE @limits SET holders = array(SELECT holder FROM unnest(holders) holder WHERE NOT starts_with(holder, $3))
    WHERE EXISTS (SELECT 1 FROM gone)
      AND EXISTS (SELECT 1 FROM unnest(holders) holder WHERE starts_with(holder, $3)))
  SELECT id FROM gone`;
const deleteShards = "DELETE FROM @shards WHERE task_id = $1 RETURNING pk";
const deleteArtifacts = "DELETE FROM @artifacts WHERE shard_pk = ANY ($1)";
const dueTasks = `WITH due AS (
    SELECT pk, sweep_at FROM @tasks WHERE sweep_at <= ${now} + $2 ORDER BY sweep_at LIMIT $1 FOR NO KEY UPDATE SKIP LOCKED),
  taken AS (UPDATE @tasks task SET sweep_at = ${now} + $3 FROM due WHERE task.pk = due.pk RETURNING id, due.sweep_at)
  SELECT id FROM taken ORDER BY sweep_at`;
const deadlines = `SELECT id, deadline_at AS at, ${now} AS now FROM @tasks WHERE deadline_at IS NOT NULL
  ORDER BY deadline_at LIMIT $1`;
const endedTasks = `SELECT id FROM @tasks task WHERE ended_at <= ${now} - $1
  AND NOT EXISTS (SELECT 1 FROM @tasks parent WHERE parent.id = task.parent_id) ORDER BY ended_at, pk LIMIT $2`;
/** One index scan per status: a single query for all of them would sort all of their tasks. */
const listOf = (family: string): string => `SELECT task.* FROM unnest($1::text[]) AS wanted (status)
  CROSS JOIN LATERAL (SELECT pk::float8, name, record FROM @tasks
    WHERE status = wanted.status AND pk < $2 AND ${family} ORDER BY @tasks.pk DESC LIMIT $3) AS task
  ORDER BY pk DESC LIMIT $3`;
const families = {
  none: listOf("parent_id IS NULL AND $4::text IS NULL"),
  all: listOf("$4::text IS NULL"),
  of: listOf("parent_id = $4"),
};

type TaskRow = Revised &
  Readonly<Record<"id" | "record" | "graph" | "params" | "vars" | "applied_by", string>> &
  Readonly<Record<"pk" | "vars_version" | "at", number>> & { readonly name: string | null };

type StateRow = Pick<TaskRow, "pk" | "rev" | "record" | "now">;

export function taskTable(session: Session): TaskDriver {
  /** The parts of tasks that never change, by the key of the row. */
  const fixed = new RecordCache<Pick<TaskRecord, "graph" | "params">>(256);
  /** The state of tasks as this process last wrote it, by id. */
  const written = new RecordCache<Omit<StateRow, "now">>(256);
  /** Batched, since a sweep reads more tasks than are cached. */
  const readFixedParts = together(async (pks: readonly number[]) => {
    const rows = await session.all<TaskRow>(readFixed, [[...new Set(pks)]]);
    const byPk = new Map(rows.map((row) => [row.pk, keepFixed(row.pk, row)]));
    return pks.map((pk) => byPk.get(pk));
  });
  /** Batched, since many callers may wait for many tasks to end. */
  const readRow = together(async (ids: readonly string[]) => {
    const rows = await session.all<TaskRow>(readTasks, [[...new Set(ids)]]);
    const byId = new Map(rows.map((row) => [row.id, row]));
    return ids.map((id) => byId.get(id));
  });

  return {
    async insert(task, create) {
      keepJson(task.params, whatParams);
      const at = session.time ?? (await session.now());
      const { record, vars } = create(at);
      const { graph, params, ...state } = record;
      const { id, idempotencyKey, parent, deadlineAt = null, borrowsFrom = [] } = record;
      const texts = [graph.name ?? null, stateText(state), jsonText(graph, "the task's graph", mostBytes)];
      const paramsText = jsonText(params, whatParams, mostBytes);
      const varsValues = [jsonText(vars.vars, whatVars, mostBytes), vars.version, JSON.stringify(vars.appliedBy)];
      const key = idempotencyKey === undefined ? null : idText(idempotencyKey);
      const keys = [key, parent === undefined ? null : idText(parent.taskId)];
      const values = [idText(id), state.status, ...texts, paramsText, ...varsValues, ...keys, at, deadlineAt];
      for (;;) {
        const row = await session.get<{ pk: number }>(insertTask, [...values, borrowsFrom.map(idText)]);
        if (row !== undefined) {
          const { pk } = row;
          keepFixed(pk, { graph: texts[2] as string, params: paramsText });
          written.set(id, { pk, rev: 0, record: texts[1] as string });
          return { outcome: "created", id };
        }
        const there = await session.get<TaskRow>(existing, [idText(id), key]);
        if (there !== undefined) return { outcome: "exists", id: idOf(there.id) };
      }
    },
    async read(id) {
      const row = await readRow(idText(id));
      if (row === undefined) return undefined;
      const { pk } = row;
      const known = fixed.get(`${pk}`) ?? (await readFixedParts(pk));
      return known && { ...JSON.parse(row.record), ...known };
    },
    update: (id, judge, { sweepNow }) =>
      compareAndSet({
        known: writtenRow(id),
        read: () => session.get<StateRow>(readState, [idText(id)]),
        judge: (row) => judge(row && JSON.parse(row.record), row?.now ?? 0),
        write: async (next: TaskState, { pk, rev, now: at }) => {
          const { status, paused = false, endedAt } = next;
          const deadlineAt = status === "running" ? (next.deadlineAt ?? null) : null;
          const times = [deadlineAt, isTaskTerminal(status) ? (endedAt ?? at) : null, sweepNow, at];
          const record = stateText(next);
          const isWritten = await session.has(replaceTask, [pk, rev, status, paused, record, ...times]);
          if (isWritten) written.set(id, { pk, rev: rev + 1, record });
          return isWritten;
        },
      }),
    async readVars(id) {
      const row = await session.get<TaskRow>("SELECT vars, vars_version, applied_by FROM @tasks WHERE id = $1", [
        idText(id),
      ]);
      return row && { vars: JSON.parse(row.vars), ...varsState(row) };
    },
    updateVars: (id, judge) =>
      compareAndSet({
        read: () => session.get<TaskRow>(readState, [idText(id)]),
        judge: (row) => judge(row && JSON.parse(row.record), row === undefined ? createVars({}) : varsState(row)),
        write: ({ vars, version, appliedBy }, row) => {
          const values = [jsonText(vars, whatVars, mostBytes), version, JSON.stringify(appliedBy)];
          return session.has(replaceVars, [row.pk, row.rev, ...values]);
        },
      }),
    async delete(id) {
      const holders = `${JSON.stringify([id]).slice(0, -1)},`;
      try {
        const values = [idText(id), allStatuses.filter(isTaskTerminal), holders];
        const isDeleted = await session.transaction(async (statement) => {
          if ((await statement(deleteTask, values)).rows.length === 0) return false;
          const { rows } = await statement(deleteShards, [idText(id)]);
          await statement(deleteArtifacts, [rows.map(({ pk }) => pk)]);
          return true;
        });
        if (isDeleted) return "deleted";
      } catch (error) {
        if (sqlStateOf(error) !== foreignKeyViolation) throw error;
        return "borrowed";
      }
      const row = await session.get<{ status: TaskStatus }>("SELECT status FROM @tasks WHERE id = $1", [idText(id)]);
      if (row === undefined) return "unknown";
      return isTaskTerminal(row.status) ? "borrowed" : "open";
    },
    async due(limit, { everyMs, aheadMs }) {
      const rows = await session.all<TaskRow>(dueTasks, [limit, aheadMs, Math.max(minSweepMs, everyMs)]);
      return rows.map(({ id }) => idOf(id));
    },
    async overdue(limit) {
      const rows = await session.all<TaskRow>(deadlines, [limit + 1]);
      const { due, ...rest } = dueIds(rows, limit, rows[0]?.now ?? 0);
      return { overdue: due.map(idOf), ...rest };
    },
    async ended({ endedForMs, limit }) {
      return (await session.all<TaskRow>(endedTasks, [endedForMs, limit])).map(({ id }) => idOf(id));
    },
    async list({ statuses = allStatuses, children, ...query }: TaskQuery) {
      const [family, of] =
        typeof children === "object" ? (["of", idText(children.of)] as const) : ([children ?? "none", null] as const);
      const values = [[...new Set(statuses)], pkBefore(query), query.limit + 1, of];
      return newestPage(await session.all<TaskRow>(families[family], values), query, summary);
    },
  };

  function keepFixed(pk: number, { graph, params }: Pick<TaskRow, "graph" | "params">) {
    const parts = deepFreeze({ graph: JSON.parse(graph), params: JSON.parse(params) });
    fixed.set(`${pk}`, parts);
    return parts;
  }

  function writtenRow(id: string): StateRow | undefined {
    const { time } = session;
    const row = written.get(id);
    return row && time !== undefined ? { ...row, now: time } : undefined;
  }
}

const stateText = (state: TaskState): string => jsonText(state, "the task's record", mostBytes);

const varsState = (row: TaskRow) => ({
  version: row.vars_version,
  appliedBy: JSON.parse(row.applied_by) as string[],
});

function summary({ record, name }: TaskRow): TaskSummary {
  const graph = { ...(name === null ? {} : { name }) } as TaskRecord["graph"];
  return summaryOf({ ...JSON.parse(record), graph, params: {} });
}
