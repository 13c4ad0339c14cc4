/*
 * Plants known mistakes in copies of the engine, one at a time, and counts the seeds in which the simulation finds each:
 * `npm run sim:mutations -- --seeds 300 --only sweep`. One that is never found is a hole in the simulation.
 */
import { execFile } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs, promisify } from "node:util";
import { backpressureMutations } from "./backpressure-mutations.ts";
import { coordinatorMutations } from "./coordinator-mutations.ts";
import { extensionMutations } from "./extension-mutations.ts";
import { limitMutations } from "./limit-mutations.ts";
import type { Mutation } from "./mutation.ts";
import { parallelMutations } from "./parallel-mutations.ts";
import { readerMutations } from "./reader-mutations.ts";
import { reportMutations } from "./report-mutations.ts";
import { retryMutations } from "./retry-mutations.ts";
import { sqliteMutations } from "./sqlite-mutations.ts";
import { storeMutations } from "./store-mutations.ts";
import { workerMutations } from "./worker-mutations.ts";

const { values } = parseArgs({
  options: {
    seeds: { type: "string", default: "300" },
    from: { type: "string", default: "1" },
    /** Those whose name matches this pattern. */
    only: { type: "string", default: "" },
  },
});

interface Found {
  readonly failed: number;
  readonly kinds: Readonly<Record<string, number>>;
}

const run = promisify(execFile);
const workshop = resolve(".cache/mutants");
const all = [
  ...storeMutations,
  ...coordinatorMutations,
  ...workerMutations,
  ...limitMutations,
  ...extensionMutations,
  ...readerMutations,
  ...retryMutations,
  ...parallelMutations,
  ...reportMutations,
  ...backpressureMutations,
  ...sqliteMutations,
];
const chosen = all.filter(({ name }) => new RegExp(values.only).test(name));
let missed = 0;
console.log(`${chosen.length} mutations, ${values.seeds} seeds of each mode\n`);
console.log("  chaos   calm  mutation");
for (const mutation of chosen) {
  const place = plant(mutation);
  const { options = [] } = mutation;
  const [chaos, calm] = [await count(place, ...options), await count(place, "--calm", ...options)];
  const found = chaos.failed + calm.failed > 0;
  const excuse = mutation.harmless ?? mutation.elsewhere;
  if (!found && excuse === undefined) missed++;
  const kind = Object.entries({ ...chaos.kinds, ...calm.kinds }).sort(([, a], [, b]) => b - a)[0]?.[0] ?? "";
  const note = found ? kind : (excuse ?? "NOT FOUND");
  console.log(`${String(chaos.failed).padStart(7)}${String(calm.failed).padStart(7)}  ${mutation.name}: ${note}`);
  rmSync(place, { recursive: true });
}
console.log(`\n${missed} not found`);
process.exitCode = missed > 0 ? 1 : 0;

function plant({ name, edits }: Mutation): string {
  const place = join(workshop, name.replaceAll(/\W+/g, "-"));
  rmSync(place, { recursive: true, force: true });
  mkdirSync(join(place, "scripts"), { recursive: true });
  cpSync("src", join(place, "src"), { recursive: true });
  for (const script of ["sim.ts", "sim-jobs.ts", "sim-report.ts"])
    cpSync(`scripts/${script}`, join(place, "scripts", script));
  cpSync("package.json", join(place, "package.json"));
  symlinkSync(resolve("node_modules"), join(place, "node_modules"));
  for (const { file, search, replace } of edits) {
    const path = join(place, file);
    const [before, after, ...more] = readFileSync(path, "utf8").split(search);
    if (after === undefined || more.length > 0) throw new Error(`'${name}': ${file} has not exactly one '${search}'`);
    writeFileSync(path, before + replace + after);
  }
  return place;
}

async function count(place: string, ...options: readonly string[]): Promise<Found> {
  const args = ["scripts/sim.ts", "--json", "--seeds", values.seeds, "--from", values.from, ...options];
  try {
    const { stdout } = await run(process.execPath, args, { cwd: place });
    return JSON.parse(stdout);
  } catch (error) {
    // The exit code says that seeds failed; what was printed says which.
    const { stdout = "" } = error as { stdout?: string };
    const last = stdout.trim().split("\n").at(-1) ?? "";
    if (last.startsWith("{")) return JSON.parse(last);
    throw error;
  }
}
