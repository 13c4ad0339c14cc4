import type { Finding, Graph } from "../../graph/index.ts";
import type { EpochRef, ShardRecord } from "../model.ts";
import type { StatusMessage } from "../protocol/messages.ts";
import type { Supervisor } from "../support/supervisor.ts";
import { ForeignAttempts } from "./foreign-attempts.ts";
import { ForeignDispatch } from "./foreign-dispatch.ts";
import { foreignFindings } from "./foreign-nodes.ts";
import type { ForeignParts } from "./foreign-parts.ts";

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

  onStatus(message: StatusMessage): Promise<void> {
    return this.#attempts.onStatus(message);
  }
}
