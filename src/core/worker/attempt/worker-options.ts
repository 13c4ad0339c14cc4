import type {
  CoordinatorFunctionDefinition,
  HandlerDefinition,
  InputAdapterDefinition,
  Logger,
} from "../../../definitions/index.ts";
import type { LogLevel } from "../../model/task-log.ts";
import type { PlanCache, RatePlan } from "../../plan/index.ts";
import type { Bus, Clock, Ids, Random, Telemetry, WorkerStore } from "../../ports/index.ts";
import type { StoreHealthTracker } from "../../resilience/store-retry.ts";
import type { StartLog } from "../../resilience/supervisor.ts";
import type { AppendSignals } from "../input/append-signals.ts";

/** The dependencies and settings of a worker. The public `Worker` fills in the defaults. */
export interface WorkerParts {
  readonly workerId: string;
  readonly store: WorkerStore;
  /** Tracks whether the store is reachable. */
  readonly watch?: StoreHealthTracker | undefined;
  readonly bus: Bus;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly random: Random;
  readonly logger: Logger;
  readonly telemetry?: Telemetry | undefined;
  /** By node type. */
  readonly handlers: ReadonlyMap<string, HandlerDefinition>;
  /** Set only for a coordinator's own worker, which serves `coordinator_fn` nodes. */
  readonly functions: ReadonlyMap<string, CoordinatorFunctionDefinition> | undefined;
  readonly inputAdapters: ReadonlyMap<string, InputAdapterDefinition>;
  readonly plans: PlanCache;
  readonly starts: StartLog;
  /** Shared by all workers of a process. */
  readonly signals: AppendSignals;
  readonly limits: WorkerLimits;
  /** The lowest level of handler logs that are kept with their tasks, or none. @defaultValue "info" */
  readonly keepLogs?: LogLevel | false | undefined;
}

export interface WorkerLimits {
  /** Maximum number of concurrent attempts. @defaultValue 8 */
  readonly capacity: number;
  /** Lower limits for some types. */
  readonly capacityPerType: Readonly<Record<string, number>>;
  /** Limits over all processes. */
  readonly running: RunningLimits;
  /** How long a claim is valid without a renewal, in ms; renewed every third of it. @defaultValue 30_000 */
  readonly leaseMs: number;
  /** How many artifacts are read at once. @defaultValue 256 */
  readonly pageSize: number;
  /** Maximum interval at which an idle worker polls the store, in ms. @defaultValue 1_500 */
  readonly pollMaxMs: number;
  /** Maximum interval at which a consumer polls its sources, in ms. @defaultValue 100 */
  readonly inputPollMaxMs: number;
  /** How long a consumer whose sources do not run keeps its slot, in ms. @defaultValue a tenth of `leaseMs` */
  readonly starveMs: number;
}

export const defaultWorkerLimits = {
  capacity: 8,
  capacityPerType: {},
  running: {},
  leaseMs: 30_000,
  pageSize: 256,
  pollMaxMs: 1_500,
  inputPollMaxMs: 100,
} as const;

/** How many shards may run at once, over all processes on the same store, which must be given the same limits. */
export interface RunningLimits {
  /** In total. */
  readonly maxRunning?: number;
  /** Per type. */
  readonly maxRunningPerType?: Readonly<Record<string, number>>;
  /** Per task. */
  readonly maxRunningPerTask?: number;
  /** How many tries of a batch may begin, per type. */
  readonly ratePerType?: Readonly<Record<string, RatePlan>>;
}
