import type { Clock } from "../../ports/index.ts";
import type { SourceWatch } from "../input/append-signals.ts";
import { AttemptEnded, type Stoppable, wakeUp } from "./attempt-handle.ts";
import type { AttemptRun } from "./attempt-run.ts";

const firstPollMs = 5;

/**
 * How a consumer waits for its sources: for a signal from a source in this process, otherwise by polling.
 *
 * A consumer that has nothing to read, and whose open sources are all not running, releases its claim after a while.
 * Otherwise starving consumers could hold every slot while their producers wait for one: a deadlock without any fault.
 * A consumer that would have to start over may stay while no other node waits for its slot.
 * Once released, it starts over only when all of its sources run or have finished.
 */
export class InputWait {
  readonly #clock: Clock;
  readonly #held: Stoppable;
  readonly #listen: () => SourceWatch;
  #watch: SourceWatch | undefined;
  readonly #pollMaxMs: number;
  readonly #starveMs: number;
  readonly #mayStay: () => Promise<boolean>;
  readonly #firstPollMs: number;
  #pollMs: number;
  #starvingSince: number | undefined;
  #sleeping: AbortController | undefined;

  constructor(options: {
    readonly clock: Clock;
    readonly held: Stoppable;
    /** Subscribes to the sources. */
    readonly listen: () => SourceWatch;
    readonly pollMs: number | undefined;
    readonly pollMaxMs: number;
    readonly starveMs: number;
    /** Whether it may keep its slot, checked when it has starved for that long. @defaultValue never */
    readonly mayStay?: (() => Promise<boolean>) | undefined;
  }) {
    this.#clock = options.clock;
    this.#held = options.held;
    this.#listen = options.listen;
    this.#pollMaxMs = options.pollMaxMs;
    this.#firstPollMs = Math.min(options.pollMs ?? firstPollMs, options.pollMaxMs);
    this.#pollMs = this.#firstPollMs;
    this.#starveMs = options.starveMs;
    this.#mayStay = options.mayStay ?? (async () => false);
  }

  /** Called before each read of the sources. */
  beforeRead(): void {
    this.#watch?.takeChange();
  }

  /** The sources had something to read. */
  reset(): void {
    this.#pollMs = this.#firstPollMs;
    this.#starvingSince = undefined;
  }

  /** The sources had nothing to read. @throws AttemptEnded `starving` if it has starved for too long */
  async untilChanged(sourceRunning: boolean): Promise<void> {
    this.#held.checkMayBegin();
    await this.#starve(sourceRunning);
    if (this.#watch === undefined) {
      // Nothing signals what was stored before this moment: read once more before sleeping.
      this.#watch = this.#listen();
      this.#held.signal.addEventListener("abort", () => this.#sleeping?.abort(), { once: true });
      return;
    }
    const sleeping = new AbortController();
    this.#sleeping = sleeping;
    this.#watch.whenChanged(() => sleeping.abort(wakeUp));
    try {
      await this.#held.whileIdle(this.#clock.sleep(this.#pollMs, sleeping.signal));
    } catch (error) {
      sleeping.abort(wakeUp);
      throw error;
    }
    this.#sleeping = undefined;
    this.#held.check();
    // A producer stores many batches in one go: let it continue, then read them as one page.
    if (sleeping.signal.aborted) await this.#clock.yield();
    else this.#pollMs = Math.min(this.#pollMaxMs, this.#pollMs * 2);
  }

  async #starve(sourceRunning: boolean): Promise<void> {
    if (sourceRunning) {
      this.#starvingSince = undefined;
      return;
    }
    const now = this.#clock.monotonic();
    this.#starvingSince ??= now;
    if (now - this.#starvingSince < this.#starveMs) return;
    if (!(await this.#mayStay())) throw new AttemptEnded("starving");
    this.#starvingSince = now;
  }
}

/** Runs `work`, which can wait for these sources. */
export async function withInputWait<T>(
  run: AttemptRun,
  sources: readonly { readonly nodeId: string; readonly shard: number }[],
  work: (wait: InputWait) => Promise<T>,
  options: {
    readonly pollMs?: number | undefined;
    readonly pollMaxMs?: number | undefined;
    /** What waits. @defaultValue the attempt */
    readonly held?: Stoppable;
    readonly mayStay?: () => Promise<boolean>;
  } = {},
): Promise<T> {
  const { signals, clock, limits } = run.parts;
  const { taskId } = run.held.attempt;
  // Most consumers find everything at their first read, so a consumer subscribes only when it has to wait.
  let watch: SourceWatch | undefined;
  const listen = () => {
    watch = signals.watch(taskId, sources);
    return watch;
  };
  try {
    return await work(
      new InputWait({
        clock,
        listen,
        held: options.held ?? run.held,
        starveMs: limits.starveMs,
        mayStay: options.mayStay,
        pollMs: options.pollMs,
        pollMaxMs: options.pollMaxMs ?? limits.inputPollMaxMs,
      }),
    );
  } finally {
    if (watch !== undefined) signals.unwatch(taskId, sources, watch);
  }
}
