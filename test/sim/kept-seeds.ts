import type { SimulationMode } from "../../src/testing/cluster/fault-rates.ts";

export interface KeptSeed {
  readonly mode: SimulationMode;
  readonly seed: number;
  /** The mistake that it found in its version of the code. */
  readonly found: string;
  /** The directed test. */
  readonly test: string;
}

/**
 * Seeds that once found a mistake. A seed is tied to one version of the code, so by now they are ordinary runs; the
 * directed test prevents a regression. No seed is added without one.
 */
export const keptSeeds: readonly KeptSeed[] = [
  {
    mode: "calm",
    seed: 224,
    found: "a task does not finish if its last parent ends after a child that streamed from it",
    test: "test/sim/scheduler-races.test.ts",
  },
  {
    mode: "calm",
    seed: 5426,
    found: "a command dropped because of a claim that then failed is forgotten",
    test: "test/sim/worker-races.test.ts",
  },
  {
    mode: "chaos",
    seed: 4_006_785,
    found: "a coordinator that stops claims a batch of a flow again and again while a function ends",
    test: "test/integration/engine/child-tasks.test.ts",
  },
  {
    mode: "chaos",
    seed: 93_000_102,
    found: "a batch of a flow is tried again after its task and the tasks of its tries were deleted",
    test: "test/integration/engine/child-tasks.test.ts",
  },
];
