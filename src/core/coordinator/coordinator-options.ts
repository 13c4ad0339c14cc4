import type { CoordinatorFunctionDefinition, InputAdapterDefinition, Logger } from "../../definitions/index.ts";
import type { ExternalTypes } from "../interop/index.ts";
import type { EpochRef } from "../model/records.ts";
import type { PlanCache } from "../plan/index.ts";
import type { Bus, Clock, Ids, Random, Store, Telemetry } from "../ports/index.ts";
import type { StoreHealthTracker } from "../resilience/store-retry.ts";
import type { StartLog } from "../resilience/supervisor.ts";
import type { WorkerLimits } from "../worker/attempt/worker-options.ts";
import type { AppendSignals } from "../worker/input/append-signals.ts";
import type { PausedFlows } from "./start-looks.ts";

/** The dependencies and settings of a coordinator. */
export interface CoordinatorParts {
  readonly coordinatorId: string;
  readonly store: Store;
  readonly bus: Bus;
  readonly clock: Clock;
  /** For calls that a user awaits: its sleeps keep the process running. @defaultValue `clock` */
  readonly callerClock?: Clock;
  /** Tracks whether the store is reachable. */
  readonly watch?: StoreHealthTracker | undefined;
  readonly ids: Ids;
  readonly random: Random;
  readonly logger: Logger;
  readonly telemetry?: Telemetry | undefined;
  /** The node types that its workers serve. */
  readonly workerTypes: readonly string[];
  /** The node types that external workers serve. */
  readonly external?: ExternalTypes | undefined;
  readonly functions: ReadonlyMap<string, CoordinatorFunctionDefinition>;
  readonly inputAdapters: ReadonlyMap<string, InputAdapterDefinition>;
  readonly plans: PlanCache;
  readonly starts: StartLog;
  readonly signals: AppendSignals;
  readonly timing: CoordinatorTiming;
  /** See `SchedulerOptions`. */
  readonly readsAnEvent?: number;
  /** For the coordinator's own worker, which runs coordinator functions. */
  readonly functionLimits: WorkerLimits;
}

/** Types whose commands are sent elsewhere: external workers serve them. */
export interface ExternalCommands {
  readonly types: ReadonlySet<string>;
  /** An attempt of such a type is ready. */
  command(ref: EpochRef): Promise<void>;
}

export interface SchedulerOptions {
  readonly store: Store;
  readonly bus: Bus;
  readonly logger: Logger;
  readonly plans: PlanCache;
  readonly starts: StartLog;
  readonly cancelGraceMs: number;
  /** Called when the task changed or ended, for waiters in this process. */
  readonly onChange: (taskId: string, ended: boolean) => void;
  readonly external?: ExternalCommands | undefined;
  /** Called when it plans a task whose nodes run flows. */
  readonly onFlows: () => void;
  /** Called when `owedLooks` is no longer empty. */
  readonly onOwed: () => void;
  /** Flows whose tasks do not begin; those that have begun continue. @defaultValue none */
  readonly pausedFlows?: PausedFlows | undefined;
  /** Called when a shard is due in `ms`. */
  readonly onDue: (ms: number) => void;
  /** How many other parents an event may read for a node that needs only some of them. @defaultValue 32 */
  readonly readsAnEvent?: number | undefined;
}

export interface CoordinatorTiming {
  /** How often to look for expired leases and due retries, in ms. @defaultValue 1_000 */
  readonly tickMs: number;
  /** How often each task is planned again as a whole, in ms. @defaultValue 30_000 */
  readonly sweepMs: number;
  /** How many leases of a shard may expire before it fails with `worker_lost`. @defaultValue 5 */
  readonly maxLostLeases: number;
  /** How long a running attempt may take to stop when its task is cancelled, in ms. @defaultValue 30_000 */
  readonly cancelGraceMs: number;
  /** How long an external worker may take to accept a command, in ms. @defaultValue 30_000 */
  readonly externalAcceptMs: number;
}

/** Upper bounds while there is no reachable bus: the coordinator finds changes by polling the store only. */
export const noBusTiming = { tickMs: 200, sweepMs: 500 } as const;

export const defaultCoordinatorTiming: CoordinatorTiming = {
  tickMs: 1_000,
  sweepMs: 30_000,
  maxLostLeases: 5,
  cancelGraceMs: 30_000,
  externalAcceptMs: 30_000,
};
