import { FlowError } from "../../errors/index.ts";
import { deadlineExceeded } from "../model/index.ts";
import { type Attempt, type EpochRef, type ShardRecord, shardKey } from "../model/records.ts";
import type { Clock, HeldSlot, Store, SweepKind } from "../ports/index.ts";
import { StoreHealthTracker } from "../resilience/store-retry.ts";
import type { Supervisor } from "../resilience/supervisor.ts";
import { noBusTiming } from "./coordinator-options.ts";
import type { Scheduler } from "./scheduler.ts";

/** Page sizes. Tasks are planned as a whole, so their pages are short, to share them with other coordinators. */
const shardsAPage = 100;
const tasksAPage = 20;
/** Items handled concurrently, so that one slow item does not delay the others. Some stores read for all of them at once. */
const atOnce = tasksAPage;
const restFactor = 4;
/** Factor by which the pause grows after a pass that found nothing due. */
const idleFactor = 1.5;

export interface SweeperOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  /** How often to look for expired leases and due retries, in ms. */
  readonly tickMs: number;
  /** How often each task is planned again as a whole, in ms. */
  readonly sweepMs: number;
  readonly watch?: StoreHealthTracker | undefined;
  /** Whether messages arrive. While they do not, sweeps are more frequent. */
  readonly isBusHealthy: () => boolean;
  readonly maxLostLeases: number;
  /** How long a worker's claim may be in flight, in ms: a lease. */
  readonly leaseMs: number;
  /** Starts the runs of a schedule that are due. */
  readonly fireSchedule: (id: string) => Promise<void>;
  /** Reads which flows are paused, if any may be. */
  readonly refreshPauses: (mayBeSome: boolean) => Promise<void>;
  /** Called when an attempt has lost its lease. */
  readonly onLeaseLost?: ((record: ShardRecord) => Promise<void>) | undefined;
}

/**
 * Finds what no event reports: expired leases, due retries, deadlines that have passed, and the effects of lost
 * messages.
 */
export class Sweeper {
  readonly #options: SweeperOptions;
  readonly #slots: SlotSweeper;
  /** Monotonic time of the next retry or deadline known to this process. */
  #dueAt = Number.POSITIVE_INFINITY;
  #sleeping: AbortController | undefined;
  /** How long the last sweep took, in ms. */
  #tookMs = 0;
  /** The last pass found nothing due. */
  #isIdle = false;
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

  /** Wakes the sweeper when a retry or a deadline is due, instead of at the next tick. */
  dueIn(ms: number): void {
    const at = this.#options.clock.monotonic() + ms;
    if (at >= this.#dueAt) return;
    this.#dueAt = at;
    this.#sleeping?.abort(wakeUp);
  }

  /** Makes owed looks in the background, with pauses in between. */
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
      this.#dueAt = Number.POSITIVE_INFINITY; // before the sweep: hints that arrive during it are kept
      const began = clock.monotonic();
      await this.#watch.track(() => this.sweep(supervisor));
      this.#tookMs = clock.monotonic() - began;
      if (supervisor.signal.aborted) return;
      const sleeping = new AbortController();
      this.#sleeping = sleeping;
      const restMs = this.#pace.tickMs * (this.#isIdle ? idleFactor : 1);
      await clock.sleep(Math.max(0, Math.min(restMs, this.#dueAt - clock.monotonic())), sleeping.signal);
      this.#sleeping = undefined;
    });
  }

  async sweep(supervisor: Supervisor): Promise<void> {
    const { store, scheduler, sweepMs, maxLostLeases, fireSchedule, onLeaseLost, clock } = this.#options;
    const pace = this.#pace;
    const until = clock.monotonic() + pace.timeMs;
    /** Reads page after page until one is not full or the time is used up; the next tick continues. */
    const all = async <T>(pageSize: number, find: () => Promise<readonly T[]>, look: (item: T) => Promise<void>) => {
      for (;;) {
        const page = await find();
        const allWell = await each(supervisor, page, look);
        // An item that fails would be returned again immediately.
        if (!allWell || page.length < pageSize || supervisor.signal.aborted || clock.monotonic() >= until) return;
      }
    };
    const aheadMs = sweepMs - pace.sweepMs;
    const due = store.lookForDue && (await store.lookForDue(aheadMs));
    this.#isIdle = due?.found.size === 0;
    this.#expect(due?.nextInMs);
    const has = (kind: SweepKind) => due === undefined || due.found.has(kind);
    if (has("expired")) {
      const expired = () => store.expiredLeases(shardsAPage);
      await all(shardsAPage, expired, async (lost) => {
        const record = await store.expire(lost, maxLostLeases);
        if (record !== undefined) await onLeaseLost?.(record);
        if (record?.status === "queued") await scheduler.command(record);
        else if (record !== undefined) await scheduler.nodeChanged(record.taskId, record.nodeId);
      });
    }
    if (has("deferred")) {
      const deferred = () => this.#dueDeferred();
      await all(shardsAPage, deferred, async (due) => {
        const record = await store.requeue(due);
        if (record !== undefined) await scheduler.command(record);
      });
    }
    this.payLooks(supervisor); // retries looks that failed because the store was unreachable
    const overdue = async (taskId: string): Promise<void> => {
      // After a crash between the two, the failed task is due for a sweep.
      if (await store.failTask(taskId, deadlineExceeded)) await scheduler.replan(taskId);
    };
    await Promise.all([
      has("overdue") && all(tasksAPage, () => this.#overdueTasks(), overdue),
      has("schedules") && all(tasksAPage, () => this.#dueSchedules(), fireSchedule),
      this.#options.refreshPauses(has("pausedFlows")),
    ]);
    if (has("slots")) await this.#slots.sweep();
    const tasks = () => store.dueTasks(tasksAPage, sweepMs, aheadMs);
    if (has("tasks")) await all(tasksAPage, tasks, (taskId) => scheduler.replan(taskId));
  }

  /** A sweep may take long, so sweeps use only a fraction of the time. */
  get #pace(): { readonly tickMs: number; readonly sweepMs: number; readonly timeMs: number } {
    const { tickMs, sweepMs, isBusHealthy } = this.#options;
    if (isBusHealthy()) return { tickMs, sweepMs, timeMs: tickMs };
    const oftenMs = Math.max(noBusTiming.sweepMs, restFactor * this.#tookMs);
    const lookMs = Math.min(tickMs, noBusTiming.tickMs);
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

  async #dueSchedules(): Promise<readonly string[]> {
    const { due: ids, nextInMs } = await this.#options.store.dueEntries("schedule", tasksAPage);
    this.#expect(ids.length === tasksAPage ? 0 : nextInMs);
    return ids;
  }

  #expect(inMs: number | undefined): void {
    if (inMs !== undefined) this.dueIn(inMs);
  }
}

/**
 * A failing item does not prevent the others from being handled; an unreachable store ends the whole tick.
 *
 * @returns whether all items were handled
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
  /** How long a claim may be in flight before its epoch is superseded, in ms. */
  readonly patienceMs: number;
  /** Called when the attempt has a new epoch that can be claimed. */
  readonly onSuperseded: (record: ShardRecord) => Promise<void>;
}

/**
 * Frees slots of limits whose claim can no longer run: its worker died or could not reach the store. The shard's record
 * shows this, not a clock. If the shard is queued, the claim may still be in flight: giving the shard its next epoch
 * invalidates it, and only the moment of that depends on time.
 */
export class SlotSweeper {
  readonly #options: SlotSweeperOptions;
  /** By pending claim, since when it is known, by this process's clock. */
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

  /** One read per task, after its slots were read, so that the records show any claim that was in flight then. */
  async #recordsOf(taskId: string, slots: readonly HeldSlot[]): Promise<ReadonlyMap<string, ShardRecord>> {
    const nodeIds = [...new Set(slots.map(({ holder }) => holder.nodeId))];
    const records = await this.#options.store.readShards(taskId, nodeIds);
    return new Map(records.map((record) => [shardKey(record), record]));
  }
}

/** Whether this claim neither runs nor can start to run. */
function isOver(claim: Attempt, record: ShardRecord | undefined): boolean {
  if (record === undefined || record.epoch !== claim.epoch) return true;
  if (record.status === "queued") return false;
  const isOpen = record.status === "running" || record.status === "cancelling";
  return !isOpen || record.lease?.claimId !== claim.claimId;
}

/** An explicit reason: without one, each abort creates a DOMException with a stack. */
const wakeUp = Symbol("wake up");
