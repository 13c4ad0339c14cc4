import type { FlowTypes } from "../../definitions/index.ts";
import type { UntypedFlow } from "../../engine/api.ts";
import type { SimulationMode } from "../world/rates.ts";
import type { SimulatedRun } from "./simulated-run.ts";

/** What one seed did: what `simulate` gives. */
export interface SimulationOutcome<TTypes extends FlowTypes = UntypedFlow, TOutside = unknown> {
  readonly seed: number;
  readonly mode: SimulationMode;
  /** What went wrong; empty: nothing. */
  readonly violations: readonly string[];
  /** `undefined` when the task never ended. */
  readonly run: SimulatedRun<TTypes, TOutside> | undefined;
  /** Of all choices: two runs with the same hash were the same run. */
  readonly hash: number;
  readonly steps: number;
  readonly virtualMs: number;
  /** Of a seed that failed: what happened, a line each, with virtual time, process and node. */
  readonly story: readonly string[];
  readonly trace: readonly string[];
}
