import { drive } from "./gate/drive.ts";
import type { Journal } from "./world/journal.ts";
import type { SimulationMode } from "./world/rates.ts";
import { World } from "./world/world.ts";

export interface SimulateOptions {
  readonly seed: number;
  /** @defaultValue `"chaos"` */
  readonly mode?: SimulationMode;
  /** Keeps a line a step, for people. @defaultValue false */
  readonly trace?: boolean;
}

export interface SimulationOutcome {
  readonly seed: number;
  readonly mode: SimulationMode;
  /** What went wrong; empty: nothing. */
  readonly violations: readonly string[];
  /** Of all choices: two runs with the same hash were the same run. */
  readonly hash: number;
  readonly steps: number;
  readonly virtualMs: number;
  /** How each task ended. */
  readonly tasks: readonly string[];
  readonly counts: Readonly<Journal["counts"]>;
  readonly trace: readonly string[];
}

/**
 * Runs one seeded universe: the real coordinators and workers on a virtual clock, a memory store that can be
 * interrupted between any two records, and a bus that loses, doubles and delays. A seed gives the same run at every
 * call, as long as the code is the same.
 *
 * @example
 * const { violations } = await simulate({ seed: 7 })
 * violations // []
 */
export async function simulate(options: SimulateOptions): Promise<SimulationOutcome> {
  const { seed, mode = "chaos" } = options;
  const trace: string[] = [];
  const world = new World({ seed, mode, ...(options.trace ? { trace } : {}) });
  const rejected = (reason: unknown): void => {
    world.journal.violated(`unhandled rejection: ${reason instanceof Error ? reason.stack : String(reason)}`);
  };
  process.on("unhandledRejection", rejected);
  try {
    await drive(world.run());
  } finally {
    process.off("unhandledRejection", rejected);
  }
  const { scheduler, journal, taskStatuses } = world;
  return {
    seed,
    mode,
    violations: journal.violations,
    hash: scheduler.hash,
    steps: scheduler.steps,
    virtualMs: scheduler.now,
    tasks: taskStatuses,
    counts: journal.counts,
    trace,
  };
}
