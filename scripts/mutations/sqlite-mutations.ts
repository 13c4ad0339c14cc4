import { edit, type Mutation, mutation } from "./mutation.ts";

const sqlite = "adapters/sqlite";

/** Mistakes of the SQLite store, which shows in no world of its own: it is asked beside the memory store. */
export const sqliteMutations: readonly Mutation[] = [
  mutation(
    "SQLite: a shard that moved is remembered as it was",
    edit(`${sqlite}/shard-rows.ts`, "  shards.set(shardKey(next), { pk, record: next });\n", ""),
  ),
  mutation(
    "SQLite: the queue is in no order of arrival",
    edit(`${sqlite}/queue.ts`, "ready_at, queue_order LIMIT", "ready_at, pk DESC LIMIT"),
  ),
  mutation(
    "SQLite: a log's length is not counted on",
    edit(`${sqlite}/artifact-log.ts`, "length + 1);\n    return", "length);\n    return"),
  ),
  mutation("SQLite: an ended task stays due", edit(`${sqlite}/task-rows.ts`, "isEnded ? null : now()", "now()")),
  mutation(
    "SQLite: a lease is found by its first deadline only",
    edit(
      `${sqlite}/shard-rows.ts`,
      "due_at = ?,\n         expires_at = ? WHERE",
      "due_at = ?,\n         expires_at = coalesce(expires_at, ?) WHERE",
    ),
  ),
  mutation(
    "SQLite: what a deleted task has borrowed stays lent",
    edit(`${sqlite}/task-table.ts`, '      connection.sql("DELETE FROM loans WHERE borrower = ?").run(id);\n', ""),
  ),
  mutation(
    "SQLite: a limit lets one more in",
    edit(`${sqlite}/slot-table.ts`, "if (Number(held) >= max)", "if (Number(held) > max)"),
  ),
].map((each) => ({ ...each, options: ["--sqlite"] }));
