import { summaryOf } from "../../core/model/index.ts";
import type { TaskStatus } from "../../core/model/records.ts";
import { minSweepMs, type Store } from "../../core/ports/index.ts";
import type { StoreParts } from "./store-parts.ts";
import { taskRow } from "./task-rows.ts";

/** The operations that look for tasks. */
export class TaskLists {
  readonly #parts: StoreParts;

  constructor(parts: StoreParts) {
    this.#parts = parts;
  }

  async due(
    limit: number,
    { everyMs, aheadMs }: { readonly everyMs: number; readonly aheadMs: number },
  ): Promise<string[]> {
    const { connection, now } = this.#parts;
    const find = () =>
      connection
        .sql("SELECT pk, id FROM tasks WHERE sweep_at <= ? ORDER BY sweep_at LIMIT ? + 0")
        .all(now() + aheadMs, limit);
    // Asked often and seldom so: looking needs no transaction.
    if (connection.read(() => find().length) === 0) return [];
    return connection.write(() => {
      const rows = find();
      const move = connection.sql("UPDATE tasks SET sweep_at = ? WHERE pk = ?");
      for (const { pk } of rows) move.run(now() + Math.max(minSweepMs, everyMs), Number(pk));
      return rows.map(({ id }) => String(id));
    });
  }

  async overdue(limit: number): ReturnType<Store["overdueTasks"]> {
    const { connection } = this.#parts;
    const now = this.#parts.now();
    const rows = connection.read(() =>
      connection
        .sql("SELECT id, deadline_at FROM tasks WHERE deadline_at IS NOT NULL ORDER BY deadline_at LIMIT ? + 0")
        .all(limit + 1),
    );
    const overdue = rows.slice(0, limit).filter((row) => Number(row.deadline_at) <= now);
    const next = rows[overdue.length];
    return {
      overdue: overdue.map(({ id }) => String(id)),
      nextInMs: next === undefined ? undefined : Math.max(0, Number(next.deadline_at) - now),
    };
  }

  async ended({ endedForMs, limit }: Parameters<Store["endedTasks"]>[0]): Promise<string[]> {
    const { connection, now } = this.#parts;
    const rows = connection.read(() =>
      connection
        .sql("SELECT id FROM tasks WHERE ended_at <= ? ORDER BY ended_at, pk LIMIT ? + 0")
        .all(now() - endedForMs, limit),
    );
    return rows.map(({ id }) => String(id));
  }

  async list({ statuses, cursor, limit }: Parameters<Store["listTasks"]>[0]): ReturnType<Store["listTasks"]> {
    const { connection } = this.#parts;
    const before = cursor === undefined ? Number.MAX_SAFE_INTEGER : Number(cursor);
    return connection.read(() => {
      const rows =
        statuses === undefined
          ? connection.sql("SELECT pk, id FROM tasks WHERE pk < ? ORDER BY pk DESC LIMIT ? + 0").all(before, limit + 1)
          : this.#newestOf(statuses, before, limit + 1);
      const page = rows.slice(0, limit);
      const last = page.at(-1);
      return {
        items: page.flatMap(({ id }) => {
          const task = taskRow(this.#parts, String(id));
          return task === undefined ? [] : [summaryOf(task.record)];
        }),
        ...(rows.length > limit && last !== undefined ? { cursor: String(last.pk) } : {}),
      };
    });
  }

  /** One look a status, each along the index: one over several would sort all their tasks. */
  #newestOf(statuses: readonly TaskStatus[], before: number, limit: number) {
    const look = this.#parts.connection.sql(
      "SELECT pk, id FROM tasks WHERE status = ? AND pk < ? ORDER BY pk DESC LIMIT ? + 0",
    );
    return [...new Set(statuses)]
      .flatMap((status) => look.all(status, before, limit))
      .sort((a, b) => Number(b.pk) - Number(a.pk))
      .slice(0, limit);
  }
}
