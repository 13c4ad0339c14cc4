import type { UntypedFlow } from "../../core/tasks/api.ts";
import type { FlowTypes } from "../../definitions/index.ts";
import type { SimulationOutcome } from "./describe-outcome.ts";
import { Judge } from "./judge.ts";
import type { SimulationRules } from "./rules.ts";
import type { FlowToRun } from "./run-code.ts";

export interface SimulateManyOptions<TTypes extends FlowTypes = UntypedFlow, TOutside = unknown>
  extends FlowToRun<TTypes, TOutside>,
    SimulationRules<TTypes, TOutside> {
  /** How many. */
  readonly seeds: number;
  /** The first one. @defaultValue 1 */
  readonly from?: number;
  /** Stops after so many seeds that failed. @defaultValue 1 */
  readonly maxFailures?: number;
  /** Called after each seed. */
  readonly onProgress?: (progress: { readonly done: number; readonly seeds: number; readonly failed: number }) => void;
}

/** What many seeds did: what `simulateMany` gives. */
export interface SimulatedSeeds<TTypes extends FlowTypes = UntypedFlow, TOutside = unknown> {
  /** How many were run. */
  readonly seeds: number;
  /** Steps in all. */
  readonly steps: number;
  readonly failures: readonly SimulationOutcome<TTypes, TOutside>[];
}

/**
 * The same as `simulate` for many seeds, one after the other.
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
