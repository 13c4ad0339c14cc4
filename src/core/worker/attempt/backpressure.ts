import { sourceKey } from "../../model/records.ts";
import { type BackpressurePlan, type Plan, streamReadersOf } from "../../plan/index.ts";
import { positionsOf } from "../input/append-signals.ts";
import type { Source, StreamInput } from "../input/index.ts";
import type { AttemptReports } from "./attempt-reports.ts";
import { type AttemptRun, shardsOf } from "./attempt-run.ts";
import { withInputWait } from "./input-wait.ts";

/*
 * A producer with a limit on pending batches stores none while a running consumer is that many batches behind.
 *
 * The consumer's record shows this: it is `running`, with a cursor for the producer's shard. Only consumers that take
 * batches one by one have cursors. A consumer advances its cursor each time it has read half of the limit.
 *
 * Waits always end:
 * - A consumer that is waited for runs, so it has its slots. One that is queued, deferred or cancelled is not waited
 *   for, and a dead one counts as running only until its lease expires.
 * - It can continue: it is further behind than the part it may leave unreported, so it has something to read, and it
 *   reads from any of its sources before it waits for one of them. Only its handler, or one of its own consumers, can
 *   delay it.
 * - A node that runs flows is not waited for: the nodes of its tasks may need the producer's slot.
 * - So waits point downstream only, and a graph has no cycle: at the end of each chain, some node makes progress.
 */

const runsFlow = ({ byId }: Plan, nodeId: string): boolean => byId.get(nodeId)?.flow !== undefined;

/** Keeps a producer's attempt from running ahead of its consumers. */
export class Backpressure {
  readonly #run: AttemptRun;
  readonly #generation: number;
  readonly #limits: BackpressurePlan;
  readonly #readers: readonly string[];
  /** Below this seq, no consumer can be too far behind: cursors only advance. */
  #mayStoreTo: number;

  private constructor(run: AttemptRun, options: { readonly generation: number; readonly limits: BackpressurePlan }) {
    this.#run = run;
    this.#generation = options.generation;
    this.#limits = options.limits;
    this.#mayStoreTo = options.limits.maxPending;
    this.#readers = streamReadersOf(run.plan, run.node).filter((id) => !runsFlow(run.plan, id));
  }

  /** `undefined` for a node without a limit. */
  static of(run: AttemptRun, generation: number): Backpressure | undefined {
    const limits = run.node.backpressure;
    return limits === undefined ? undefined : new Backpressure(run, { generation, limits });
  }

  /** Resolves when the batch with this seq may be stored; `undefined`: now. */
  room(seq: number): Promise<void> | undefined {
    return seq < this.#mayStoreTo ? undefined : this.#wait(seq);
  }

  #wait(seq: number): Promise<void> {
    const run = this.#run;
    const { maxPending, reportEvery } = this.#limits;
    return withInputWait(run, shardsOf(run.plan, this.#readers).map(positionsOf), async (wait) => {
      for (;;) {
        wait.beforeRead();
        const slowest = await this.#slowest();
        // If no consumer is running, check again before one that starts now can be far behind.
        this.#mayStoreTo = slowest === undefined ? seq + reportEvery : slowest + maxPending;
        if (seq < this.#mayStoreTo) return;
        await wait.untilChanged(true);
      }
    });
  }

  /** The position of the slowest running consumer. */
  async #slowest(): Promise<number | undefined> {
    const { retry, parts, held } = this.#run;
    const { taskId, nodeId, shard } = held.attempt;
    const key = sourceKey(nodeId, shard);
    const records = await retry.run(() => parts.store.readShards(taskId, this.#readers));
    const positions = records.flatMap(({ status, cursors, sourceGens }) => {
      // A consumer that reads a withdrawn generation will start over.
      const reads = status === "running" && (sourceGens[key] ?? 0) === this.#generation;
      return reads ? (cursors?.[key] ?? []) : [];
    });
    return positions.length === 0 ? undefined : Math.min(...positions);
  }
}

/** Reports to producers with a limit how far this consumer has read. */
export class ReadPositions {
  readonly #run: AttemptRun;
  readonly #reports: AttemptReports;
  /** By source, for the sources with a limit. */
  readonly #cursors: Record<string, number>;
  /** In batches: the smallest `reportEvery` of its sources. */
  readonly #every: number;
  #unreported = 0;

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

  /** `undefined` if none of the sources has a limit. */
  static of(
    run: AttemptRun,
    options: {
      readonly reports: AttemptReports;
      readonly stream: StreamInput;
      readonly fromNodes: readonly string[];
    },
  ): ReadPositions | undefined {
    if (run.node.flow !== undefined) return undefined;
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

  /** Reported before the first read: from then on, producers wait. */
  begin(): Promise<void> {
    return this.#report();
  }

  /** The artifact with this seq has been processed. Resolves when that is reported; `undefined`: it is not, yet. */
  passed({ key }: Source, seq: number): Promise<void> | undefined {
    if (this.#cursors[key] === undefined) return undefined;
    this.#cursors[key] = seq + 1;
    this.#unreported++;
    return this.#unreported >= this.#every ? this.#report() : undefined;
  }

  async #report(): Promise<void> {
    this.#unreported = 0;
    await this.#reports.write({ cursors: { ...this.#cursors } });
    this.#run.parts.signals.notify({ ...this.#run.held.attempt, ...positionsOf(this.#run.held.attempt) });
  }
}
