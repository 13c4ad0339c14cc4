import { execFileSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { totalOf } from "./call-budget.ts";
import { type Measurement, median } from "./measure.ts";
import { type Estimate, enoughFor, medianInterval, ratiosOf, verdictOf } from "./statistics.ts";
import { aligned, figures } from "./table.ts";

const root = fileURLToPath(new URL("..", import.meta.url));

/** The measurements of each round, by side. */
interface Sides {
  readonly base: readonly (readonly Measurement[])[];
  readonly now: readonly (readonly Measurement[])[];
}

/**
 * Measures the built package against that of another commit, each round of one after a round of the other, with the cases
 * of this tree and its installed packages.
 *
 * @param options - arguments of the processes that measure, which select the cases
 * @returns a table with a verdict per case
 */
export async function compareWith(base: string, rounds: number, options: readonly string[]): Promise<string> {
  if (rounds < enoughFor(0.95))
    throw new Error(`--rounds ${rounds} is too few for a confidence of 95 %: at least ${enoughFor(0.95)}`);
  const git = (...args: string[]) => execFileSync("git", args, { cwd: root, encoding: "utf8" }).trim();
  const commit = git("rev-parse", "--verify", `${base}^{commit}`);
  const folder = mkdtempSync(join(tmpdir(), "flowkit-compare-"));
  const other = join(folder, "base");
  git("worktree", "add", "--quiet", "--detach", other, commit);
  try {
    symlinkSync(join(root, "node_modules"), join(other, "node_modules"));
    process.stderr.write(`building ${commit.slice(0, 12)}\n`);
    execFileSync("npm", ["run", "--silent", "build", "--", "--silent"], {
      cwd: other,
      stdio: ["ignore", "ignore", "inherit"],
    });
    rmSync(join(other, "bench"), { recursive: true, force: true });
    cpSync(join(root, "bench"), join(other, "bench"), {
      recursive: true,
      filter: (path) => !path.includes("node_modules"),
    });
    const measure = (tree: string): readonly Measurement[] => {
      const json = join(folder, "round.json");
      const args = ["--expose-gc", "bench/main.ts", "--rounds", "1", "--warm-up", "1", "--json", json, ...options];
      execFileSync(process.execPath, args, { cwd: tree, stdio: ["ignore", "ignore", "inherit"] });
      return JSON.parse(readFileSync(json, "utf8")).measurements;
    };
    const sides = { base: [] as (readonly Measurement[])[], now: [] as (readonly Measurement[])[] };
    for (let round = 0; round < rounds; round++) {
      process.stderr.write(`round ${round + 1} of ${rounds}\n`);
      // Whichever runs second may find a warmer or busier machine.
      for (const side of round % 2 === 0 ? (["base", "now"] as const) : (["now", "base"] as const))
        sides[side].push(measure(side === "base" ? other : root));
    }
    return aligned(comparisonRows(sides));
  } finally {
    git("worktree", "remove", "--force", other);
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A row per case: the medians of both, the ratio of each round's times and CPU times with its interval, and verdicts. */
export function comparisonRows({ base, now }: Sides): readonly (readonly string[])[] {
  const names = (now[0] ?? []).map(({ name }) => name);
  return [
    ["case", "base us", "now us", "time, x base", "verdict", "cpu, x base", "verdict", "calls, x base"],
    ...names.map((name) => {
      const of = (rounds: Sides["base"], value: (measurement: Measurement) => number) =>
        rounds.flatMap((round) => round.filter((each) => each.name === name).map(value));
      const compared = (value: (measurement: Measurement) => number) =>
        medianInterval(ratiosOf(of(now, value), of(base, value)));
      const time = ({ rounds }: Measurement) => median(rounds);
      const [times, cpus] = [compared(time), compared(({ cpu }) => cpu)];
      const middle = (values: readonly number[]) => median(values.toSorted((a, b) => a - b));
      const callsOf = (rounds: Sides["base"]) => middle(of(rounds, ({ calls }) => totalOf(calls)));
      return [
        name,
        figures(middle(of(base, time))),
        figures(middle(of(now, time))),
        interval(times),
        verdictOf(times),
        interval(cpus),
        verdictOf(cpus),
        callsOf(base) === 0 ? "" : (callsOf(now) / callsOf(base)).toFixed(2),
      ];
    }),
  ];
}

const interval = ({ median: middle, low, high }: Estimate): string =>
  `${middle.toFixed(2)} (${low.toFixed(2)} to ${high.toFixed(2)})`;
