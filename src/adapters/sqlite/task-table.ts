import { keepJson } from "../../core/codec/index.ts";
import {
  cancelTask,
  closeTask,
  createTask,
  createVars,
  failTask,
  finishTask,
  replaceVars,
} from "../../core/model/index.ts";
import { isTaskTerminal, type TaskFailure, type TaskRecord, type VarsRecord } from "../../core/model/records.ts";
import type { NewTask, Store } from "../../core/ports/index.ts";
import { deepFreeze } from "../../graph/format/plain-data.ts";
import { jsonText } from "./json-text.ts";
import type { StoreParts } from "./store-parts.ts";
import { replaceTask, taskRow } from "./task-rows.ts";

const whatParams = "the set of the task's parameters";
const whatVars = "the set of the task's variables";

/** The operations on one task. */
export class TaskTable {
  readonly #parts: StoreParts;

  constructor(parts: StoreParts) {
    this.#parts = parts;
  }

  async create(task: NewTask): ReturnType<Store["createTask"]> {
    const { connection, now, tasks } = this.#parts;
    keepJson(task.params, whatParams);
    const record = deepFreeze(createTask(task, { now: now() }));
    const { graph, params, ...rest } = record;
    const { vars, version, appliedBy } = createVars(task);
    const values = [
      task.id,
      record.status,
      JSON.stringify(rest),
      jsonText(graph, "the task's graph"),
      jsonText(params, whatParams),
      jsonText(vars, whatVars),
      version,
      JSON.stringify(appliedBy),
      task.idempotencyKey ?? null,
      record.createdAt,
      record.deadlineAt ?? null,
    ];
    return connection.write(() => {
      const there = connection
        .sql("SELECT id FROM tasks WHERE id = ?1 UNION ALL SELECT id FROM tasks WHERE idempotency_key = ?2")
        .get(task.id, task.idempotencyKey ?? null);
      if (there !== undefined) return { outcome: "exists", id: String(there.id) };
      const { lastInsertRowid } = connection
        .sql(
          `INSERT INTO tasks (id, status, record, graph, params, vars, vars_version, applied_by, idempotency_key,
             sweep_at, deadline_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
        )
        .run(...values);
      for (const lender of record.borrowsFrom ?? []) {
        connection.sql("INSERT OR IGNORE INTO loans (lender, borrower) VALUES (?, ?)").run(lender, task.id);
      }
      tasks.set(task.id, { pk: Number(lastInsertRowid), record });
      return { outcome: "created", id: task.id };
    });
  }

  async read(id: string): Promise<TaskRecord | undefined> {
    return this.#parts.connection.read(() => taskRow(this.#parts, id)?.record);
  }

  async finish(id: string): Promise<boolean> {
    return this.#move(id, (record) => finishTask(record, { now: this.#parts.now() }));
  }

  async fail(id: string, failure: TaskFailure): Promise<boolean> {
    return this.#move(id, (record) => failTask(record, failure));
  }

  async close(id: string): Promise<boolean> {
    return this.#move(id, (record) => closeTask(record, { now: this.#parts.now() }));
  }

  async cancel(id: string, reason: string): ReturnType<Store["cancelTask"]> {
    return this.#parts.connection.write(() => {
      const row = taskRow(this.#parts, id);
      if (row === undefined) return "unknown";
      const { answer, next } = cancelTask(row.record, reason);
      if (next !== undefined) replaceTask(this.#parts, row, next);
      return answer;
    });
  }

  async delete(id: string): ReturnType<Store["deleteTask"]> {
    const { connection } = this.#parts;
    return connection.write(() => {
      const row = taskRow(this.#parts, id);
      if (row === undefined) return "unknown";
      if (!isTaskTerminal(row.record.status)) return "open";
      if (connection.sql("SELECT 1 FROM loans WHERE lender = ? LIMIT 1").get(id) !== undefined) return "borrowed";
      const shards = "(SELECT pk FROM shards WHERE task_id = ?)";
      connection.sql(`DELETE FROM artifacts WHERE shard_pk IN ${shards}`).run(id);
      connection.sql(`DELETE FROM complete_markers WHERE shard_pk IN ${shards}`).run(id);
      connection.sql("DELETE FROM shards WHERE task_id = ?").run(id);
      connection.sql("DELETE FROM slots WHERE task_id = ?").run(id);
      connection.sql("DELETE FROM loans WHERE borrower = ?").run(id);
      connection.sql("DELETE FROM tasks WHERE id = ?").run(id);
      this.#parts.tasks.delete(id);
      // A new shard may get the key of one that is gone.
      this.#parts.shards.clear();
      this.#parts.lengths.clear();
      return "deleted";
    });
  }

  async readVars(taskId: string): Promise<VarsRecord | undefined> {
    return this.#parts.connection.read(() => this.#vars(taskId));
  }

  async writeVars(taskId: string, write: Parameters<Store["writeVars"]>[1]): ReturnType<Store["writeVars"]> {
    const { connection } = this.#parts;
    return connection.write(() => {
      const task = taskRow(this.#parts, taskId)?.record;
      const { answer, next } = replaceVars(task, this.#vars(taskId) ?? createVars({}), write);
      if (next !== undefined) {
        connection
          .sql("UPDATE tasks SET vars = ?, vars_version = ?, applied_by = ? WHERE id = ?")
          .run(jsonText(next.vars, whatVars), next.version, JSON.stringify(next.appliedBy), taskId);
      }
      return answer;
    });
  }

  #vars(taskId: string): VarsRecord | undefined {
    const row = this.#parts.connection.sql("SELECT vars, vars_version, applied_by FROM tasks WHERE id = ?").get(taskId);
    if (row === undefined) return undefined;
    return {
      vars: JSON.parse(String(row.vars)),
      version: Number(row.vars_version),
      appliedBy: JSON.parse(String(row.applied_by)),
    };
  }

  #move(id: string, move: (record: TaskRecord) => TaskRecord | undefined): boolean {
    return this.#parts.connection.write(() => {
      const row = taskRow(this.#parts, id);
      const next = row && move(row.record);
      if (row === undefined || next === undefined) return false;
      replaceTask(this.#parts, row, next);
      return true;
    });
  }
}
