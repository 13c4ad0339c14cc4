import { edit, type Mutation, mutation } from "./mutation.ts";

const sqlite = "adapters/sqlite";

const longLog = (why: string) => ({
  file: "test/contract/sqlite/sqlite-store.test.ts",
  title: "a long log finds each of its uids and the last artifact from each source",
  why,
});

/** Mistakes in the SQLite store, which the simulation runs as a mirror of the memory store and compares with it. */
export const sqliteMutations: readonly Mutation[] = [
  mutation(
    "SQLite: the cached shard is not updated after a transition",
    edit(`${sqlite}/driver/shards.ts`, "  row.record = keepShard(next);\n", ""),
  ),
  mutation(
    "SQLite: the queue is not in order of arrival",
    edit(`${sqlite}/driver/shards.ts`, "ready_at, queue_order LIMIT", "ready_at, pk DESC LIMIT"),
  ),
  mutation(
    "SQLite: the cached length of a log is not increased",
    edit(`${sqlite}/driver/logs.ts`, "length: length + 1, closed,", "length, closed,"),
  ),
  {
    elsewhere: longLog("seeds repeat uids in few logs"),
    ...mutation(
      "SQLite: a uid of the first artifacts may be repeated",
      edit(`${sqlite}/driver/logs.ts`, "  if (firstUids.includes(uid)) return false;\n", ""),
    ),
  },
  {
    elsewhere: longLog("few seeds have logs of so many artifacts, from several sources"),
    ...mutation(
      "SQLite: the last artifact of a source is looked for among the first artifacts only",
      edit(`${sqlite}/driver/logs.ts`, "lastOrigins.flatMap(", "lastOrigins.slice(0, 1).flatMap("),
    ),
  },
  {
    elsewhere: longLog("the end of a node and of its log are one transaction"),
    ...mutation(
      "SQLite: the log of a finished node reads as open",
      edit(`${sqlite}/driver/logs.ts`, "closed: closed || isFinished, origins", "closed, origins"),
    ),
  },
  {
    elsewhere: {
      file: "test/contract/sqlite/sqlite-store.test.ts",
      title: "appending at the old length of a log that another connection extended is a conflict",
      why: "requires another process that writes to the file",
    },
    ...mutation(
      "SQLite: cached shards and their log lengths are kept after writes of another process",
      edit(`${sqlite}/database/connection.ts`, "    this.shards.clear();\n", ""),
    ),
  },
  {
    elsewhere: {
      file: "test/unit/adapters/sqlite/leftovers.test.ts",
      title: "leases are kept while another process has the file open",
      why: "requires another process that has the file open",
    },
    ...mutation(
      "SQLite: opening a file ends the leases of live processes",
      edit(
        `${sqlite}/database/schema.ts`,
        '    database.exec("PRAGMA locking_mode = EXCLUSIVE"); // from the first access until it is closed\n',
        "",
      ),
    ),
  },
  {
    elsewhere: {
      file: "test/integration/engine/sqlite-locks.test.ts",
      title: "other processes can write the file whatever handler code runs",
      why: "requires another process that writes while handler code runs",
    },
    ...mutation(
      "SQLite: handler code runs inside an open transaction",
      edit(
        `${sqlite}/database/connection.ts`,
        "if (this.#broken !== undefined || !this.#isInTransaction) {",
        "if (this.#broken === undefined || !this.#isInTransaction) {",
      ),
    ),
  },
  {
    elsewhere: {
      file: "test/integration/engine/sqlite-locks.test.ts",
      title: "other processes can write the file whatever handler code runs",
      why: "requires another process that writes while handler code runs",
    },
    ...mutation(
      "SQLite: a transaction stays open while handler code is pending",
      edit(`${sqlite}/database/connection.ts`, '"call" || this.#handlers > 0;', '"call";'),
    ),
  },
  {
    elsewhere: {
      file: "test/unit/adapters/sqlite/file-time.test.ts",
      title: "a process that starts after the clock was set back continues from the file's time",
      why: "requires a process that starts after the wall clock was set back",
    },
    ...mutation(
      "SQLite: a process ignores the time in the file",
      edit(
        `${sqlite}/database/connection.ts`,
        "    this.#timeOf(Math.max(this.#fileTime, now())); // it continues from there\n",
        "",
      ),
    ),
  },
  {
    elsewhere: {
      file: "test/unit/adapters/sqlite/file-time.test.ts",
      title: "the file's time is written once a second, and never lowered",
      why: "requires a process that starts after the wall clock was set back",
    },
    ...mutation(
      "SQLite: the time in the file is never advanced",
      edit(`${sqlite}/database/connection.ts`, "time >= this.#fileTime + fileTimeStepMs) this", "time < 0) this"),
    ),
  },
  {
    elsewhere: {
      file: "test/contract/sqlite/sqlite-store.test.ts",
      title: "completeAndClaim stores an only artifact like any other, however long it is",
      why: "the end of a log that has ended is rarely read",
    },
    ...mutation(
      "SQLite: the artifact in the row of a shard is not at the end of its log",
      edit(
        `${sqlite}/driver/logs.ts`,
        "origins: only ? [only.origin] : [...origins.values()]",
        "origins: [...origins.values()]",
      ),
    ),
  },
  mutation(
    "SQLite: a shard that is inserted is missing in the cached list of its node's shards",
    edit(`${sqlite}/driver/shards.ts`, "[...siblings, shard].sort((a, b) => a - b)", "siblings"),
  ),
  {
    elsewhere: {
      file: "test/unit/adapters/sqlite/fresh-leases.test.ts",
      title: "leases are indexed by the first write after a second, of any process, in the order of their ends",
      why: "few workers crash within a second of continuing with a node",
    },
    ...mutation(
      "SQLite: the leases of new shards are never indexed",
      edit(
        `${sqlite}/database/connection.ts`,
        "    if (this.#fresh !== undefined) this.execute(indexFresh, this.#fresh.from);\n",
        "",
      ),
    ),
  },
  mutation(
    "SQLite: a closed task stays due",
    edit(`${sqlite}/driver/tasks.ts`, "isTaskTerminal(next.status) ? null : now", "now"),
  ),
  mutation(
    "SQLite: the stored deadline of a renewed lease is not updated",
    edit(
      `${sqlite}/driver/shards.ts`,
      "due_at = ?,\n  expires_at = ?, fresh",
      "due_at = ?,\n  expires_at = coalesce(expires_at, ?), fresh",
    ),
  ),
  mutation(
    "SQLite: a deleted task does not return what it borrowed",
    edit(`${sqlite}/driver/tasks.ts`, '"loans WHERE borrower", ', ""),
  ),
  mutation(
    "SQLite: a limit admits one attempt too many",
    edit(`${sqlite}/driver/shards.ts`, "if (holders(db, key) >= max)", "if (holders(db, key) > max)"),
  ),
].map((each) => ({ ...each, options: ["--sqlite"] }));
