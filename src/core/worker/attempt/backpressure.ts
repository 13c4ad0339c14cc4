import { sourceKey } from "../../model/records.ts";
import { streamReadersOf } from "../../plan/index.ts";
import { positionsOf } from "../input/append-signals.ts";
import type { Source, StreamInput } from "../input/index.ts";
import type { AttemptReports } from "./attempt-reports.ts";
import { type AttemptRun, shardsOf, withInputWait } from "./attempt-run.ts";

/*
 * A producer with `max_pending_batches` stores no batch while a consumer that runs is that many behind.
 *
 * What it waits for is in the consumer's record: `running`, and a cursor for the producer's shard. Only a consumer that
 * takes batches one by one as they come has one. It moves the cursor on each time that it has read half of the limit.
 *
 * Nobody waits for ever:
 * - Who is waited for runs, so it has its slot, under whatever limit. One that is queued, deferred or cancelled isn't
 *   waited for, and a dead one runs no longer than its lease.
 * - Who is waited for can go on: it is behind by more than it may leave untold, so there is something for it to read,
 *   and it takes what there is from any of its sources before it waits for one of them. All that can hold it up is its
 *   handler, or a consumer of its own.
 * - So one wait leads to another downstream only, and a graph has no cycle: at the end of each chain somebody works.
 */

/** Keeps one attempt of a producer from running ahead of its consumers. */
export class Backpressure {
  readonly #run: AttemptRun;
  readonly #generation: number;
  readonly #max: number;
  readonly #readers: readonly string[];
  /** Below this seq nobody can be too far behind: cursors only go forward. */
  #mayStoreTo: number;

  private constructor(run: AttemptRun, options: { readonly generation: number; readonly max: number }) {
    this.#run = run;
    this.#generation = options.generation;
    this.#max = options.max;
    this.#mayStoreTo = options.max;
    this.#readers = streamReadersOf(run.plan, run.node);
  }

  /** `undefined` for a node without a limit, which most are. */
  static of(run: AttemptRun, generation: number): Backpressure | undefined {
    const max = run.node.maxPendingBatches;
    return max === undefined ? undefined : new Backpressure(run, { generation, max });
  }

  /** Resolves when the batch with this seq may be stored; `undefined`: now. */
  room(seq: number): Promise<void> | undefined {
    return seq < this.#mayStoreTo ? undefined : this.#wait(seq);
  }

  #wait(seq: number): Promise<void> {
    const run = this.#run;
    return withInputWait(run, shardsOf(run.plan, this.#readers).map(positionsOf), async (wait) => {
      for (;;) {
        wait.beforeLooking();
        const slowest = await this.#slowest();
        // With nobody there to wait for, look again before one who comes now can be far behind.
        this.#mayStoreTo = slowest === undefined ? seq + Math.ceil(this.#max / 2) : slowest + this.#max;
        if (seq < this.#mayStoreTo) return;
        await wait.forNews(true);
      }
    });
  }

  /** How far the slowest of the consumers has come that run. */
  async #slowest(): Promise<number | undefined> {
    const { retry, parts, held } = this.#run;
    const { taskId, nodeId, shard } = held.attempt;
    const key = sourceKey(nodeId, shard);
    const records = await retry.ask(() => parts.store.readShards(taskId, this.#readers));
    const positions = records.flatMap(({ status, cursors, sourceGens }) => {
      // One that still reads what was withdrawn will start over, from the beginning.
      const reads = status === "running" && (sourceGens[key] ?? 0) === this.#generation;
      return reads ? (cursors?.[key] ?? []) : [];
    });
    return positions.length === 0 ? undefined : Math.min(...positions);
  }
}

/** Tells producers that wait for their consumers how far this one has read. */
export class ReadPositions {
  readonly #run: AttemptRun;
  readonly #reports: AttemptReports;
  /** By source, of those that wait. */
  readonly #cursors: Record<string, number>;
  /**
   * After so many batches: half of the smallest limit. What isn't told is then always less than a limit, so no producer
   * waits for a consumer that has read all there is; and one that is fast enough need not stop for the word.
   */
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
    if (options.fromNodes.every((id) => run.plan.byId.get(id)?.maxPendingBatches === undefined)) return undefined;
    const cursors: Record<string, number> = {};
    let every = Number.POSITIVE_INFINITY;
    for (const [{ nodeId, shard }, position] of options.stream.positions) {
      const max = run.plan.byId.get(nodeId)?.maxPendingBatches;
      if (max === undefined) continue;
      cursors[sourceKey(nodeId, shard)] = position;
      every = Math.min(every, Math.ceil(max / 2));
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
