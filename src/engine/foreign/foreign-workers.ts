import type { Finding, Graph } from "../../graph/index.ts";
import type { EpochRef, ShardRecord } from "../model.ts";
import type { AnnounceMessage, StatusMessage } from "../protocol/messages.ts";
import type { Supervisor } from "../support/supervisor.ts";
import { ForeignAttempts } from "./foreign-attempts.ts";
import { ForeignDispatch } from "./foreign-dispatch.ts";
import { foreignFindings } from "./foreign-nodes.ts";
import type { ForeignParts } from "./foreign-parts.ts";

/** How long a word counts by which a worker says that it is there. */
const announcedMs = 600_000;

/** What a coordinator does for workers that aren't ours, and that ours do by themselves. */
export class ForeignWorkers {
  readonly #parts: ForeignParts;
  readonly #dispatch: ForeignDispatch;
  readonly #attempts: ForeignAttempts;

  constructor(parts: ForeignParts) {
    this.#parts = parts;
    this.#dispatch = new ForeignDispatch(parts);
    this.#attempts = new ForeignAttempts(parts);
  }

  get types(): ReadonlySet<string> {
    return this.#parts.foreign.types;
  }

  /** What of a graph its workers can't do. */
  findings(graph: Graph): readonly Finding[] {
    return foreignFindings(graph, this.#parts.foreign);
  }

  start(supervisor: Supervisor): void {
    this.#dispatch.start(supervisor);
  }

  command(ref: EpochRef): Promise<void> {
    return this.#dispatch.command(ref);
  }

  async leaseLost(record: ShardRecord): Promise<void> {
    if (this.types.has(record.type)) await this.#dispatch.leaseLost(record);
  }

  /**
   * Keeps who is there, for whoever asks why a node doesn't run: some say it again and again, some only as they begin. A
   * worker of ours tells the store itself.
   */
  async onAnnounce(message: AnnounceMessage): Promise<void> {
    const { store, clock } = this.#parts;
    const { workerId } = message;
    if (message.kind === "WORKER_OFFLINE") return store.removeWorker(workerId);
    const { roles, capacity, capabilities, sentAt = clock.now() } = message;
    const types = roles.filter((role) => this.types.has(role));
    const countsForMs = announcedMs - Math.max(0, clock.now() - sentAt);
    if (capabilities?.store_claims === true || types.length === 0 || countsForMs <= 0) return;
    await store.announceWorker({ id: workerId, types, capacity, running: 0 }, countsForMs);
  }

  onStatus(message: StatusMessage): Promise<void> {
    return this.#attempts.onStatus(message);
  }
}
