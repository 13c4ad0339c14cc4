import type { SimulationMode } from "../../src/testing/cluster/fault-rates.ts";

export interface KeptSeed {
  readonly mode: SimulationMode;
  readonly seed: number;
  /** What it found, in the version of the code that it belongs to. */
  readonly found: string;
  /** Where that is tested a step at a time. */
  readonly test: string;
}

/**
 * Seeds that once found something. A seed is a run of one version of the code, so these are runs like any other by now,
 * and what keeps a mistake from coming back is its directed test: no seed is added here without one.
 */
export const keptSeeds: readonly KeptSeed[] = [
  {
    mode: "calm",
    seed: 224,
    found: "a task isn't finished when its last parent ends after a child that streamed from it",
    test: "test/sim/scheduler-races.test.ts",
  },
  {
    mode: "calm",
    seed: 5426,
    found: "a command that was dropped for a claim which then failed is forgotten",
    test: "test/sim/worker-races.test.ts",
  },
];
