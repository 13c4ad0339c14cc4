import type { Finding, Graph } from "../../graph/index.ts";
import type { AnnounceMessage, StatusMessage } from "../messages/messages.ts";
import type { EpochRef, ShardRecord } from "../model/records.ts";
import type { Supervisor } from "../resilience/supervisor.ts";
import { ExternalAttempts } from "./attempts.ts";
import { ExternalDispatch } from "./dispatch.ts";
import { externalFindings } from "./nodes.ts";
import type { ExternalParts } from "./parts.ts";

/** How long a worker's announcement is valid. */
const announcedMs = 600_000;

/** What a coordinator does on behalf of external workers. */
export class ExternalWorkers {
  readonly #parts: ExternalParts;
  readonly #dispatch: ExternalDispatch;
  readonly #attempts: ExternalAttempts;

  constructor(parts: ExternalParts) {
    this.#parts = parts;
    this.#dispatch = new ExternalDispatch(parts);
    this.#attempts = new ExternalAttempts(parts);
  }

  get types(): ReadonlySet<string> {
    return this.#parts.external.types;
  }

  /** What a graph asks for that its external workers do not support. */
  findings(graph: Graph): readonly Finding[] {
    return externalFindings(graph, this.#parts.external);
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
   * Stores which workers are alive, for explanations of why a node does not run. Some programs announce repeatedly,
   * some only at their start. FlowKit's own workers write to the store themselves.
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
