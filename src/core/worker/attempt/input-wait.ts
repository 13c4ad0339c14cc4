import type { Clock } from "../../ports/index.ts";
import type { SourceWatch } from "../input/append-signals.ts";
import { AttemptEnded, type Stoppable } from "./attempt-handle.ts";

const firstPollMs = 5;
/** A reason of its own: without one, each abort makes a DOMException with a stack. */
const wakeUp = Symbol("wake up");

/**
 * How a consumer waits for its sources: until one of this process says that it stored something, else by looking again
 * after a while.
 *
 * A consumer with nothing to read, none of whose open sources runs, gives its claim back after a time. Otherwise
 * starving consumers hold every slot while the producers they wait for get none: a deadlock without any fault. One that
 * would have to begin anew may stay while nobody waits for its slot.
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
    /** Starts listening to the sources. */
    readonly listen: () => SourceWatch;
    readonly pollMs: number | undefined;
    readonly pollMaxMs: number;
    readonly starveMs: number;
    /** Whether it may hold its slot on, asked when it has starved for so long. @defaultValue it never may */
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

  /** Called before each look at the sources. */
  beforeLooking(): void {
    this.#watch?.takeChange();
  }

  /** Something was there. */
  fed(): void {
    this.#pollMs = this.#firstPollMs;
    this.#starvingSince = undefined;
  }

  /** Nothing was there. @throws AttemptEnded `released` when it has starved for too long */
  async forNews(sourceRunning: boolean): Promise<void> {
    this.#held.checkMayBegin();
    await this.#starve(sourceRunning);
    if (this.#watch === undefined) {
      // What was stored before this moment was not heard: look once more before sleeping.
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
    // A producer stores batch after batch in one go: let it, then read them as one page.
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
    if (!(await this.#mayStay())) throw new AttemptEnded("released");
    this.#starvingSince = now;
  }
}
