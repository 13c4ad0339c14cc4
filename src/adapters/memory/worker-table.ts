import type { WorkerRecord } from "../../core/model/records.ts";
import { deepFreeze } from "../../graph/format/plain-data.ts";
import type { StoreContext } from "./store-context.ts";

/** The workers that said they are alive. */
export class WorkerTable {
  readonly #context: StoreContext;

  constructor(context: StoreContext) {
    this.#context = context;
  }

  async announce(worker: WorkerRecord, ttlMs: number): Promise<void> {
    this.#context.state.workers.set(worker.id, { worker: deepFreeze(worker), until: this.#context.now() + ttlMs });
  }

  async remove(id: string): Promise<void> {
    this.#context.state.workers.delete(id);
  }

  async live(): Promise<WorkerRecord[]> {
    const { workers } = this.#context.state;
    const now = this.#context.now();
    for (const [id, { until }] of workers) if (until <= now) workers.delete(id);
    return [...workers.values()].map(({ worker }) => worker);
  }
}
