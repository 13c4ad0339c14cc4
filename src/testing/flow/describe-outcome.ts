import type { UntypedFlow } from "../../core/tasks/api.ts";
import type { FlowTypes } from "../../definitions/index.ts";
import type { SimulationMode } from "../cluster/fault-rates.ts";
import type { SimulatedRun } from "./simulated-run.ts";

/**
 * A seed as one reads it: how it ended, what is wrong, and, when it failed, the end of its story.
 *
 * @example
 * console.log(describeOutcome(await simulate({ seed: 7, flow: etl })))
 *
 * @param options.lines - of the story, at most; default 40
 */
export function describeOutcome(
  outcome: Omit<SimulationOutcome, "run"> & { readonly run: { readonly status: string } | undefined },
  options: { readonly lines?: number } = {},
): string {
  const { seed, mode, steps, virtualMs, run, violations, story } = outcome;
  const { lines = 40 } = options;
  const ended = run === undefined ? "never ended" : run.status;
  const left = story.length - lines;
  return [
    `seed ${seed} (${mode}): ${ended} after ${steps} steps, ${Math.round(virtualMs)} virtual ms`,
    ...violations.map((violation) => `  ${violation}`),
    ...(story.length > 0 ? ["its story: step, virtual time, process, node"] : []),
    ...(left > 0 ? [`  (${left} lines before)`] : []),
    ...story.slice(Math.max(0, left)).map((line) => `  ${line.replaceAll("\t", "  ")}`),
  ].join("\n");
}

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
