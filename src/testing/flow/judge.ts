import { thrownMessage } from "../../errors/index.ts";
import type { SimulationMode } from "../cluster/fault-rates.ts";
import { stackOf } from "../cluster/trace-lines.ts";
import { drive, type Steps } from "../scheduler/drive.ts";
import { Cluster } from "../simulation/cluster.ts";
import { difference, differences } from "./differences.ts";
import { OpenCalls } from "./open-calls.ts";
import { type FlowToRun, RunnableCode } from "./run-code.ts";
import {
  type FinishedRun,
  isFinishedRun,
  readRun,
  type SimulatedRun,
  type SimulationOutcome,
  type SimulationRules,
} from "./simulated-run.ts";

/** Two, so that differences that occur without faults are reported as such. */
const calmSeeds = [1, 2] as const;
/** High enough that no task fails by chance. */
const maxLostLeases = 1_000;
const bounds = { steps: 500_000, ms: 24 * 3_600_000 };
/** Failures caused by injected faults rather than by handlers. */
const faultCodes: ReadonlySet<string> = new Set(["timeout", "worker_lost"]);

interface ClusterRun {
  readonly cluster: Cluster;
  readonly run: SimulatedRun | undefined;
  readonly violations: readonly string[];
}

interface Lines {
  readonly timeline?: string[];
  readonly trace?: string[];
}

/** Runs a flow under seeds and reports the violations of each run. */
export class Judge {
  readonly #rules: SimulationRules;
  readonly #code: RunnableCode;
  #calm: Promise<{ readonly run: FinishedRun | undefined; readonly violations: readonly string[] }> | undefined;

  constructor(given: FlowToRun & SimulationRules) {
    this.#rules = given;
    this.#code = new RunnableCode(given);
  }

  async outcome(seed: number, withTrace = false): Promise<SimulationOutcome> {
    const { mode = "chaos" } = this.#rules;
    this.#calm ??= this.#runCalmly();
    const calm = await this.#calm;
    const trace: string[] = [];
    const run = await this.#run(seed, mode, withTrace ? { trace } : {});
    const { scheduler } = run.cluster;
    const violations = [...calm.violations, ...run.violations];
    if (violations.length === 0) violations.push(...this.#compared("a calm run", calm.run, run.run));
    const timeline: string[] = [];
    if (violations.length > 0) {
      const again = await this.#run(seed, mode, { timeline });
      if (again.cluster.scheduler.hash !== scheduler.hash) {
        violations.push("a second run of this seed was different: some code depends on something other than the seed");
      }
    }
    const { hash, steps, now } = scheduler;
    return { seed, mode, violations, run: run.run, hash, steps, virtualMs: now, timeline, trace };
  }

  /** The outcome without faults, and the violations that occur even then. */
  async #runCalmly() {
    const runs: (FinishedRun | undefined)[] = [];
    const violations: string[] = [];
    for (const seed of calmSeeds) {
      const { run, violations: own } = await this.#run(seed, "calm");
      violations.push(...own.map((what) => `without any fault: ${what}`));
      runs.push(run !== undefined && isFinishedRun(run) ? run : undefined);
    }
    const [first, second] = runs;
    if (violations.length === 0) {
      const why =
        "another calm run, so without any fault: it depends on the order of batches, or on state kept between runs";
      violations.push(...this.#compared(why, first, second));
    }
    return { run: first, violations };
  }

  async #run(seed: number, mode: SimulationMode, lines: Lines = {}): Promise<ClusterRun> {
    const { faults, processes } = this.#rules;
    const calls = new OpenCalls();
    const outside = this.#code.newOutside();
    const cluster = new Cluster({
      seed,
      mode,
      workload: () => this.#code.workload(outside, calls),
      // A calm run is made for its results.
      faults: mode === "calm" ? { ...faults, cancels: false } : (faults ?? {}),
      ...(processes === undefined ? {} : { size: processes }),
      maxLostLeases,
      bounds,
      ...lines,
    });
    await driveCluster(cluster, calls);
    const run = readRun(cluster, { seed, mode, outside });
    const violations = [...cluster.journal.violations];
    if (run !== undefined) violations.push(...(await this.#judged(run)));
    return { cluster, run, violations };
  }

  async #judged(run: SimulatedRun): Promise<string[]> {
    const { expect, invariant, mayFail = false } = this.#rules;
    const found: string[] = [];
    const code = run.failure?.reasonCode ?? "";
    if (run.status === "failed" && !mayFail && !(run.mode === "chaos" && faultCodes.has(code))) {
      found.push(`the task failed: node '${run.failure?.nodeId}': ${code}: ${run.failure?.message}`);
    }
    if (isFinishedRun(run)) found.push(...(await thrownBy("expect", () => expect?.(run))));
    found.push(...(await thrownBy("invariant", () => invariant?.(run))));
    return found;
  }

  #compared(what: string, wanted: SimulatedRun | undefined, got: SimulatedRun | undefined): string[] {
    const { compare = true } = this.#rules;
    if (wanted === undefined || got === undefined || !isFinishedRun(wanted) || !isFinishedRun(got)) return [];
    if (compare === false) return [];
    const found =
      compare === true
        ? differences(this.#code.graph, wanted, got)
        : difference("the value of compare", compare(wanted), compare(got));
    return found.map((words) => `not as in ${what}: ${words}`);
  }
}

async function driveCluster(cluster: Cluster, calls: OpenCalls): Promise<void> {
  const rejected = (reason: unknown): void => {
    cluster.journal.violated(`unhandled rejection: ${stackOf(reason)}`);
  };
  process.on("unhandledRejection", rejected);
  try {
    await drive(inVirtualTime(cluster, calls));
  } finally {
    process.off("unhandledRejection", rejected);
  }
}

/** The steps of a cluster; whenever nothing can run, checks what handlers wait for. */
function* inVirtualTime(cluster: Cluster, calls: OpenCalls): Steps {
  let jumps = 0;
  for (const _ of cluster.run()) {
    yield undefined;
    if (cluster.scheduler.jumps === jumps) continue;
    jumps = cluster.scheduler.jumps;
    const look = calls.look();
    if (look === undefined) continue;
    yield look;
    if (calls.found !== undefined) throw calls.found;
  }
  const stuck = cluster.journal.violations.length > 0 ? calls.stuck() : undefined;
  if (stuck !== undefined) throw stuck;
}

async function thrownBy(what: string, run: () => void | Promise<void> | undefined): Promise<string[]> {
  try {
    await run();
    return [];
  } catch (error) {
    return [`${what}: ${thrownMessage(error)}`];
  }
}
