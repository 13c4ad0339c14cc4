import type { Clock } from "../../core/ports/index.ts";

/** A message that was read. */
export interface Delivery {
  /** Messages of one lane are handled one after another. */
  readonly lane: string;
  /** @throws when it is to be handed over again, later */
  readonly handle: () => Promise<void>;
  /** Every delivery failed. @throws when that could not be said */
  readonly giveUp: (error: unknown) => Promise<void>;
  /** It is over, in whatever way. */
  readonly done: () => void;
}

export interface LaneOptions {
  readonly clock: Clock;
  readonly maxDeliveries: number;
  readonly maxWaiting: number;
}

const backoffMinMs = 50;
const backoffMaxMs = 5_000;

/**
 * Handles messages beside the consumer's own loop, which has to go on and say that it lives: those of one key in order
 * and one at a time, those of different keys at once.
 */
export class KeyLanes {
  readonly #options: LaneOptions;
  readonly #lanes = new Map<string, Delivery[]>();
  readonly #running = new Set<Promise<void>>();
  /** Aborted when the messages at hand are no longer this member's. */
  #era = new AbortController();
  #waiting = 0;
  /** There while somebody waits for room. */
  #room: PromiseWithResolvers<void> | undefined;
  #closed = false;

  constructor(options: LaneOptions) {
    this.#options = options;
  }

  get isFull(): boolean {
    return this.#waiting >= this.#options.maxWaiting;
  }

  /** Resolves when something was handled, or after `ms`. */
  async room(ms: number): Promise<void> {
    const enough = new AbortController();
    this.#room ??= Promise.withResolvers();
    await Promise.race([this.#room.promise, this.#options.clock.sleep(ms, enough.signal)]);
    enough.abort();
  }

  add(delivery: Delivery): void {
    if (this.#closed) return;
    this.#waiting++;
    const lane = this.#lanes.get(delivery.lane);
    if (lane !== undefined) {
      lane.push(delivery);
      return;
    }
    const fresh = [delivery];
    this.#lanes.set(delivery.lane, fresh);
    const running = this.#run(delivery.lane, fresh).finally(() => this.#running.delete(running));
    this.#running.add(running);
  }

  /** Forgets what has not begun, and does not hand over again what has: whoever owns it now gets it. */
  forget(): void {
    this.#era.abort();
    this.#era = new AbortController();
    for (const lane of this.#lanes.values()) this.#ended(lane.splice(1).length);
  }

  /** Forgets what has not begun, and waits for what has. */
  async close(): Promise<void> {
    this.#closed = true;
    this.forget();
    await Promise.all(this.#running);
  }

  /** Its first delivery stays in the lane while it runs: whoever comes meanwhile lines up behind it. */
  async #run(name: string, lane: Delivery[]): Promise<void> {
    for (let delivery = lane[0]; delivery !== undefined; delivery = lane[0]) {
      await this.#deliver(delivery, this.#era.signal);
      lane.shift();
      this.#ended(1);
    }
    this.#lanes.delete(name);
  }

  async #deliver(delivery: Delivery, over: AbortSignal): Promise<void> {
    const { clock, maxDeliveries } = this.#options;
    let step = delivery.handle;
    for (let attempt = 1; ; attempt++) {
      try {
        await step();
        return delivery.done();
      } catch (error) {
        if (over.aborted) return;
        if (attempt >= maxDeliveries) step = () => delivery.giveUp(error);
      }
      await clock.sleep(Math.min(backoffMaxMs, backoffMinMs * 2 ** (attempt - 1)), over);
      if (over.aborted) return;
    }
  }

  #ended(count: number): void {
    this.#waiting -= count;
    this.#room?.resolve();
    this.#room = undefined;
  }
}
