/*
 * Runs seeds of the simulation: `npm run sim -- --seeds 1000`. A seed that fails is printed as the command that replays
 * it, with the commit that it belongs to: a seed is a run of one version of the code.
 *
 *   --seeds N   how many; default 1000        --from S    the first one; default drawn by the clock
 *   --calm      no faults, no sweeps          --replay    one seed, with every step
 *   --twice     each seed twice: are they the same run?
 */
import { performance } from "node:perf_hooks";
import { parseArgs } from "node:util";
import { type SimulationMode, type SimulationOutcome, simulate } from "../src/testing/index.ts";
import { describeFailure } from "./sim-report.ts";

const { values } = parseArgs({
  options: {
    seeds: { type: "string", default: "1000" },
    from: { type: "string" },
    calm: { type: "boolean", default: false },
    replay: { type: "boolean", default: false },
    twice: { type: "boolean", default: false },
    /** Prints one line of JSON at the end, for scripts. */
    json: { type: "boolean", default: false },
  },
});

const mode: SimulationMode = values.calm ? "calm" : "chaos";
const from = values.from === undefined ? Date.now() % 1_000_000_000 : Number(values.from);
const seeds = values.replay ? 1 : Number(values.seeds);
if (!Number.isInteger(from) || !Number.isInteger(seeds)) throw new Error("--from and --seeds take integers");

const shownFailures = 5;
const progressEveryMs = 5_000;

if (values.replay) await replay();
else await runAll();

async function replay(): Promise<void> {
  const outcome = await simulate({ seed: from, mode, trace: true });
  console.log(outcome.trace.join("\n"));
  report(outcome);
  console.log(JSON.stringify({ tasks: outcome.tasks, hash: outcome.hash, counts: outcome.counts }));
}

async function runAll(): Promise<void> {
  const started = performance.now();
  const total = { steps: 0, failed: 0, tasks: {} as Record<string, number>, counts: {} as Record<string, number> };
  const kinds: Record<string, number> = {};
  let shownAt = started;
  if (!values.json) console.log(`${seeds} ${mode} seeds from ${from}`);
  for (let seed = from; seed < from + seeds; seed++) {
    const outcome = await simulate({ seed, mode });
    total.steps += outcome.steps;
    for (const status of outcome.tasks) add(total.tasks, status, 1);
    for (const [name, count] of Object.entries(outcome.counts)) add(total.counts, name, count);
    if (values.twice && (await simulate({ seed, mode })).hash !== outcome.hash) {
      total.failed++;
      console.log(`seed ${seed}: two runs of it differ`);
    }
    if (outcome.violations.length > 0) {
      total.failed++;
      add(kinds, kindOf(outcome.violations[0] ?? ""), 1);
      if (total.failed <= shownFailures && !values.json) report(outcome);
    }
    if (!values.json && performance.now() - shownAt > progressEveryMs) {
      shownAt = performance.now();
      console.log(`${seed - from + 1} seeds, ${total.failed} failed, ${perSecond(seed - from + 1)} seeds/s`);
    }
  }
  if (values.json) console.log(JSON.stringify({ mode, from, seeds, ...total, kinds }));
  else {
    console.log(
      `${seeds} seeds, ${total.failed} failed; ${perSecond(seeds)} seeds/s, ${perSecond(total.steps)} steps/s`,
    );
    console.log(JSON.stringify({ tasks: total.tasks, counts: total.counts, kinds }));
  }
  process.exitCode = total.failed > 0 ? 1 : 0;

  function perSecond(count: number): number {
    return Math.round((count / (performance.now() - started)) * 1_000);
  }
}

function add(sums: Record<string, number>, name: string, count: number): void {
  sums[name] = (sums[name] ?? 0) + count;
}

function report(outcome: SimulationOutcome): void {
  if (outcome.violations.length > 0) console.log(`\n${describeFailure(outcome)}\n`);
}

/** What a violation is about, without the names and numbers in it. */
function kindOf(violation: string): string {
  return violation.replaceAll(/\S*[0-9]\S*/g, "#").slice(0, 60);
}
