import type { UntypedFlow } from "../../core/tasks/api.ts";
import type { FlowTypes } from "../../definitions/index.ts";
import type { SimulationOutcome } from "./describe-outcome.ts";
import { Judge } from "./judge.ts";
import type { SimulationRules } from "./rules.ts";
import type { FlowToRun } from "./run-code.ts";

export interface SimulateOptions<TTypes extends FlowTypes = UntypedFlow, TOutside = unknown>
  extends FlowToRun<TTypes, TOutside>,
    SimulationRules<TTypes, TOutside> {
  readonly seed: number;
  /** Keeps a line a step of every process, besides the story. @defaultValue false */
  readonly trace?: boolean;
}

/**
 * Runs a flow in one seeded universe: real coordinators and workers, on a virtual clock, with a store that fails, a bus
 * that loses and doubles, and processes that die, stand still and come back. It checks that the engine keeps its
 * promises, and that the flow's results don't depend on the trouble: a handler that isn't idempotent, or keeps something
 * between attempts, shows. A seed gives the same run at every call, as long as the code is the same.
 *
 * @example
 * const { violations } = await simulate({ seed: 7, flow: etl })
 * violations // []
 *
 * @throws FlowError `GRAPH_INVALID`, `PARAMS_INVALID`; `SIMULATION_REAL_TIME` when a handler waits for a real timer,
 * file or socket
 */
export async function simulate<TTypes extends FlowTypes = UntypedFlow, TOutside = unknown>(
  options: SimulateOptions<TTypes, TOutside>,
): Promise<SimulationOutcome<TTypes, TOutside>> {
  const { seed, trace, ...given } = options;
  const judge = new Judge(given as unknown as FlowToRun & SimulationRules);
  return (await judge.outcome(seed, trace)) as SimulationOutcome<TTypes, TOutside>;
}
