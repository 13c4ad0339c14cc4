import { FlowError } from "../../../errors/index.ts";
import type { ShardRef } from "../../model/records.ts";
import type { Clock, WorkerStore } from "../../ports/index.ts";
import { type StoreHealthTracker, StoreRetry } from "../../resilience/store-retry.ts";
import type { Supervisor } from "../../resilience/supervisor.ts";
import type { AttemptHandle } from "../attempt/attempt-handle.ts";

/** A worker relies on a lease for this fraction of its length, counted from before the call that acquired it. */
const trusted = 0.9;

/**
 * Renews all of a worker's leases with one command, whose answers report lost and cancelled attempts. Stops an attempt
 * by this process's own clock before its lease can have expired.
 */
export class LeaseRenewer {
  readonly #store: WorkerStore;
  readonly #clock: Clock;
  readonly #leaseMs: number;
  readonly #watch: StoreHealthTracker;
  readonly #onPausing: (held: AttemptHandle) => void;
  readonly #held = new Set<AttemptHandle>();
  /** A renewal requested by a handler; concurrent requests share it. */
  #keeping: Promise<void> | undefined;

  constructor(options: {
    readonly store: WorkerStore;
    readonly clock: Clock;
    readonly leaseMs: number;
    readonly watch: StoreHealthTracker;
    /** Called when the task of this attempt is paused, again with each renewal. */
    readonly onPausing: (held: AttemptHandle) => void;
  }) {
    this.#onPausing = options.onPausing;
    this.#store = options.store;
    this.#watch = options.watch;
    this.#clock = options.clock;
    this.#leaseMs = options.leaseMs;
  }

  /** How long to rely on a lease requested at `askedAt` (monotonic). */
  trustedUntil(askedAt: number): number {
    return askedAt + this.#leaseMs * trusted;
  }

  /** The attempts whose leases it renews: all that the worker runs. */
  get held(): ReadonlySet<AttemptHandle> {
    return this.#held;
  }

  /** The attempt of this shard; the latest, should an earlier one still be ending. */
  find({ taskId, nodeId, shard }: ShardRef): AttemptHandle | undefined {
    let found: AttemptHandle | undefined;
    for (const held of this.#held) {
      const { attempt } = held;
      if (attempt.taskId === taskId && attempt.nodeId === nodeId && attempt.shard === shard) found = held;
    }
    return found;
  }

  add(held: AttemptHandle): void {
    this.#held.add(held);
  }

  delete(held: AttemptHandle): void {
    this.#held.delete(held);
  }

  start(supervisor: Supervisor): void {
    supervisor.loop("leases", async () => {
      await this.#clock.sleep(this.#leaseMs / 3, supervisor.signal);
      if (!supervisor.signal.aborted) await this.#renew(new StoreRetry(this.#clock, supervisor));
    });
    // Separate from renewal: a store that does not respond must not keep an attempt from stopping in time.
    supervisor.loop("lease clock", async () => {
      await this.#clock.sleep(this.#leaseMs / 10, supervisor.signal);
      const now = this.#clock.monotonic();
      for (const held of this.#held) if (now >= held.until) held.abandon("fenced");
    });
  }

  /**
   * Does what the loops above would do for this attempt if they were scheduled. Called by handlers that rarely yield to
   * the event loop.
   */
  async keep(held: AttemptHandle): Promise<void> {
    const now = this.#clock.monotonic();
    if (now >= held.until) held.abandon("fenced");
    const isDue = now >= held.until - this.#leaseMs * (trusted - 1 / 3);
    if (!isDue || held.reason !== undefined) return;
    this.#keeping ??= this.#renew(new StoreRetry(this.#clock, held)).finally(() => {
      this.#keeping = undefined;
    });
    try {
      await this.#keeping;
    } catch (error) {
      if (!FlowError.is(error, "STORE_UNAVAILABLE")) throw error; // requested again at the next call
    }
  }

  async #renew(retry: StoreRetry): Promise<void> {
    // Includes attempts that are being cancelled: the answer tells when their grace period has ended.
    const all = [...this.#held];
    if (all.length === 0) return;
    let askedAt = 0;
    const answers = await retry.run(() => {
      askedAt = this.#clock.monotonic();
      const attempts = all.map((held) => held.attempt);
      return this.#watch.track(() => this.#store.renew(attempts, this.#leaseMs));
    });
    for (const [index, held] of all.entries()) {
      const answer = answers[index];
      if (answer === "cancelling") held.cancel();
      else if (answer === "ok" || answer === "pausing") {
        held.until = this.trustedUntil(askedAt);
        if (answer === "pausing") this.#onPausing(held);
      } else held.abandon("fenced");
    }
  }
}
