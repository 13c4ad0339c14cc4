import type { MemoryState } from "../../adapters/memory/index.ts";
import type { RunningLimits } from "../../core/worker/attempt/worker-options.ts";
import type { SimulationMode } from "../cluster/fault-rates.ts";
import type { Journal } from "../cluster/journal.ts";
import type { Workload } from "../cluster/workload.ts";
import type { Scheduler } from "../scheduler/scheduler.ts";

/** What the checks of writes look at, and where they report. */
export interface CheckParts {
  readonly state: MemoryState;
  readonly journal: Journal;
  readonly scheduler: Scheduler;
  readonly mode: SimulationMode;
  readonly workload: Workload;
  readonly maxLostLeases: number;
  readonly running: RunningLimits;
  /** The store's own time: what its deadlines mean. */
  readonly storeNow: () => number;
}
