import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { onTestFinished } from "vitest";
import { tempFolder } from "./temp-folder.ts";

/** The built command, linked as by npm. */
export const flowkitBin = resolve("dist/cli/main.js");
export const node = resolve("node_modules/.bin/node");

/** Node's compile cache. */
export const compileCache = { NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE };

export interface CliOutcome {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunningCli {
  readonly outcome: Promise<CliOutcome>;
  readonly child: ChildProcess;
  /** The output so far. */
  readonly texts: { readonly stdout: string; readonly stderr: string };
  /** Resolves once stderr or stdout contains this text; rejects if the process exits before. */
  printed(text: string): Promise<void>;
}

export interface CliOptions {
  readonly cwd: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
}

/** Runs `flowkit` until it exits. */
export const cli = (args: readonly string[], options: CliOptions): Promise<CliOutcome> =>
  startCli(args, options).outcome;

/** Starts `flowkit`, which is killed at the end of the test. */
export function startCli(args: readonly string[], { cwd, env = {} }: CliOptions): RunningCli {
  if (!existsSync(flowkitBin)) throw new Error("dist is missing: run `npm run build` first");
  const child = spawn(node, [flowkitBin, ...args], {
    cwd,
    stdio: ["ignore", "pipe", "pipe"],
    env: { PATH: process.env.PATH, HOME: process.env.HOME, ...compileCache, ...env },
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  const texts = { stdout: "", stderr: "" };
  const looks = new Set<() => void>();
  for (const name of ["stdout", "stderr"] as const) {
    child[name].setEncoding("utf8").on("data", (chunk: string) => {
      texts[name] += chunk;
      for (const look of looks) look();
    });
  }
  const outcome = new Promise<CliOutcome>((done, reject) => {
    child.on("error", reject);
    child.on("close", (exitCode) => done({ exitCode, ...texts }));
  });
  return {
    outcome,
    child,
    texts,
    printed: (text) =>
      new Promise((done, reject) => {
        const look = () => {
          if (!texts.stdout.includes(text) && !texts.stderr.includes(text)) return;
          looks.delete(look);
          done();
        };
        looks.add(look);
        outcome.then(() => reject(new Error(`exited before it printed '${text}': ${JSON.stringify(texts)}`)), reject);
        look();
      }),
  };
}

/** A folder with these files, in which zod can be imported but `flowkit` is not installed. */
export function cliProject(files: Readonly<Record<string, string | object>>): string {
  const folder = tempFolder();
  mkdirSync(join(folder, "node_modules"));
  symlinkSync(resolve("node_modules/zod"), join(folder, "node_modules/zod"));
  writeFileSync(join(folder, "package.json"), '{ "type": "module" }\n');
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), typeof content === "string" ? content : `${JSON.stringify(content, null, 2)}\n`);
  }
  return folder;
}

/** Squares the numbers up to `count`, with console output; the batch of 13 fails. */
export const squaresFlow = `
import { defineHandler, flow, param } from "flowkit";
import * as z from "zod";

export const numbers = defineHandler("numbers", {
  args: z.object({ count: z.int() }),
  output: z.object({ n: z.int() }),
  *iterBatches({ count }) {
    for (let n = 1; n <= count; n++) yield { payload: { n } };
  },
});
export const square = defineHandler("square", {
  input: z.object({ n: z.int() }),
  output: z.object({ n: z.int() }),
  processBatch({ n }) {
    console.log("squaring", n);
    if (n === 13) throw new TypeError("thirteen is bad luck");
    return { n: n * n };
  },
});
export const squares = flow("squares", {
  params: z.object({ count: z.int().default(2), who: z.string().optional(), deep: z.object({ a: z.int() }).optional() }),
})
  .node("numbers", numbers, { args: { count: param("count") } })
  .then("square", square, { startWhen: "first_batch" });
`;
