import { spawn } from "node:child_process";

/** Totals over many seeds. */
export interface SimTotal {
  seeds: number;
  steps: number;
  failed: number;
  readonly tasks: Record<string, number>;
  readonly counts: Record<string, number>;
  /** Number of violations by kind. */
  readonly kinds: Record<string, number>;
}

export const newTotal = (): SimTotal => ({ seeds: 0, steps: 0, failed: 0, tasks: {}, counts: {}, kinds: {} });

/** Large enough to make process start-up negligible, small enough that all processes end at about the same time. */
const chunk = 250;

/** Runs a range of seeds in several processes, which print the failures themselves. */
export async function runInJobs(options: {
  readonly from: number;
  readonly seeds: number;
  readonly jobs: number;
  /** Additional arguments of the script. */
  readonly args: readonly string[];
  readonly onTotal: (total: SimTotal) => void;
}): Promise<SimTotal> {
  const { from, seeds, jobs, args, onTotal } = options;
  const total = newTotal();
  let next = 0;
  const work = async (): Promise<void> => {
    while (next < seeds) {
      const count = Math.min(chunk, seeds - next);
      const range = ["--from", String(from + next), "--seeds", String(count)];
      next += count;
      addTotal(total, await runOne([...range, ...args]));
      onTotal(total);
    }
  };
  await Promise.all(Array.from({ length: jobs }, work));
  return total;
}

function runOne(args: readonly string[]): Promise<SimTotal> {
  const script = process.argv[1] ?? "";
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [script, ...args, "--json"], { stdio: ["ignore", "pipe", "inherit"] });
    let output = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      output += text;
    });
    child.on("error", reject);
    child.on("close", (code) => {
      const last = output.trim().split("\n").at(-1) ?? "";
      if (last.startsWith("{")) resolve(JSON.parse(last));
      else reject(new Error(`a process of the simulation ended with ${code}: ${output}`));
    });
  });
}

function addTotal(total: SimTotal, more: SimTotal): void {
  total.seeds += more.seeds;
  total.steps += more.steps;
  total.failed += more.failed;
  for (const sums of ["tasks", "counts", "kinds"] as const) {
    for (const [name, count] of Object.entries(more[sums])) add(total[sums], name, count);
  }
}

export function add(sums: Record<string, number>, name: string, count: number): void {
  sums[name] = (sums[name] ?? 0) + count;
}
