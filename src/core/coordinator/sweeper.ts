import { FlowError } from "../../errors/index.ts";
import { type Attempt, type EpochRef, type ShardRecord, shardKey, type TaskFailure } from "../model/records.ts";
import type { Clock, HeldSlot, Store } from "../ports/index.ts";
import { StoreHealthTracker } from "../resilience/store-retry.ts";
import type { Supervisor } from "../resilience/supervisor.ts";
import { unheardTiming } from "./coordinator-options.ts";
import type { Scheduler } from "./scheduler.ts";

/** What is asked for by one call: a task is planned as a whole, and whoever else sweeps gets the next ones. */
const shardsAPage = 100;
const tasksAPage = 20;
/** Of a page, so that one that waits for the store keeps no other waiting. */
const atOnce = 8;
const restFactor = 4;

const deadlineExceeded: TaskFailure = {
  reasonCode: "deadline_exceeded",
  message: "the task did not end before its deadline",
};

export interface SweeperOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  /** How often to look for leases that ran out and retries that are due, in ms. */
  readonly tickMs: number;
  /** How often a task is planned again as a whole, in ms. */
  readonly sweepMs: number;
  readonly watch?: StoreHealthTracker | undefined;
  /** Whether what others do is told. While it isn't, this looks more often. */
  readonly isHeard: () => boolean;
  readonly maxLostLeases: number;
  /** How long a worker's claim may be on its way, in ms: a lease. */
  readonly leaseMs: number;
  /** An attempt has lost its lease. */
  readonly onLeaseLost?: ((record: ShardRecord) => Promise<void>) | undefined;
}

/**
 * Finds what only time tells: leases that ran out, retries that are due, deadlines that have passed, and what a lost
 * message should have told.
 */
export class Sweeper {
  readonly #options: SweeperOptions;
  readonly #slots: SlotSweeper;
  /** Monotonic time of the next retry or deadline that this process knows of. */
  #dueAt = Number.POSITIVE_INFINITY;
  #sleeping: AbortController | undefined;
  /** How long the last sweep took, in ms. */
  #tookMs = 0;
  readonly #watch: StoreHealthTracker;
  #paying = false;

  constructor(options: SweeperOptions) {
    this.#options = options;
    const { store, clock, scheduler, leaseMs } = options;
    this.#watch = options.watch ?? new StoreHealthTracker(clock);
    this.#slots = new SlotSweeper({
      store,
      clock,
      patienceMs: leaseMs,
      onSuperseded: (record) => scheduler.command(record),
    });
  }

  /** A retry or a deadline is due in this many ms: looks then, not only at the next tick. */
  dueIn(ms: number): void {
    const at = this.#options.clock.monotonic() + ms;
    if (at >= this.#dueAt) return;
    this.#dueAt = at;
    this.#sleeping?.abort();
  }

  /** Makes the looks that are owed, in the background, and what is owed meanwhile after a rest. */
  payLooks(supervisor: Supervisor): void {
    if (this.#paying) return;
    this.#paying = true;
    const { clock, scheduler } = this.#options;
    supervisor.spawn("looks", async () => {
      try {
        while (scheduler.owedLooks.length > 0 && !supervisor.signal.aborted) {
          const began = clock.monotonic();
          await each(supervisor, scheduler.owedLooks, (look) => scheduler.payLook(look));
          const restMs = restFactor * (clock.monotonic() - began);
          if (restMs > 0) await clock.sleep(restMs, supervisor.signal);
        }
      } finally {
        this.#paying = false;
      }
    });
  }

  start(supervisor: Supervisor): void {
    const { clock } = this.#options;
    supervisor.signal.addEventListener("abort", () => this.#sleeping?.abort(), { once: true });
    supervisor.loop("sweeps", async () => {
      this.#dueAt = Number.POSITIVE_INFINITY; // before looking: what is hinted at meanwhile is kept
      const began = clock.monotonic();
      await this.#watch.ask(() => this.sweep(supervisor));
      this.#tookMs = clock.monotonic() - began;
      if (supervisor.signal.aborted) return;
      const sleeping = new AbortController();
      this.#sleeping = sleeping;
      await clock.sleep(Math.max(0, Math.min(this.#pace.tickMs, this.#dueAt - clock.monotonic())), sleeping.signal);
      this.#sleeping = undefined;
    });
  }

  async sweep(supervisor: Supervisor): Promise<void> {
    const { store, scheduler, sweepMs, maxLostLeases, onLeaseLost, clock } = this.#options;
    const pace = this.#pace;
    const until = clock.monotonic() + pace.timeMs;
    /** Page after page, until one isn't full or the time is used: then the next tick goes on. */
    const all = async <T>(pageSize: number, find: () => Promise<readonly T[]>, look: (item: T) => Promise<void>) => {
      for (;;) {
        const page = await find();
        const allWell = await each(supervisor, page, look);
        // One that fails would be found again at once.
        if (!allWell || page.length < pageSize || supervisor.signal.aborted || clock.monotonic() >= until) return;
      }
    };
    const expired = () => store.expiredLeases(shardsAPage);
    await all(shardsAPage, expired, async (lost) => {
      const record = await store.expire(lost, maxLostLeases);
      if (record !== undefined) await onLeaseLost?.(record);
      if (record?.status === "queued") await scheduler.command(record);
      else if (record !== undefined) await scheduler.nodeChanged(record.taskId, record.nodeId);
    });
    await all(
      shardsAPage,
      () => this.#dueDeferred(),
      async (due) => {
        const record = await store.requeue(due);
        if (record !== undefined) await scheduler.command(record);
      },
    );
    this.payLooks(supervisor); // those that the store kept from being made
    await all(
      tasksAPage,
      () => this.#overdueTasks(),
      async (taskId) => {
        // Should this end between the two, the failed task is due for a sweep.
        if (await store.failTask(taskId, deadlineExceeded)) await scheduler.replan(taskId);
      },
    );
    await this.#slots.sweep();
    const due = () => store.dueTasks(tasksAPage, sweepMs, sweepMs - pace.sweepMs);
    await all(tasksAPage, due, (taskId) => scheduler.replan(taskId));
  }

  /** Looking costs as much as there is to look at: it takes a part of the time only. */
  get #pace(): { readonly tickMs: number; readonly sweepMs: number; readonly timeMs: number } {
    const { tickMs, sweepMs, isHeard } = this.#options;
    if (isHeard()) return { tickMs, sweepMs, timeMs: tickMs };
    const oftenMs = Math.max(unheardTiming.sweepMs, restFactor * this.#tookMs);
    const lookMs = Math.min(tickMs, unheardTiming.tickMs);
    return { tickMs: lookMs, sweepMs: Math.min(sweepMs, oftenMs), timeMs: lookMs / restFactor };
  }

  async #dueDeferred(): Promise<readonly EpochRef[]> {
    const { due, nextInMs } = await this.#options.store.dueDeferred(shardsAPage);
    this.#expect(due.length === shardsAPage ? 0 : nextInMs);
    return due;
  }

  async #overdueTasks(): Promise<readonly string[]> {
    const { overdue, nextInMs } = await this.#options.store.overdueTasks(tasksAPage);
    this.#expect(overdue.length === tasksAPage ? 0 : nextInMs);
    return overdue;
  }

  #expect(inMs: number | undefined): void {
    if (inMs !== undefined) this.dueIn(inMs);
  }
}

/**
 * One that can't be looked at keeps none of the others from it; a store that can't be reached ends the whole turn.
 *
 * @returns whether all could be looked at
 */
async function each<T>(
  supervisor: Supervisor,
  items: readonly T[],
  look: (item: T) => Promise<void>,
): Promise<boolean> {
  const left = items.values();
  let allWell = true;
  let unreachable: unknown;
  const lane = async (): Promise<void> => {
    for (const item of left) {
      if (unreachable !== undefined) return;
      try {
        await look(item);
      } catch (error) {
        allWell = false;
        if (FlowError.is(error, "STORE_UNAVAILABLE")) unreachable ??= error;
        else supervisor.report("sweeps", error);
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, items.length) }, lane));
  if (unreachable !== undefined) throw unreachable;
  return allWell;
}

export interface SlotSweeperOptions {
  readonly store: Store;
  readonly clock: Clock;
  /** How long a claim may be on its way before its epoch is taken from it, in ms. */
  readonly patienceMs: number;
  /** The attempt has another epoch now, which may be claimed. */
  readonly onSuperseded: (record: ShardRecord) => Promise<void>;
}

/**
 * Frees the slots of limits whose claim can't run any more: its worker died, or couldn't reach the store. No clock
 * decides that: the shard's record shows it. A slot whose claim may still be on its way, for a shard that is queued, is
 * made such a one by giving the shard its next epoch; only when that is done is a matter of time.
 */
export class SlotSweeper {
  readonly #options: SlotSweeperOptions;
  /** Since when each pending claim is known, by this process's clock. */
  #pendingSince = new Map<string, number>();

  constructor(options: SlotSweeperOptions) {
    this.#options = options;
  }

  async sweep(): Promise<void> {
    const { store } = this.#options;
    const pending = new Map<string, number>();
    const byTask = Map.groupBy(await store.heldSlots(), ({ holder }) => holder.taskId);
    for (const [taskId, slots] of byTask) {
      const records = await this.#recordsOf(taskId, slots);
      for (const slot of slots) {
        const record = records.get(shardKey(slot.holder));
        if (isOver(slot.holder, record)) await store.freeSlot(slot);
        else if (record?.status === "queued") await this.#await(slot, record, pending);
      }
    }
    this.#pendingSince = pending;
  }

  async #await({ holder }: HeldSlot, record: ShardRecord, pending: Map<string, number>): Promise<void> {
    const { store, clock, patienceMs, onSuperseded } = this.#options;
    const key = `${shardKey(holder)}:${holder.epoch}:${holder.claimId}`;
    const since = this.#pendingSince.get(key) ?? clock.monotonic();
    if (clock.monotonic() - since < patienceMs) {
      pending.set(key, since);
      return;
    }
    const superseded = await store.supersede(record);
    if (superseded !== undefined) await onSuperseded(superseded);
  }

  /** One read a task, after its slots were read: a claim under way then is one that these records may show. */
  async #recordsOf(taskId: string, slots: readonly HeldSlot[]): Promise<ReadonlyMap<string, ShardRecord>> {
    const nodeIds = [...new Set(slots.map(({ holder }) => holder.nodeId))];
    const records = await this.#options.store.readShards(taskId, nodeIds);
    return new Map(records.map((record) => [shardKey(record), record]));
  }
}

/** Whether this claim neither runs nor can come to run. */
function isOver(claim: Attempt, record: ShardRecord | undefined): boolean {
  if (record === undefined || record.epoch !== claim.epoch) return true;
  if (record.status === "queued") return false;
  const isOpen = record.status === "running" || record.status === "cancelling";
  return !isOpen || record.lease?.claimId !== claim.claimId;
}
