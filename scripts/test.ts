/*
 * The whole verification as one command: `npm test`. Every step runs, even after failures, as many concurrently as
 * there are processors. A passed step prints one line, a failed one its whole output. The last line is the count: each
 * Vitest test counts as one, as does each other step.
 *
 * `node scripts/test.ts lint build` runs only the named steps, `node scripts/test.ts --check` only the quick ones.
 */
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { availableParallelism } from "node:os";
import { resolve } from "node:path";
import { performance } from "node:perf_hooks";
import { parseArgs } from "node:util";
import type { VitestSummary } from "./vitest-summary.ts";

interface Step {
  readonly name: string;
  /** Run by a shell with `node_modules/.bin` in its path, like npm scripts. */
  readonly command: string;
  /** Whether it runs Vitest, whose tests are counted; other steps count as one. */
  readonly isVitest?: true;
  /** Part of `npm run check`. */
  readonly isQuick?: true;
  /** Starts when the build has ended, or when no other step computes: it uses all processors. */
  readonly after?: "build" | "computing";
  /** Mostly waits, so that it does not count as using a processor. */
  readonly waits?: true;
}

interface Count {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  /** Shown below the step's line. */
  readonly notes: readonly string[];
}

/** The build first: others need it. The tests against servers mostly wait while the other steps compute. */
const steps: readonly Step[] = [
  { name: "build", command: "npm run --silent build" },
  { name: "types: TypeScript 7.0", command: "npm run --silent typecheck:7.0", isQuick: true },
  {
    name: "tests against servers",
    command: "vitest run --project services",
    isVitest: true,
    after: "build",
    waits: true,
  },
  { name: "types: TypeScript 6.0", command: "npm run --silent typecheck:6.0", after: "build" },
  { name: "types: the studio's page", command: "npm run --silent typecheck:studio" },
  { name: "types: TypeScript 5.9", command: "npm run --silent typecheck:5.9", after: "build" },
  { name: "store calls", command: "node bench/calls.ts", after: "build" },
  { name: "unit tests", command: "vitest run --project unit", isVitest: true, isQuick: true },
  { name: "lint", command: "npm run --silent lint -- --colors=off", isQuick: true },
  { name: "structure", command: "npm run --silent house", isQuick: true },
  { name: "tests", command: "vitest run --project main", isVitest: true, after: "computing" },
  { name: "tests in a browser", command: "vitest run --project studio", isVitest: true, after: "computing" },
  { name: "documentation's site", command: "npm run --silent docs:build", after: "computing" },
  { name: "package: publint", command: "npm run --silent check:publint" },
  { name: "package: types resolve", command: "npm run --silent check:attw" },
  { name: "unused code", command: "npm run --silent knip" },
];

/** Node's compile cache, for all processes of a run. */
const compileCache = resolve(".cache/node-compile");
/** As in `vitest.config.ts`, which explains it. */
const speed = { NODE_COMPILE_CACHE: compileCache, GOGC: "off" };

const { values, positionals: asked } = parseArgs({
  allowPositionals: true,
  options: { check: { type: "boolean", default: false } },
});
const unknown = asked.filter((name) => !steps.some((step) => step.name.startsWith(name)));
if (unknown.length > 0) throw new Error(`unknown step: ${unknown.join(", ")}`);
const chosen = steps.filter(
  (step) =>
    (!values.check || step.isQuick === true) &&
    (asked.length === 0 || asked.some((name) => step.name.startsWith(name))),
);

mkdirSync(".cache", { recursive: true });
rmSync(compileCache, { recursive: true, force: true, maxRetries: 3 }); // it grows with each version of a file
const total = { passed: 0, failed: 0, skipped: 0 };
await runAll(chosen);
const skipped = total.skipped > 0 ? `, ${total.skipped} skipped` : "";
console.log(`${total.passed} passed, ${total.failed} failed${skipped}`);
process.exitCode = total.failed > 0 ? 1 : 0;

/** In order, as many concurrently as there are processors. */
async function runAll(steps: readonly Step[]): Promise<void> {
  const running = new Map<Step, Promise<void>>();
  const mayStart = (step: Step): boolean => {
    const others = [...running.keys()];
    if (step.after === "build" && others.some(({ name }) => name === "build")) return false;
    const computing = others.filter(({ waits }) => waits !== true).length;
    return step.waits === true || computing < (step.after === "computing" ? 1 : availableParallelism());
  };
  for (const step of steps) {
    while (!mayStart(step)) await Promise.race(running.values());
    const run = runStep(step).then((count) => {
      running.delete(step);
      total.passed += count.passed;
      total.failed += count.failed;
      total.skipped += count.skipped;
    });
    running.set(step, run);
  }
  await Promise.all(running.values());
}

async function runStep(step: Step): Promise<Count> {
  const started = performance.now();
  const summaryFile = `.cache/vitest-summary-${step.name.replaceAll(/\W/g, "-")}.json`;
  const { exitCode, output } = await run(step.command, summaryFile);
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  const count = step.isVitest === true ? countTests(exitCode, summaryFile) : countOne(exitCode);
  const outcome = count.failed > 0 ? "FAILED" : "ok";
  console.log(`${outcome.padEnd(6)} ${step.name.padEnd(24)} ${seconds.padStart(6)} s`);
  for (const note of count.notes) console.log(`         ${note}`);
  if (count.failed > 0) console.log(`\n$ ${step.command}\n${output.trimEnd()}\n`);
  return count;
}

function run(command: string, summaryFile: string): Promise<{ readonly exitCode: number; readonly output: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, {
      shell: true,
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, ...speed, VITEST_SUMMARY: summaryFile, NO_COLOR: "1" },
    });
    let output = "";
    const collect = (chunk: string) => {
      output += chunk;
    };
    child.stdout.setEncoding("utf8").on("data", collect);
    child.stderr.setEncoding("utf8").on("data", collect);
    child.on("error", reject);
    child.on("close", (code, signal) => {
      if (signal !== null) output += `\nended by ${signal}`;
      resolve({ exitCode: code ?? 1, output });
    });
  });
}

function countOne(exitCode: number): Count {
  return exitCode === 0
    ? { passed: 1, failed: 0, skipped: 0, notes: [] }
    : { passed: 0, failed: 1, skipped: 0, notes: [] };
}

function countTests(exitCode: number, summaryFile: string): Count {
  // If Vitest crashes, it leaves no summary.
  if (!existsSync(summaryFile)) return { passed: 0, failed: 1, skipped: 0, notes: ["the run was not completed"] };
  const summary: VitestSummary = JSON.parse(readFileSync(summaryFile, "utf8"));
  rmSync(summaryFile);
  // Errors that belong to no test, such as an empty run.
  const unexplained = exitCode !== 0 && summary.failed.length === 0 ? 1 : 0;
  return {
    passed: summary.passed,
    failed: summary.failed.length + unexplained,
    skipped: summary.skipped.length,
    notes: [
      `${summary.passed} passed, ${summary.failed.length + unexplained} failed, ${summary.skipped.length} skipped`,
      ...summary.failed.map(({ name, error }) => `failed: ${name}: ${error.split("\n")[0]}`),
      ...summary.skipped.map(({ name, reason }) => `skipped: ${name}: ${reason}`),
    ],
  };
}
