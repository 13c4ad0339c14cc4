import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { SimTotal } from "../../scripts/sim-jobs.ts";
import type { DirectedTest, Mutation } from "./mutation.ts";
import { plant } from "./planting.ts";

/** The number of seeds run in one mode, and how many of them failed. */
export interface Found {
  readonly seeds: number;
  readonly failed: number;
}

export interface Hunt {
  readonly chaos: Found;
  readonly calm: Found;
  /** The most frequent message of the failed seeds; `undefined` if none failed. */
  readonly check: string | undefined;
  /** Whether the directed test failed; `undefined` if there is none. */
  readonly foundByTest: boolean | undefined;
}

export interface HuntOptions {
  readonly from: number;
  /** Seeds of each mode at first. */
  readonly seeds: number;
  /** Maximum number of seeds of each mode if too few of the first ones failed. */
  readonly most: number;
}

/** The number of failed seeds that rules out luck. */
const enough = 3;

const run = promisify(execFile);

/** Runs seeds of both modes on a copy of the engine with this mistake until enough of them fail. */
export async function hunt(mutation: Mutation, { from, seeds, most }: HuntOptions): Promise<Hunt> {
  using mutant = plant(mutation);
  const { place } = mutant;
  const { options = [], elsewhere, harmless } = mutation;
  const totals = { chaos: newTotal(), calm: newTotal() };
  const kinds = new Map<string, number>();
  const found = () => totals.chaos.failed + totals.calm.failed;
  const look = async (mode: "chaos" | "calm", upTo: number): Promise<void> => {
    const total = totals[mode];
    if (total.seeds >= upTo) return;
    const range = ["--from", String(from + total.seeds), "--seeds", String(upTo - total.seeds)];
    const calm = mode === "calm" ? ["--calm"] : [];
    const more = await sim(place, [...range, ...calm, ...options, "--enough", String(enough)]);
    total.seeds += more.seeds;
    total.failed += more.failed;
    for (const [kind, count] of Object.entries(more.kinds)) kinds.set(kind, (kinds.get(kind) ?? 0) + count);
  };
  for (const mode of ["chaos", "calm"] as const) await look(mode, seeds);
  // Seeds are not expected to find a mistake that costs time only, or that a directed test covers.
  if (harmless === undefined && elsewhere === undefined) {
    for (const mode of ["chaos", "calm"] as const) if (found() < enough) await look(mode, most);
  }
  const [check] = [...kinds].sort(([, a], [, b]) => b - a)[0] ?? [];
  return { ...totals, check, foundByTest: elsewhere && (await fails(place, elsewhere)) };
}

const newTotal = () => ({ seeds: 0, failed: 0 });

async function sim(place: string, options: readonly string[]): Promise<SimTotal> {
  try {
    const { stdout } = await run(process.execPath, ["scripts/sim.ts", "--json", ...options], { cwd: place });
    return JSON.parse(stdout);
  } catch (error) {
    // The exit code indicates failed seeds; the output lists them.
    const { stdout = "" } = error as { stdout?: string };
    const last = stdout.trim().split("\n").at(-1) ?? "";
    if (last.startsWith("{")) return JSON.parse(last);
    throw error;
  }
}

/** Whether the test runs and fails; a missing test is an error. */
async function fails(place: string, { file, title }: DirectedTest): Promise<boolean> {
  const pattern = title.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&");
  // Many tests fail by waiting for what never happens.
  const vitest = ["node_modules/vitest/vitest.mjs", "run", "--no-color", "--typecheck.enabled=false"];
  vitest.push("--testTimeout=30000");
  try {
    const { stdout } = await run(process.execPath, [...vitest, file, "-t", pattern], { cwd: place });
    if (/Tests .*\d+ passed/.test(stdout)) return false;
    throw new Error(`${file} has no test '${title}': ${stdout}`);
  } catch (error) {
    const { stdout = "" } = error as { stdout?: string };
    if (/Tests .*\d+ failed/.test(stdout)) return true;
    throw error;
  }
}
