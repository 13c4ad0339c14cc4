/*
 * Runs seeds of the simulation: `npm run sim -- --seeds 1000`. A failed seed is printed with the command that replays
 * it and with its commit, because a seed is tied to one version of the code.
 *
 *   --seeds N   number of seeds; default 1000    --from S    first seed; default derived from the clock
 *   --seed S    only this seed; may be repeated
 *   --calm      no faults and no sweeps          --replay    one seed, with every step
 *   --twice     runs each seed twice and compares the runs
 *   --drop      the store drops artifacts that all consumers have read
 *   --sqlite    compares a SQLite store with the memory store at each step
 *   --jobs N    number of processes; default 1
 *   --enough N  stops after this many failed seeds
 *   --until C   stops once this count is above 0; may be repeated: then each of them
 */
import { performance } from "node:perf_hooks";
import { parseArgs } from "node:util";
import { sqliteStore } from "../src/adapters/sqlite/index.ts";
import type { SimulationMode } from "../src/testing/cluster/fault-rates.ts";
import { type ClusterOutcome, simulateCluster } from "../src/testing/simulation/simulate-cluster.ts";
import { add, newTotal, runInJobs, type SimTotal } from "./sim-jobs.ts";
import { describeFailure } from "./sim-report.ts";

const { values } = parseArgs({
  options: {
    seeds: { type: "string", default: "1000" },
    from: { type: "string" },
    seed: { type: "string", multiple: true },
    calm: { type: "boolean", default: false },
    replay: { type: "boolean", default: false },
    twice: { type: "boolean", default: false },
    drop: { type: "boolean", default: false },
    sqlite: { type: "boolean", default: false },
    jobs: { type: "string", default: "1" },
    enough: { type: "string", default: String(Number.MAX_SAFE_INTEGER) },
    until: { type: "string", multiple: true, default: [] },
    /** Prints one line of JSON at the end. */
    json: { type: "boolean", default: false },
  },
});

const mode: SimulationMode = values.calm ? "calm" : "chaos";
const from = integer("from", values.from ?? String(Date.now() % 1_000_000_000));
const seeds = values.seed?.map((seed) => integer("seed", seed)) ?? range(from, integer("seeds", values.seeds));

const shownFailures = 5;
const progressEveryMs = 5_000;

if (values.replay) await replay();
else await runAll();

function run(seed: number, options: { readonly trace?: boolean } = {}): Promise<ClusterOutcome> {
  const mirror = (now: () => number) => sqliteStore(":memory:", { commit: "call", now });
  return simulateCluster({ seed, mode, drops: values.drop, ...options, ...(values.sqlite ? { mirror } : {}) });
}

async function replay(): Promise<void> {
  const outcome = await run(from, { trace: true });
  const { trace, tasks, hash, steps, counts } = outcome;
  console.log(trace.join("\n"));
  report(outcome);
  console.log(`seed ${from}: ${steps} steps, tasks ${tasks.join()}, hash ${hash}`);
  console.log(JSON.stringify(counts));
  process.exitCode = outcome.violations.length > 0 ? 1 : 0;
}

async function runAll(): Promise<void> {
  const started = performance.now();
  const perSecond = (count: number): number => Math.round((count / (performance.now() - started)) * 1_000);
  let shownAt = started;
  const progress = ({ seeds: done, failed }: SimTotal): void => {
    if (values.json || performance.now() - shownAt < progressEveryMs) return;
    shownAt = performance.now();
    console.log(`${done} seeds, ${failed} failed, ${perSecond(done)} seeds/s`);
  };
  if (!values.json) console.log(`${seeds.length} ${mode} seeds, the first is ${seeds[0]}`);
  const jobs = integer("jobs", values.jobs);
  const total =
    jobs > 1 && values.seed === undefined
      ? await runInJobs({ from, seeds: seeds.length, jobs, args: sharedArgs(), onTotal: progress })
      : await runHere(progress);
  if (values.json) console.log(JSON.stringify({ mode, from, ...total }));
  else {
    const { failed, steps, tasks, counts, kinds } = total;
    console.log(
      `${total.seeds} seeds, ${failed} failed; ${perSecond(total.seeds)} seeds/s, ${perSecond(steps)} steps/s`,
    );
    console.log(JSON.stringify({ tasks, counts, kinds }));
  }
  process.exitCode = total.failed > 0 ? 1 : 0;
}

async function runHere(progress: (total: SimTotal) => void): Promise<SimTotal> {
  const enough = integer("enough", values.enough);
  const total = newTotal();
  for (const seed of seeds) {
    const outcome = await run(seed);
    total.seeds++;
    total.steps += outcome.steps;
    for (const status of outcome.tasks) add(total.tasks, status, 1);
    for (const [name, count] of Object.entries(outcome.counts)) add(total.counts, name, count);
    if (values.twice && (await run(seed)).hash !== outcome.hash) {
      total.failed++;
      console.error(`seed ${seed}: two runs of it differ`);
    }
    if (outcome.violations.length > 0) {
      total.failed++;
      add(total.kinds, kindOf(outcome.violations[0] ?? ""), 1);
      if (total.failed <= shownFailures) report(outcome);
    }
    progress(total);
    if (total.failed >= enough) break;
    if (values.until.length > 0 && values.until.every((name) => (total.counts[name] ?? 0) > 0)) break;
  }
  return total;
}

function sharedArgs(): string[] {
  return [
    ...(values.calm ? ["--calm"] : []),
    ...(values.twice ? ["--twice"] : []),
    ...(values.drop ? ["--drop"] : []),
    ...(values.sqlite ? ["--sqlite"] : []),
  ];
}

/** On stderr, unlike the summary, so that a calling script passes it through. */
function report(outcome: ClusterOutcome): void {
  if (outcome.violations.length > 0) console.error(`\n${describeFailure(outcome, values)}\n`);
}

function integer(name: string, value: string): number {
  const number = Number(value);
  if (value !== "" && Number.isSafeInteger(number) && number >= 0) return number;
  throw new Error(`invalid --${name}: expected an integer`);
}

function range(start: number, count: number): number[] {
  return Array.from({ length: count }, (_, index) => start + index);
}

/** The kind of a violation: its text without names and numbers. */
function kindOf(violation: string): string {
  return violation.replaceAll(/\S*[0-9]\S*/g, "#").slice(0, 60);
}
