import { sourceKey } from "../../model/records.ts";
import { type BackpressurePlan, streamReadersOf } from "../../plan/index.ts";
import { positionsOf } from "../input/append-signals.ts";
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
  readonly #limits: BackpressurePlan;
  readonly #readers: readonly string[];
  /** Below this seq nobody can be too far behind: cursors only go forward. */
  #mayStoreTo: number;

  private constructor(run: AttemptRun, options: { readonly generation: number; readonly limits: BackpressurePlan }) {
    this.#run = run;
    this.#generation = options.generation;
    this.#limits = options.limits;
    this.#mayStoreTo = options.limits.maxPending;
    this.#readers = streamReadersOf(run.plan, run.node);
  }

  /** `undefined` for a node without a limit, which most are. */
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
        wait.beforeLooking();
        const slowest = await this.#slowest();
        // With nobody there to wait for, look again before one who comes now can be far behind.
        this.#mayStoreTo = slowest === undefined ? seq + reportEvery : slowest + maxPending;
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
