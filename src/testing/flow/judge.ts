import { thrownMessage } from "../../errors/index.ts";
import type { SimulationMode } from "../cluster/fault-rates.ts";
import { drive, type Steps } from "../scheduler/drive.ts";
import { Cluster } from "../simulation/cluster.ts";
import type { SimulationOutcome } from "./describe-outcome.ts";
import { difference, differences } from "./differences.ts";
import { OpenCalls } from "./open-calls.ts";
import type { SimulationRules } from "./rules.ts";
import { type FlowToRun, RunnableCode } from "./run-code.ts";
import { type FinishedRun, isFinishedRun, readRun, type SimulatedRun } from "./simulated-run.ts";

/** Two, so that what differs without any fault shows as such. */
const calmSeeds = [1, 2] as const;
/** Enough that no task fails for want of luck. */
const maxLostLeases = 1_000;
const bounds = { steps: 500_000, ms: 24 * 3_600_000 };
/** Why a task fails by faults, not by its handlers. */
const faultCodes: ReadonlySet<string> = new Set(["timeout", "worker_lost"]);

interface Universe {
  readonly world: Cluster;
  readonly run: SimulatedRun | undefined;
  readonly violations: readonly string[];
}

interface Lines {
  readonly story?: string[];
  readonly trace?: string[];
}

/** Runs a flow under seeds, and says what is wrong with each run. */
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
    const universe = await this.#run(seed, mode, withTrace ? { trace } : {});
    const { scheduler } = universe.world;
    const violations = [...calm.violations, ...universe.violations];
    if (violations.length === 0) violations.push(...this.#compared("a calm run", calm.run, universe.run));
    const story: string[] = [];
    if (violations.length > 0) {
      const again = await this.#run(seed, mode, { story });
      if (again.world.scheduler.hash !== scheduler.hash) {
        violations.push("a second run of this seed went otherwise: some code uses what isn't the seed's");
      }
    }
    const { hash, steps, now } = scheduler;
    return { seed, mode, violations, run: universe.run, hash, steps, virtualMs: now, story, trace };
  }

  /** What a run without faults gives, and what is wrong before there are any. */
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
        "another calm run, so without any fault: it depends on the order of batches, or on what is kept between runs";
      violations.push(...this.#compared(why, first, second));
    }
    return { run: first, violations };
  }

  async #run(seed: number, mode: SimulationMode, lines: Lines = {}): Promise<Universe> {
    const { faults, processes } = this.#rules;
    const calls = new OpenCalls();
    const outside = this.#code.newOutside();
    const world = new Cluster({
      seed,
      mode,
      workload: () => this.#code.workload(outside, calls),
      // Who asks for a calm run asks for results.
      faults: mode === "calm" ? { ...faults, cancels: false } : (faults ?? {}),
      ...(processes === undefined ? {} : { size: processes }),
      maxLostLeases,
      bounds,
      ...lines,
    });
    await driveWorld(world, calls);
    const run = readRun(world, { seed, mode, outside });
    const violations = [...world.journal.violations];
    if (run !== undefined) violations.push(...(await this.#judged(run)));
    return { world, run, violations };
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
        : difference("what compare made of it", compare(wanted), compare(got));
    return found.map((words) => `not as in ${what}: ${words}`);
  }
}

async function driveWorld(world: Cluster, calls: OpenCalls): Promise<void> {
  const rejected = (reason: unknown): void => {
    world.journal.violated(`unhandled rejection: ${reason instanceof Error ? reason.stack : String(reason)}`);
  };
  process.on("unhandledRejection", rejected);
  try {
    await drive(inVirtualTime(world, calls));
  } finally {
    process.off("unhandledRejection", rejected);
  }
}

/** The steps of a world; whenever nothing can run, what handlers wait for is looked at. */
function* inVirtualTime(world: Cluster, calls: OpenCalls): Steps {
  let jumps = 0;
  for (const _ of world.run()) {
    yield undefined;
    if (world.scheduler.jumps === jumps) continue;
    jumps = world.scheduler.jumps;
    const look = calls.look();
    if (look === undefined) continue;
    yield look;
    if (calls.found !== undefined) throw calls.found;
  }
  const stuck = world.journal.violations.length > 0 ? calls.stuck() : undefined;
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
