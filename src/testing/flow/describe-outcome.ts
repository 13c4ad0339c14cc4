import type { SimulationOutcome } from "./outcome.ts";

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
