import type { MemoryState } from "../../adapters/memory/index.ts";
import type { Scheduler } from "../gate/scheduler.ts";
import type { Journal } from "../world/journal.ts";

/** What the checks of writes look at, and where they report. */
export interface CheckParts {
  readonly state: MemoryState;
  readonly journal: Journal;
  readonly scheduler: Scheduler;
  readonly maxLostLeases: number;
}
