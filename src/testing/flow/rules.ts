import type { UntypedFlow } from "../../core/tasks/api.ts";
import type { FlowTypes } from "../../definitions/index.ts";
import type { Faults, SimulationMode } from "../cluster/fault-rates.ts";
import type { FleetSize } from "../cluster/fleet.ts";
import type { FinishedRun, SimulatedRun } from "./simulated-run.ts";

/** What a run of a flow is held to, and under which trouble. */
export interface SimulationRules<TTypes extends FlowTypes = UntypedFlow, TOutside = unknown> {
  /** @defaultValue `"chaos"` */
  readonly mode?: SimulationMode;
  /** @defaultValue all of them, each in half of the seeds */
  readonly faults?: Faults;
  /** @defaultValue drawn by the seed */
  readonly processes?: FleetSize;
  /** Throws when something is wrong with a run that finished. */
  readonly expect?: (run: FinishedRun<TTypes, NoInfer<TOutside>>) => void | Promise<void>;
  /** The same for every run, however it ended: cancelled, failed, or finished. */
  readonly invariant?: (run: SimulatedRun<TTypes, NoInfer<TOutside>>) => void | Promise<void>;
  /**
   * What must be the same in every finished run, whatever the faults: the outputs and results of all nodes, or what
   * this function makes of a run. `false`: nothing.
   *
   * @defaultValue true
   */
  readonly compare?: boolean | ((run: FinishedRun<TTypes, NoInfer<TOutside>>) => unknown);
  /** Whether the task may fail. What faults make of it, a timeout or a lost worker, is no violation in any case. @defaultValue false */
  readonly mayFail?: boolean;
}
