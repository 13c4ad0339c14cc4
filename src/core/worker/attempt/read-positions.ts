import { sourceKey } from "../../model/records.ts";
import { positionsOf } from "../input/append-signals.ts";
import type { Source, StreamInput } from "../input/index.ts";
import type { AttemptReports } from "./attempt-reports.ts";
import type { AttemptRun } from "./attempt-run.ts";

/** Tells producers that wait for their consumers how far this one has read. */
export class ReadPositions {
  readonly #run: AttemptRun;
  readonly #reports: AttemptReports;
  /** By source, of those that wait. */
  readonly #cursors: Record<string, number>;
  /** In batches: the smallest `reportEvery` of its sources. */
  readonly #every: number;
  #untold = 0;

  private constructor(
    run: AttemptRun,
    options: {
      readonly reports: AttemptReports;
      readonly cursors: Record<string, number>;
      readonly every: number;
    },
  ) {
    this.#run = run;
    this.#reports = options.reports;
    this.#cursors = options.cursors;
    this.#every = options.every;
  }

  /** `undefined` when none of the sources waits, as most don't. */
  static of(
    run: AttemptRun,
    options: {
      readonly reports: AttemptReports;
      readonly stream: StreamInput;
      readonly fromNodes: readonly string[];
    },
  ): ReadPositions | undefined {
    if (options.fromNodes.every((id) => run.plan.byId.get(id)?.backpressure === undefined)) return undefined;
    const cursors: Record<string, number> = {};
    let every = Number.POSITIVE_INFINITY;
    for (const [{ nodeId, shard }, position] of options.stream.positions) {
      const limits = run.plan.byId.get(nodeId)?.backpressure;
      if (limits === undefined) continue;
      cursors[sourceKey(nodeId, shard)] = position;
      every = Math.min(every, limits.reportEvery);
    }
    return new ReadPositions(run, { reports: options.reports, cursors, every });
  }

  /** Told first: from then on a producer waits. */
  begin(): Promise<void> {
    return this.#tell();
  }

  /** The artifact with this seq is done with. */
  async passed({ nodeId, shard }: Source, seq: number): Promise<void> {
    const key = sourceKey(nodeId, shard);
    if (this.#cursors[key] === undefined) return;
    this.#cursors[key] = seq + 1;
    this.#untold++;
    if (this.#untold >= this.#every) await this.#tell();
  }

  async #tell(): Promise<void> {
    this.#untold = 0;
    await this.#reports.write({ cursors: { ...this.#cursors } });
    this.#run.parts.signals.notify({ ...this.#run.held.attempt, ...positionsOf(this.#run.held.attempt) });
  }
}
