import type { UntypedFlow } from "../../core/tasks/api.ts";
import type { FlowTypes } from "../../definitions/flow.ts";
import { Judge } from "./judge.ts";
import type { FlowToRun } from "./run-code.ts";
import type { SimulationOutcome, SimulationRules } from "./simulated-run.ts";

export interface SimulateOptions<TTypes extends FlowTypes = UntypedFlow, TOutside = unknown>
  extends FlowToRun<TTypes, TOutside>,
    SimulationRules<TTypes, TOutside> {
  readonly seed: number;
  /** Records a line for every step of every process, in addition to the timeline. @defaultValue false */
  readonly trace?: boolean;
}

/**
 * Runs a flow under one seed: real coordinators and workers on a virtual clock, a store that fails, a bus that loses
 * and duplicates messages, and processes that crash, pause and restart. Checks the engine's guarantees, and that the
 * flow's results do not depend on the faults, which exposes handlers that are not idempotent or keep state between
 * attempts. A seed reproduces the same run as long as the code does not change.
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

export interface SimulateManyOptions<TTypes extends FlowTypes = UntypedFlow, TOutside = unknown>
  extends FlowToRun<TTypes, TOutside>,
    SimulationRules<TTypes, TOutside> {
  /** Number of seeds. */
  readonly seeds: number;
  /** The first seed. @defaultValue 1 */
  readonly from?: number;
  /** Stops after this many failed seeds. @defaultValue 1 */
  readonly maxFailures?: number;
  /** Called after each seed. */
  readonly onProgress?: (progress: { readonly done: number; readonly seeds: number; readonly failed: number }) => void;
}

/** The outcome of many seeds, as returned by `simulateMany`. */
export interface SimulatedSeeds<TTypes extends FlowTypes = UntypedFlow, TOutside = unknown> {
  /** Number of seeds that ran. */
  readonly seeds: number;
  /** Total number of steps. */
  readonly steps: number;
  readonly failures: readonly SimulationOutcome<TTypes, TOutside>[];
}

/**
 * Runs `simulate` for many seeds, one after another.
 *
 * @example
 * const { failures } = await simulateMany({ seeds: 200, flow: etl })
 * failures.map(describeOutcome) // []
 *
 * @throws FlowError as `simulate` does
 */
export async function simulateMany<TTypes extends FlowTypes = UntypedFlow, TOutside = unknown>(
  options: SimulateManyOptions<TTypes, TOutside>,
): Promise<SimulatedSeeds<TTypes, TOutside>> {
  const { seeds, from = 1, maxFailures = 1, onProgress, ...given } = options;
  const judge = new Judge(given as unknown as FlowToRun & SimulationRules);
  const failures: SimulationOutcome<TTypes, TOutside>[] = [];
  let done = 0;
  let steps = 0;
  while (done < seeds && failures.length < maxFailures) {
    const outcome = (await judge.outcome(from + done)) as SimulationOutcome<TTypes, TOutside>;
    done++;
    steps += outcome.steps;
    if (outcome.violations.length > 0) failures.push(outcome);
    onProgress?.({ done, seeds, failed: failures.length });
  }
  return { seeds: done, steps, failures };
}
