import type { Clock } from "../../core/ports/index.ts";

/** A message to handle. */
export interface Delivery {
  /** Messages of one lane are handled one after another. */
  readonly lane: string;
  /** @throws if the message should be delivered again later */
  readonly handle: () => Promise<void>;
  /** Called after the last failed delivery. @throws if this could not be recorded */
  readonly drop: (error: unknown) => Promise<void>;
  /** Called once it is handled or dropped. */
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
 * Handles messages outside the consumer's loop, which must keep sending heartbeats: messages with the same key one at a
 * time and in order, those with different keys concurrently.
 */
export class KeyLanes {
  readonly #options: LaneOptions;
  readonly #lanes = new Map<string, Delivery[]>();
  readonly #running = new Set<Promise<void>>();
  /** Aborted when the current messages no longer belong to this member. */
  #ownership = new AbortController();
  #waiting = 0;
  /** Set while a caller waits for capacity. */
  #notFull: PromiseWithResolvers<void> | undefined;
  #closed = false;

  constructor(options: LaneOptions) {
    this.#options = options;
  }

  get isFull(): boolean {
    return this.#waiting >= this.#options.maxWaiting;
  }

  /** Resolves when a message was handled, or after `ms`. */
  async whenNotFull(ms: number): Promise<void> {
    const settled = new AbortController();
    this.#notFull ??= Promise.withResolvers();
    await Promise.race([this.#notFull.promise, this.#options.clock.sleep(ms, settled.signal)]);
    settled.abort();
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

  /** Discards messages that have not started, and stops redelivering others: their new owner receives them. */
  forget(): void {
    this.#ownership.abort();
    this.#ownership = new AbortController();
    for (const lane of this.#lanes.values()) this.#ended(lane.splice(1).length);
  }

  /** Discards messages that have not started, and waits for the others. */
  async close(): Promise<void> {
    this.#closed = true;
    this.forget();
    await Promise.all(this.#running);
  }

  /** The current delivery stays in the lane while it runs, so that new ones queue up after it. */
  async #run(name: string, lane: Delivery[]): Promise<void> {
    for (let delivery = lane[0]; delivery !== undefined; delivery = lane[0]) {
      await this.#deliver(delivery, this.#ownership.signal);
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
        if (attempt >= maxDeliveries) step = () => delivery.drop(error);
      }
      await clock.sleep(Math.min(backoffMaxMs, backoffMinMs * 2 ** (attempt - 1)), over);
      if (over.aborted) return;
    }
  }

  #ended(count: number): void {
    this.#waiting -= count;
    this.#notFull?.resolve();
    this.#notFull = undefined;
  }
}
