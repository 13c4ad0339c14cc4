import type { WorkerRecord } from "../../core/model/records.ts";
import type { WorkerDocument } from "./documents.ts";
import type { StoreParts } from "./store-parts.ts";

/** The workers that said they are alive. */
export class WorkerTable {
  readonly #parts: StoreParts;

  constructor(parts: StoreParts) {
    this.#parts = parts;
  }

  async announce({ id, types, capacity, running }: WorkerRecord, ttlMs: number): Promise<void> {
    // A pipeline reads strings that begin with `$` as fields, unless they are said to be literal.
    const said = { worker_id: id, roles: [...types], capacity: { tasks: capacity }, running };
    const literal = Object.fromEntries(Object.entries(said).map(([name, value]) => [name, { $literal: value }]));
    const set = { ...literal, last_seen: "$$NOW", alive_until: { $add: ["$$NOW", ttlMs] } };
    await this.#parts.session.ask(({ workers }) => workers.updateOne({ _id: id }, [{ $set: set }], { upsert: true }));
  }

  async remove(id: string): Promise<void> {
    await this.#parts.session.ask(({ workers }) => workers.deleteOne({ _id: id }));
  }

  async live(): Promise<WorkerRecord[]> {
    const rows = await this.#parts.session.timed<WorkerDocument>("workers", {
      stages: [{ $match: { alive_until: { $gt: new Date(0) } } }],
    });
    return rows
      .filter(({ doc, now }) => doc.alive_until.getTime() > now)
      .map(({ doc }) => ({
        id: doc.worker_id,
        types: doc.roles,
        capacity: doc.capacity.tasks,
        running: doc.running,
      }));
  }
}
