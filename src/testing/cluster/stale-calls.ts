import type { MemoryState, MemoryStoreEvent } from "../../adapters/memory/index.ts";
import type { Attempt, ShardRef } from "../../core/model/records.ts";
import type { Store } from "../../core/ports/index.ts";
import { FlowError } from "../../errors/index.ts";
import type { Scheduler } from "../scheduler/scheduler.ts";
import type { Fleet } from "./fleet.ts";
import type { Journal } from "./journal.ts";

type Call = (store: Store, attempt: Attempt) => Promise<unknown>;

const confirm: Call = (store, attempt) => store.confirmCancelled(attempt);

/** Outcomes only, which are checked as they are written. One late insert of an artifact is allowed. */
const calls: readonly Call[] = [
  confirm,
  (store, attempt) => store.release(attempt, 0),
  (store, attempt) =>
    store.fail(attempt, {
      failure: { ...attempt, reasonCode: "stale", message: "from an attempt that had lost its lease" },
      permanent: true,
      delayMs: 0,
      maxFailures: 0,
    }),
];

export interface StaleCallParts {
  readonly scheduler: Scheduler;
  readonly journal: Journal;
  readonly state: MemoryState;
  readonly fleet: Fleet;
  /** Probability of a call per step. */
  readonly rate: number;
}

/**
 * Calls from attempts that have lost their lease, as an external worker may make them. The engine's own workers hardly
 * ever do, so no seed would exercise the fences against them.
 */
export class StaleCalls {
  readonly #parts: StaleCallParts;
  readonly #claims: Attempt[] = [];
  /** Earlier attempts of shards whose cancellation has just begun. */
  readonly #confirmable: Attempt[] = [];

  constructor(parts: StaleCallParts) {
    this.#parts = parts;
  }

  observe(event: MemoryStoreEvent): void {
    if (event.kind !== "shard") return;
    const { taskId, nodeId, shard, epoch, status, lease } = event.record;
    if (event.cause === "claim" && lease !== undefined) {
      this.#claims.push({ taskId, nodeId, shard, epoch, claimId: lease.claimId });
    }
    if (status !== "cancelling") return;
    const earlier = this.#claims.find((claim) => isSameShard(claim, event.record) && claim.epoch < epoch);
    if (earlier !== undefined) this.#confirmable.push(earlier);
  }

  /** Makes a call in some steps. */
  make(): void {
    const { scheduler, rate, journal, fleet } = this.#parts;
    const { random } = scheduler;
    // Cancellations are so rare and short that chance alone would hardly ever hit one.
    if (this.#confirmable.length === 0 && !random.chance(rate)) return;
    const { coordinators } = fleet;
    const stale = this.#claims.filter((claim) => this.#isSuperseded(claim));
    const confirmed = this.#confirmable.pop();
    if (coordinators.length === 0 || (stale.length === 0 && confirmed === undefined)) return;
    const attempt = confirmed ?? random.pick(stale);
    const call = confirmed === undefined ? random.pick(calls) : confirm;
    journal.counts.staleCalls++;
    if (confirmed !== undefined) journal.counts.staleConfirms++;
    scheduler.recordEvent(() => `STALE CALL of ${attempt.claimId}`);
    call(random.pick(coordinators).store, attempt).catch((error: unknown) => {
      if (!FlowError.is(error, "STORE_UNAVAILABLE")) journal.violated(`a stale call failed: ${error}`);
    });
  }

  #isSuperseded(claim: Attempt): boolean {
    const lease = this.#parts.state.shard(claim)?.record.lease;
    return lease !== undefined && lease.claimId !== claim.claimId;
  }
}

const isSameShard = (a: ShardRef, b: ShardRef): boolean =>
  a.taskId === b.taskId && a.nodeId === b.nodeId && a.shard === b.shard;
