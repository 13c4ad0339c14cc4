/*
 * Coordinators and workers as processes on Kafka and a MongoDB-wire server, which are killed, paused and disconnected
 * while they work, as are the servers:
 *
 *   npm run chaos -- --tasks 1000 --seed 7
 *
 *   --tasks N         number of tasks, not counting retries; default as many as time permits
 *   --minutes N       maximum duration of creating tasks and injecting faults; default 10, with --tasks 60
 *   --seed S          seed of graphs and faults; default from the clock. It does not determine timing: a failed seed
 * may pass
 *   --coordinators N  default 2     --workers N   default 3     --external N   external workers, default 1
 *   --open N          concurrent tasks; default 24
 *   --faults A,B      only these kinds: kill, stop, pause, kill kafka, pause kafka, kill mongo, pause mongo, cut,
 * lossy,
 *                     slow; or none
 *   --keep            keeps journals and logs even without violations
 *   --until-broken    stops at the first violation
 *
 * The graphs are those of the simulation. While the tasks run, a client sends signals, pauses, resumes and cancels, and
 * schedules start further tasks.
 *
 * At the end every task must have ended, its records must satisfy the engine's laws, and its results must equal a plain
 * evaluation; otherwise the exit code is 1, and the violations are printed with the location of the evidence. The counts
 * show what occurred; a long run in which something did not occur fails, too.
 */
import { rmSync } from "node:fs";
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { type FaultKind, faultKinds } from "./faults.ts";
import { type ChaosReport, runChaos } from "./run-chaos.ts";

const { values } = parseArgs({
  options: {
    minutes: { type: "string" },
    tasks: { type: "string" },
    seed: { type: "string", default: String(Date.now() % 1_000_000) },
    coordinators: { type: "string", default: "2" },
    workers: { type: "string", default: "3" },
    external: { type: "string", default: "1" },
    open: { type: "string", default: "24" },
    faults: { type: "string", default: faultKinds.join(",") },
    keep: { type: "boolean", default: false },
    "until-broken": { type: "boolean", default: false },
  },
});

const defaults = { tasks: Number.POSITIVE_INFINITY, minutes: values.tasks === undefined ? 10 : 60 } as const;
const startedAt = performance.now();
const seed = number("seed");
const folder = resolve(".cache/chaos", `seed-${seed}`);
const stopping = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, () => stopping.abort(new Error(`ended by ${signal}`)));
}
console.log(`seed ${seed}; journals and logs: ${folder}`);
const report = await runChaos({
  seed,
  lastsMs: number("minutes") * 60_000,
  untilBroken: values["until-broken"],
  tasks: number("tasks"),
  coordinators: number("coordinators"),
  workers: number("workers"),
  external: number("external"),
  open: number("open"),
  kinds: kindsOf(values.faults),
  folder,
  say: (line) => console.log(line),
  signal: stopping.signal,
});
tell(report);
if (report.broken.length > 0) process.exitCode = 1;
else if (!values.keep) rmSync(folder, { recursive: true, force: true });

function tell({ broken, counts, faults, calls, starts, peak, calmMs }: ChaosReport): void {
  const { created, finished, failed, cancelled, again, adopted, carried, nodes, external } = counts;
  const { batches, aside, lost, retried, restarted } = counts;
  const minutes = ((performance.now() - startedAt) / 60_000).toFixed(1);
  const faultCounts = Object.entries(faults).map(([kind, count]) => `${kind} ${count}`);
  console.log(
    `\n${created} tasks in ${minutes} minutes, ${again} retries with ${adopted} shards adopted and ${carried} batches carried`,
  );
  console.log(`${finished} finished, ${failed} failed, ${cancelled} cancelled; ${external} of ${nodes} nodes external`);
  console.log(
    `${batches} batches stored, ${aside} of them set aside, by ${calls} calls of handlers; ${starts} starts of processes`,
  );
  const { skipped, tolerated, handled, outcomes, chosen, leftOut, delayed, later, early } = counts;
  const { signals, already, late, pauses, resumes } = counts;
  console.log(
    `${skipped} nodes skipped, ${tolerated} optional ones failed; ${outcomes} outcomes read, by ${handled} nodes of tasks that did not finish; ${chosen} batches chosen, ${leftOut} left out`,
  );
  console.log(
    `${signals} signals, ${early} of them early, ${already} repeated, ${late} late; ${delayed} nodes delayed, ${later} tasks; ${pauses} pauses, ${resumes} resumes`,
  );
  const { children, childrenAgain, nested, settled, cancelledAll } = counts;
  console.log(
    `${children} tasks of nodes, ${childrenAgain} of them again, ${nested} of such tasks, ${settled} failures in outputs; ${cancelledAll} tasks cancelled as a whole`,
  );
  const { runs, skippedRuns, pausedRuns } = counts;
  console.log(`${runs} runs of schedules, ${skippedRuns} skipped; ${pausedRuns} pauses of a schedule`);
  console.log(
    `${lost} lost leases, ${retried} failed attempts, ${restarted} restarted logs; at most ${peak} concurrent attempts`,
  );
  console.log(
    `faults: ${faultCounts.join(", ") || "none"}; the last task ended ${(calmMs / 1000).toFixed(1)} s after the last`,
  );
  console.log(broken.length === 0 ? "every law held, 1 to 11" : `${broken.length} broken; evidence: ${folder}`);
  for (const what of broken) console.log(`  ${what}`);
}

function kindsOf(list: string): readonly FaultKind[] {
  if (list === "none") return [];
  return list.split(",").map((name) => {
    const kind = faultKinds.find((each) => each === name.trim());
    if (kind === undefined)
      throw new Error(`unknown kind of fault '${name}', expected one of ${faultKinds.join(", ")}`);
    return kind;
  });
}

function number(name: "minutes" | "tasks" | "seed" | "coordinators" | "workers" | "external" | "open"): number {
  const given = values[name];
  if (given === undefined) return name === "minutes" || name === "tasks" ? defaults[name] : Number.NaN;
  const value = Number(given);
  if (Number.isFinite(value) && value >= 0) return value;
  throw new Error(`invalid --${name} '${given}': expected a number`);
}
