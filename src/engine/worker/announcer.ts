import { FlowError } from "../../errors/index.ts";
import type { WorkerRecord } from "../model.ts";
import type { Clock, WorkerStore } from "../ports/index.ts";
import type { StoreWatch } from "../support/store-watch.ts";
import type { Supervisor } from "../support/supervisor.ts";

export interface AnnouncerOptions {
  readonly store: WorkerStore;
  readonly clock: Clock;
  /** How long a word counts, in ms; said again every third of it. */
  readonly ttlMs: number;
  readonly say: () => WorkerRecord;
  readonly watch: StoreWatch;
}

/** Tells the store that a worker is alive, for those who ask why a node doesn't run. No decision hangs on it. */
export class Announcer {
  readonly #options: AnnouncerOptions;
  /** The id under which the store may know it. */
  #known: string | undefined;

  constructor(options: AnnouncerOptions) {
    this.#options = options;
  }

  start(supervisor: Supervisor): void {
    const { store, clock, ttlMs, say, watch } = this.#options;
    supervisor.loop("announcements", async () => {
      const worker = say();
      this.#known = worker.id;
      await watch.ask(() => store.announceWorker(worker, ttlMs));
      await clock.sleep(ttlMs / 3, supervisor.signal);
    });
  }

  /** After the supervisor has stopped, so that no word follows. */
  async leave(): Promise<void> {
    if (this.#known === undefined) return;
    try {
      await this.#options.store.removeWorker(this.#known);
    } catch (error) {
      if (!FlowError.is(error, "STORE_UNAVAILABLE")) throw error; // its last word soon counts no more
    }
  }
}
