import { existsSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { migrate } from "./schema.ts";
import { isBusy } from "./sqlite-error.ts";

/** Leases and slots end now, and every open task is looked at. Whether a lease may be taken is still `expire`'s to judge. */
const ends = [
  "UPDATE shards SET record = json_set(record, '$.lease.deadline', 0), expires_at = 0 WHERE expires_at IS NOT NULL",
  "UPDATE tasks SET sweep_at = 0 WHERE sweep_at IS NOT NULL",
  "DELETE FROM slots",
  "DELETE FROM workers",
] as const;

/**
 * Lets a file's tasks go on at once after a crash, instead of when the leases of the dead process run out.
 *
 * No clock and no process id decides who is dead: an open connection holds a lock on the file, which the system takes
 * from a process that dies. Whoever gets the file for itself alone knows that no holder of a lease is left. With others
 * on the file nothing is done, for any of them may be the holder.
 */
export function endLeftovers(path: string): void {
  if (!existsSync(path)) return;
  const database = new DatabaseSync(path, { timeout: 0 });
  try {
    database.exec("PRAGMA locking_mode = EXCLUSIVE"); // from the first access on until it is closed
    migrate(database);
    database.exec("BEGIN EXCLUSIVE");
    for (const statement of ends) database.exec(statement);
    database.exec("COMMIT");
  } catch (error) {
    if (!isBusy(error)) throw error;
  } finally {
    database.close();
  }
}
