import type { CoordinatorFunctionDefinition, InputAdapterDefinition, Logger } from "../../definitions/index.ts";
import type { ExternalTypes } from "../interop/index.ts";
import type { PlanCache } from "../plan/index.ts";
import type { Bus, Clock, Ids, Random, Store } from "../ports/index.ts";
import type { StoreHealthTracker } from "../resilience/store-retry.ts";
import type { WorkerLimits } from "../worker/attempt/worker-options.ts";
import type { AppendSignals } from "../worker/input/append-signals.ts";

/** What a coordinator is made of. */
export interface CoordinatorParts {
  readonly coordinatorId: string;
  readonly store: Store;
  readonly bus: Bus;
  readonly clock: Clock;
  /** For calls that somebody awaits: its sleeps keep the process running. @defaultValue `clock` */
  readonly callerClock?: Clock;
  /** Is told whether its calls reach the store. */
  readonly watch?: StoreHealthTracker | undefined;
  readonly ids: Ids;
  readonly random: Random;
  readonly logger: Logger;
  /** The node types that its workers serve. */
  readonly workerTypes: readonly string[];
  /** Those of them whose workers aren't ours. */
  readonly external?: ExternalTypes | undefined;
  readonly functions: ReadonlyMap<string, CoordinatorFunctionDefinition>;
  readonly inputAdapters: ReadonlyMap<string, InputAdapterDefinition>;
  readonly plans: PlanCache;
  readonly signals: AppendSignals;
  readonly timing: CoordinatorTiming;
  /** Of the scheduler. */
  readonly readsAnEvent?: number;
  /** For the worker inside, which runs coordinator functions. */
  readonly functionLimits: WorkerLimits;
}

export interface CoordinatorTiming {
  /** How often to look for leases that ran out and retries that are due, in ms. @defaultValue 1_000 */
  readonly tickMs: number;
  /** How often a task is planned again as a whole, in ms. @defaultValue 30_000 */
  readonly sweepMs: number;
  /** How often a shard's lease may run out before it fails with `worker_lost`. @defaultValue 5 */
  readonly maxLostLeases: number;
  /** How long a running attempt may take to stop when its task is cancelled, in ms. @defaultValue 30_000 */
  readonly cancelGraceMs: number;
  /** How long a worker that isn't ours may take to accept a command, in ms. @defaultValue 30_000 */
  readonly externalAcceptMs: number;
}

/** At most, while the bus is away, or without one: nobody tells a coordinator what happens, so it looks. */
export const unheardTiming = { tickMs: 200, sweepMs: 500 } as const;

export const defaultCoordinatorTiming: CoordinatorTiming = {
  tickMs: 1_000,
  sweepMs: 30_000,
  maxLostLeases: 5,
  cancelGraceMs: 30_000,
  externalAcceptMs: 30_000,
};
