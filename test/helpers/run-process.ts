import { spawn } from "node:child_process";
import { delimiter, resolve } from "node:path";

export interface ProcessOutcome {
  readonly exitCode: number;
  /** Both streams, in the order of arrival. */
  readonly output: string;
}

/** Runs a program to its end and collects what it printed; never rejects because of its exit code. */
export function runProcess(
  command: string,
  args: readonly string[],
  options: { readonly cwd?: string; readonly timeoutMs?: number } = {},
): Promise<ProcessOutcome> {
  return new Promise((done, reject) => {
    const child = spawn(command, args, {
      cwd: options.cwd,
      stdio: ["ignore", "pipe", "pipe"],
      timeout: options.timeoutMs ?? 60_000,
      // The repository's own Node and tools come first, wherever the process runs.
      env: { ...process.env, NO_COLOR: "1", PATH: [resolve("node_modules/.bin"), process.env.PATH].join(delimiter) },
    });
    let output = "";
    const collect = (chunk: string) => {
      output += chunk;
    };
    child.stdout.setEncoding("utf8").on("data", collect);
    child.stderr.setEncoding("utf8").on("data", collect);
    child.on("error", reject);
    child.on("close", (code, signal) => {
      const ending = signal === null ? "" : `\n${command} was ended by ${signal}`;
      done({ exitCode: code ?? 1, output: output + ending });
    });
  });
}
