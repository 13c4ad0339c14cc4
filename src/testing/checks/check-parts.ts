import type { MemoryState } from "../../adapters/memory/index.ts";
import type { RunningLimits } from "../../engine/worker/running-limits.ts";
import type { Scheduler } from "../gate/scheduler.ts";
import type { Journal } from "../world/journal.ts";
import type { SimulationMode } from "../world/rates.ts";
import type { Workload } from "../world/workload.ts";

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
