import type {
  CoordinatorFunctionDefinition,
  HandlerDefinition,
  InputAdapterDefinition,
  Logger,
} from "../../../definitions/index.ts";
import type { PlanCache } from "../../plan/index.ts";
import type { Bus, Clock, Ids, Random, WorkerStore } from "../../ports/index.ts";
import type { StoreHealthTracker } from "../../resilience/store-retry.ts";
import type { AppendSignals } from "../input/append-signals.ts";

/** What a worker is made of. The public `Worker` fills in the defaults. */
export interface WorkerParts {
  readonly workerId: string;
  readonly store: WorkerStore;
  /** Is told whether its calls reach the store. */
  readonly watch?: StoreHealthTracker | undefined;
  readonly bus: Bus;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly random: Random;
  readonly logger: Logger;
  /** By node type. */
  readonly handlers: ReadonlyMap<string, HandlerDefinition>;
  /** Given only to the worker inside a coordinator: it then serves `coordinator_fn` nodes. */
  readonly functions: ReadonlyMap<string, CoordinatorFunctionDefinition> | undefined;
  readonly inputAdapters: ReadonlyMap<string, InputAdapterDefinition>;
  readonly plans: PlanCache;
  /** Shared by the workers of one process. */
  readonly signals: AppendSignals;
  readonly limits: WorkerLimits;
}

export interface WorkerLimits {
  /** Attempts at once. @defaultValue 8 */
  readonly capacity: number;
  /** Of some types fewer. */
  readonly capacityPerType: Readonly<Record<string, number>>;
  /** Over all processes. */
  readonly running: RunningLimits;
  /** How long a claim lives without a renewal, in ms; renewed every third of it. @defaultValue 30_000 */
  readonly leaseMs: number;
  /** Artifacts that are read at once. @defaultValue 256 */
  readonly pageSize: number;
  /** How long an idle worker waits before it looks in the store by itself, at most, in ms. @defaultValue 1_000 */
  readonly pollMaxMs: number;
  /** The same for a consumer that waits for its sources. @defaultValue 100 */
  readonly inputPollMaxMs: number;
  /** How long a consumer whose sources don't run holds its slot, in ms. @defaultValue a tenth of `leaseMs` */
  readonly starveMs: number;
}

export const defaultWorkerLimits = {
  capacity: 8,
  capacityPerType: {},
  running: {},
  leaseMs: 30_000,
  pageSize: 256,
  pollMaxMs: 1_000,
  inputPollMaxMs: 100,
} as const;
/** How many shards may run at once, over all processes that share the store. They must be told the same. */

export interface RunningLimits {
  /** Of all tasks. */
  readonly maxRunning?: number;
  /** Of each type. */
  readonly maxRunningPerType?: Readonly<Record<string, number>>;
  /** Of each task. */
  readonly maxRunningPerTask?: number;
}
