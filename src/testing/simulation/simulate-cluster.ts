import type { Store } from "../../core/ports/index.ts";
import type { SimulationMode } from "../cluster/fault-rates.ts";
import type { Journal } from "../cluster/journal.ts";
import { drive } from "../scheduler/drive.ts";
import type { SeededRandom } from "../scheduler/seeded-random.ts";
import { Cluster } from "./cluster.ts";
import { randomWorkload } from "./random-workload.ts";

export interface ClusterRunOptions {
  readonly seed: number;
  /** @defaultValue `"chaos"` */
  readonly mode?: SimulationMode;
  /** Keeps a line a step, for people. @defaultValue false */
  readonly trace?: boolean;
  /** In a store that drops artifacts while it runs, as soon as all who read them have. @defaultValue false */
  readonly drops?: boolean;
  /**
   * Another store, by the world's clock: asked whatever the memory store is asked, and a violation when its answer is
   * another one.
   */
  readonly mirror?: (now: () => number) => Store;
}

export interface ClusterOutcome {
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
 * const { violations } = await simulateWorld({ seed: 7 })
 * violations // []
 */
export async function simulateCluster(options: ClusterRunOptions): Promise<ClusterOutcome> {
  const { seed, mode = "chaos", drops = false, mirror } = options;
  const trace: string[] = [];
  const workload = (random: SeededRandom) => randomWorkload(random, drops);
  const world = new Cluster({ seed, mode, workload, mirror, ...(options.trace ? { trace } : {}) });
  const rejected = (reason: unknown): void => {
    world.journal.violated(`unhandled rejection: ${reason instanceof Error ? reason.stack : String(reason)}`);
  };
  process.on("unhandledRejection", rejected);
  try {
    await world.mirror?.open();
    await drive(world.run());
  } finally {
    await world.mirror?.close();
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
