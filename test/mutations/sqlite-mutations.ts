import { edit, type Mutation, mutation } from "./mutation.ts";

const sqlite = "adapters/sqlite";

/** Mistakes of the SQLite store, which shows in no world of its own: it is asked beside the memory store. */
export const sqliteMutations: readonly Mutation[] = [
  mutation(
    "SQLite: a shard that moved is remembered as it was",
    edit(`${sqlite}/shards.ts`, "  db.shards.set(shardKey(next), { pk: row.pk, record: keepShard(next) });\n", ""),
  ),
  mutation(
    "SQLite: the queue is in no order of arrival",
    edit(`${sqlite}/shards.ts`, "ready_at, queue_order LIMIT", "ready_at, pk DESC LIMIT"),
  ),
  mutation(
    "SQLite: a log's length is not counted on",
    edit(`${sqlite}/logs.ts`, "logKey(...log), length + 1);", "logKey(...log), length);"),
  ),
  {
    elsewhere: {
      file: "test/contract/sqlite/sqlite-store.test.ts",
      title: "appending at the old length of a log that another connection extended is a conflict",
      why: "takes another process that writes to the file",
    },
    ...mutation(
      "SQLite: a log's length is remembered though another process wrote",
      edit(`${sqlite}/connection.ts`, "    this.lengths.clear();\n", ""),
    ),
  },
  {
    elsewhere: {
      file: "test/unit/adapters/sqlite/leftovers.test.ts",
      title: "leases are kept while another process has the file open",
      why: "takes another process that has the file open",
    },
    ...mutation(
      "SQLite: whoever opens a file ends the leases of live processes",
      edit(
        `${sqlite}/connection.ts`,
        '    database.exec("PRAGMA locking_mode = EXCLUSIVE"); // from the first access until it is closed\n',
        "",
      ),
    ),
  },
  {
    elsewhere: {
      file: "test/integration/engine/sqlite-locks.test.ts",
      title: "other processes can write the file whatever handler code runs",
      why: "takes another process that writes while handler code runs",
    },
    ...mutation(
      "SQLite: handler code runs inside an open transaction",
      edit(
        `${sqlite}/connection.ts`,
        "if (this.#broken !== undefined || !this.#database.isTransaction) {",
        "if (this.#broken === undefined || !this.#database.isTransaction) {",
      ),
    ),
  },
  {
    elsewhere: {
      file: "test/integration/engine/sqlite-locks.test.ts",
      title: "other processes can write the file whatever handler code runs",
      why: "takes another process that writes while handler code runs",
    },
    ...mutation(
      "SQLite: a transaction stays open beside pending handler code",
      edit(`${sqlite}/connection.ts`, '"call" || this.#handlers > 0;', '"call";'),
    ),
  },
  {
    elsewhere: {
      file: "test/unit/adapters/sqlite/file-time.test.ts",
      title: "a process that starts after the clock was set back continues from the file's time",
      why: "takes a process that starts after a step back of the wall clock",
    },
    ...mutation(
      "SQLite: a process does not take the file's time",
      edit(
        `${sqlite}/connection.ts`,
        "    this.#timeOf(Math.max(this.#fileTime, now())); // it continues from there\n",
        "",
      ),
    ),
  },
  {
    elsewhere: {
      file: "test/unit/adapters/sqlite/file-time.test.ts",
      title: "the file's time is written once a second, and never lowered",
      why: "takes a process that starts after a step back of the wall clock",
    },
    ...mutation(
      "SQLite: the file's time is not raised",
      edit(`${sqlite}/connection.ts`, "if (time >= this.#fileTime + fileTimeStepMs) {", "if (time < 0) {"),
    ),
  },
  mutation(
    "SQLite: an ended task stays due",
    edit(`${sqlite}/tasks.ts`, "isTaskTerminal(next.status) ? null : now", "now"),
  ),
  mutation(
    "SQLite: a lease is found by its first deadline only",
    edit(
      `${sqlite}/shards.ts`,
      "due_at = ?,\n  expires_at = ? WHERE",
      "due_at = ?,\n  expires_at = coalesce(expires_at, ?) WHERE",
    ),
  ),
  mutation(
    "SQLite: what a deleted task has borrowed stays lent",
    edit(`${sqlite}/tasks.ts`, '      db.run("DELETE FROM loans WHERE borrower = ?", id);\n', ""),
  ),
  mutation(
    "SQLite: a limit lets one more in",
    edit(`${sqlite}/registry.ts`, "if (holders(db, key) >= max)", "if (holders(db, key) > max)"),
  ),
].map((each) => ({ ...each, options: ["--sqlite"] }));
