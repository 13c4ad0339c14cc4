import type { WorkerRecord } from "../../core/model/records.ts";
import type { StoreParts } from "./store-parts.ts";

/** The workers that said they are alive. */
export class WorkerTable {
  readonly #parts: StoreParts;

  constructor(parts: StoreParts) {
    this.#parts = parts;
  }

  async announce(worker: WorkerRecord, ttlMs: number): Promise<void> {
    const { connection, now } = this.#parts;
    connection.write(() => {
      connection.sql("DELETE FROM workers WHERE until <= ?").run(now());
      connection
        .sql("INSERT OR REPLACE INTO workers (id, record, until) VALUES (?, ?, ?)")
        .run(worker.id, JSON.stringify(worker), now() + ttlMs);
    });
  }

  async remove(id: string): Promise<void> {
    const { connection } = this.#parts;
    connection.write(() => connection.sql("DELETE FROM workers WHERE id = ?").run(id));
  }

  async live(): Promise<WorkerRecord[]> {
    const { connection, now } = this.#parts;
    const rows = connection.read(() => connection.sql("SELECT record FROM workers WHERE until > ?").all(now()));
    return rows.map(({ record }) => JSON.parse(String(record)) as WorkerRecord);
  }
}
