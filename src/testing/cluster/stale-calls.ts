import type { MemoryState, MemoryStoreEvent } from "../../adapters/memory/index.ts";
import type { Attempt, ShardRef } from "../../core/model/records.ts";
import type { Store } from "../../core/ports/index.ts";
import { FlowError } from "../../errors/index.ts";
import type { Scheduler } from "../scheduler/scheduler.ts";
import type { Fleet } from "./fleet.ts";
import type { Journal } from "./journal.ts";

type Call = (store: Store, attempt: Attempt) => Promise<unknown>;

const confirm: Call = (store, attempt) => store.confirmCancelled(attempt);

/** Outcomes: what they change is judged as it is written. Not artifacts: one late insert of an attempt may land. */
const calls: readonly Call[] = [
  confirm,
  (store, attempt) => store.release(attempt, 0),
  (store, attempt) =>
    store.fail(attempt, {
      failure: { ...attempt, reasonCode: "stale", message: "from an attempt that had lost its shard" },
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
  /** A step at which there is one. */
  readonly rate: number;
}

/**
 * Calls in the name of attempts that have lost their shards, as an external worker with an old lease may make them. The
 * engine's own workers hardly ever do, so no seed would try the fences that hold against them.
 */
export class StaleCalls {
  readonly #parts: StaleCallParts;
  readonly #claims: Attempt[] = [];
  /** Earlier attempts of shards that have just begun to be cancelled. */
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

  /** Perhaps, in this step. */
  make(): void {
    const { scheduler, rate, journal, fleet } = this.#parts;
    const { random } = scheduler;
    // So few shards are being cancelled, and for so short a time, that chance alone would hardly ever meet one.
    if (this.#confirmable.length === 0 && !random.chance(rate)) return;
    const { coordinators } = fleet;
    const stale = this.#claims.filter((claim) => this.#isHeldByAnother(claim));
    const confirmed = this.#confirmable.pop();
    if (coordinators.length === 0 || (stale.length === 0 && confirmed === undefined)) return;
    const attempt = confirmed ?? random.pick(stale);
    const call = confirmed === undefined ? random.pick(calls) : confirm;
    journal.counts.staleCalls++;
    if (confirmed !== undefined) journal.counts.staleConfirms++;
    scheduler.tell(() => `STALE CALL of ${attempt.claimId}`);
    call(random.pick(coordinators).store, attempt).catch((error: unknown) => {
      if (!FlowError.is(error, "STORE_UNAVAILABLE")) journal.violated(`a stale call met ${error}`);
    });
  }

  #isHeldByAnother(claim: Attempt): boolean {
    const lease = this.#parts.state.shard(claim)?.record.lease;
    return lease !== undefined && lease.claimId !== claim.claimId;
  }
}

const isSameShard = (a: ShardRef, b: ShardRef): boolean =>
  a.taskId === b.taskId && a.nodeId === b.nodeId && a.shard === b.shard;
