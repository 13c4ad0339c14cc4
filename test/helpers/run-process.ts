import { type ChildProcess, spawn } from "node:child_process";
import { delimiter, resolve } from "node:path";

export interface ProcessOutcome {
  readonly exitCode: number;
  /** Both streams, in order of arrival. */
  readonly output: string;
}

export interface ProcessOptions {
  readonly cwd?: string;
  readonly timeoutMs?: number;
}

export interface RunningProcess {
  /** Resolves once it has exited, for whatever reason; rejects if it could not be started. */
  readonly outcome: Promise<ProcessOutcome>;
  /** Resolves to the output so far once it has printed this text; rejects if it exits before. */
  printed(text: string): Promise<string>;
  signal(signal: "SIGINT" | "SIGTERM" | "SIGKILL"): void;
}

/** Runs a program and collects its output; does not reject on an exit code. */
export const runProcess = (
  command: string,
  args: readonly string[],
  options: ProcessOptions = {},
): Promise<ProcessOutcome> => startProcess(command, args, options).outcome;

/** Starts a program and collects its output. */
export function startProcess(command: string, args: readonly string[], options: ProcessOptions = {}): RunningProcess {
  const child = spawn(command, args, {
    cwd: options.cwd,
    stdio: ["ignore", "pipe", "pipe"],
    timeout: options.timeoutMs ?? 280_000,
    // The repository's Node and tools take precedence, in any working directory.
    env: { ...process.env, NO_COLOR: "1", PATH: [resolve("node_modules/.bin"), process.env.PATH].join(delimiter) },
  });
  let output = "";
  const listeners = new Set<() => void>();
  const collect = (chunk: string) => {
    output += chunk;
    for (const look of listeners) look();
  };
  child.stdout.setEncoding("utf8").on("data", collect);
  child.stderr.setEncoding("utf8").on("data", collect);
  return {
    outcome: outcomeOf(child, command, () => output),
    printed: (text) =>
      new Promise((done, reject) => {
        const look = () => {
          if (!output.includes(text)) return;
          listeners.delete(look);
          done(output);
        };
        listeners.add(look);
        child.on("close", () => reject(new Error(`${command} exited before it printed '${text}': ${output}`)));
        look();
      }),
    signal: (signal) => void child.kill(signal),
  };
}

const outcomeOf = (child: ChildProcess, command: string, output: () => string): Promise<ProcessOutcome> =>
  new Promise((done, reject) => {
    child.on("error", reject);
    child.on("close", (code, signal) => {
      const ending = signal === null ? "" : `\n${command} was killed by ${signal}`;
      done({ exitCode: code ?? 1, output: output() + ending });
    });
  });
