import type { Store } from "../../core/ports/index.ts";
import type { SimulationMode } from "../cluster/fault-rates.ts";
import type { Journal } from "../cluster/journal.ts";
import { randomWorkload } from "../cluster/random-workload.ts";
import { stackOf } from "../cluster/trace-lines.ts";
import { drive } from "../scheduler/drive.ts";
import type { SeededRandom } from "../scheduler/seeded-random.ts";
import { Cluster } from "./cluster.ts";

export interface ClusterRunOptions {
  readonly seed: number;
  /** @defaultValue `"chaos"` */
  readonly mode?: SimulationMode;
  /** Records a line for each step. @defaultValue false */
  readonly trace?: boolean;
  /** Uses a store that drops artifacts as soon as all consumers have read them. @defaultValue false */
  readonly drops?: boolean;
  /**
   * Another store, on the cluster's clock, that receives the same calls as the memory store. A different answer is a
   * violation.
   */
  readonly mirror?: (now: () => number) => Store;
}

export interface ClusterOutcome {
  readonly seed: number;
  readonly mode: SimulationMode;
  /** What is wrong; empty if nothing is. */
  readonly violations: readonly string[];
  /** Hash of all choices: two runs with the same hash are identical. */
  readonly hash: number;
  readonly steps: number;
  readonly virtualMs: number;
  /** The status of each task. */
  readonly tasks: readonly string[];
  readonly counts: Readonly<Journal["counts"]>;
  readonly trace: readonly string[];
}

/**
 * Runs random graphs under one seed: real coordinators and workers on a virtual clock, a memory store that can be
 * interrupted between any two records, and a bus that loses, duplicates and delays messages. A seed reproduces the same
 * run as long as the code does not change.
 *
 * @example
 * const { violations } = await simulateCluster({ seed: 7 })
 * violations // []
 */
export async function simulateCluster(options: ClusterRunOptions): Promise<ClusterOutcome> {
  const { seed, mode = "chaos", drops = false, mirror } = options;
  const trace: string[] = [];
  const workload = (random: SeededRandom) => randomWorkload(random, drops);
  const cluster = new Cluster({ seed, mode, workload, mirror, ...(options.trace ? { trace } : {}) });
  const rejected = (reason: unknown): void => {
    cluster.journal.violated(`unhandled rejection: ${stackOf(reason)}`);
  };
  process.on("unhandledRejection", rejected);
  try {
    await cluster.mirror?.open();
    await drive(cluster.run());
  } finally {
    await cluster.mirror?.close();
    process.off("unhandledRejection", rejected);
  }
  const { scheduler, journal, allTasks, taskIds } = cluster;
  return {
    seed,
    mode,
    violations: journal.violations,
    hash: scheduler.hash,
    steps: scheduler.steps,
    virtualMs: scheduler.now,
    tasks: taskIds.map((id) => allTasks.tasks.get(id)?.record.status ?? "absent"),
    counts: journal.counts,
    trace,
  };
}
