import { FlowError } from "../../../errors/index.ts";
import type { AnnounceMessage } from "../../messages/messages.ts";
import type { WorkerRecord } from "../../model/records.ts";
import type { Clock, WorkerStore } from "../../ports/index.ts";
import type { StoreHealthTracker } from "../../resilience/store-retry.ts";
import type { Supervisor } from "../../resilience/supervisor.ts";

export interface WorkerPresenceOptions {
  readonly store: WorkerStore;
  readonly clock: Clock;
  /** How long a word counts, in ms; said again every third of it. */
  readonly ttlMs: number;
  readonly say: () => WorkerRecord;
  /** Tells other programs too, which don't look in the store. Never rejects. */
  readonly tell?: ((message: AnnounceMessage) => Promise<void>) | undefined;
  readonly watch: StoreHealthTracker;
}

/**
 * Tells the store, and other programs where there are any, that a worker is alive, for those who ask why a node doesn't
 * run. No decision hangs on it.
 */
export class WorkerPresence {
  readonly #options: WorkerPresenceOptions;
  /** The id under which the store may know it. */
  #known: string | undefined;

  constructor(options: WorkerPresenceOptions) {
    this.#options = options;
  }

  start(supervisor: Supervisor): void {
    const { store, clock, ttlMs, say, tell, watch } = this.#options;
    supervisor.loop("announcements", async () => {
      const worker = say();
      this.#known = worker.id;
      await watch.ask(() => store.announceWorker(worker, ttlMs));
      await tell?.(online(worker));
      await clock.sleep(ttlMs / 3, supervisor.signal);
    });
  }

  /** After the supervisor has stopped, so that no word follows. */
  async leave(): Promise<void> {
    if (this.#known === undefined) return;
    await this.#options.tell?.({ kind: "WORKER_OFFLINE", workerId: this.#known });
    try {
      await this.#options.store.removeWorker(this.#known);
    } catch (error) {
      if (!FlowError.is(error, "STORE_UNAVAILABLE")) throw error; // its last word soon counts no more
    }
  }
}

/** `store_claims`: it takes its work from the store, so that nobody has to play its part there. */
const online = ({ id, types, capacity }: WorkerRecord): AnnounceMessage => ({
  kind: "WORKER_ONLINE",
  workerId: id,
  roles: types,
  capabilities: { roles: [...types], store_claims: true },
  version: "1",
  capacity,
});
