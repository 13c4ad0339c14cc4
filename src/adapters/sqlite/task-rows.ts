import { isTaskTerminal, type TaskRecord } from "../../core/model/records.ts";
import { deepFreeze } from "../../graph/format/plain-data.ts";
import type { TaskRow } from "./rows.ts";
import type { StoreParts } from "./store-parts.ts";

/* The only places that read and write a task's record. It is remembered frozen, since it is handed out as it is. */

export function taskRow({ connection, tasks }: StoreParts, id: string): TaskRow | undefined {
  const known = tasks.get(id);
  if (known !== undefined) return known;
  const row = connection.sql("SELECT pk, record, graph, params FROM tasks WHERE id = ?").get(id);
  if (row === undefined) return undefined;
  const { record, graph, params } = row;
  const read: TaskRow = {
    pk: Number(row.pk),
    record: deepFreeze({
      ...JSON.parse(String(record)),
      graph: JSON.parse(String(graph)),
      params: JSON.parse(String(params)),
    }),
  };
  tasks.set(id, read);
  return read;
}

/** Puts the record of a move in place: due for a sweep now, or never again. */
export function replaceTask({ connection, tasks, now }: StoreParts, row: TaskRow, next: TaskRecord): void {
  const { graph: _, params: __, ...rest } = next;
  const isEnded = isTaskTerminal(next.status);
  connection
    .sql("UPDATE tasks SET status = ?, record = ?, sweep_at = ?, deadline_at = ?, ended_at = ? WHERE pk = ?")
    .run(
      next.status,
      JSON.stringify(rest),
      isEnded ? null : now(),
      next.status === "running" ? (next.deadlineAt ?? null) : null,
      next.endedAt ?? null,
      row.pk,
    );
  tasks.set(next.id, { pk: row.pk, record: deepFreeze(next) });
}
