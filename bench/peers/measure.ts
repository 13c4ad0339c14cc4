import { fork } from "node:child_process";
import { once } from "node:events";
import { loadavg, tmpdir } from "node:os";
import { fileURLToPath } from "node:url";
import { ServiceMissing } from "../../scripts/services/downloads.ts";
import { describeMachine } from "../machine.ts";
import { type Outcome, type SuiteResults, versionOf } from "./results.ts";
import type { Answer, Run } from "./runner.ts";
import { type BenchServer, type ServerName, servers } from "./servers.ts";
import { type ShapeName, shapes } from "./shapes.ts";
import type { Entry, Suite } from "./suites.ts";

export interface Measuring {
  readonly rounds: number;
  /** How long a program warms up, and how long it is measured afterwards. */
  readonly warmMs: number;
  /** The time limit of one process. */
  readonly limitMs: number;
}

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/** Runs each program of a suite once per round, each in a new process, so that all have the same load. */
export async function measureSuite(
  { name, title, shapes: names, entries, absent }: Suite,
  measuring: Measuring,
): Promise<SuiteResults> {
  const machine = describeMachine();
  await using running = new RunningServers();
  const measured: SuiteResults["shapes"][number][] = [];
  for (const shape of names) {
    const found = entries.map((entry) => ({ entry, runs: [] as Run[], without: undefined as string | undefined }));
    for (let round = 1; round <= measuring.rounds; round++) {
      for (const each of found) {
        if (each.without !== undefined) continue;
        process.stderr.write(`${title}: ${shapes[shape].title}, round ${round}: ${each.entry.title}\n`);
        const answer = await runOnce(each.entry, shape, measuring, running);
        if ("without" in answer) each.without = answer.without;
        else each.runs.push(answer);
      }
    }
    const outcomes = found.map(({ entry, runs, without }): Outcome => {
      const who = { title: entry.title, version: versionOf(entry.package) };
      return without === undefined ? { ...who, runs } : { ...who, without };
    });
    measured.push({ shape, outcomes });
  }
  const { rounds, warmMs } = measuring;
  const loadAtEnd = Number(loadavg()[0]?.toFixed(2));
  return { name, title, servers: running.titles, shapes: measured, absent, machine, loadAtEnd, rounds, warmMs };
}

/** Starts each server when an entry first needs it. */
class RunningServers implements AsyncDisposable {
  readonly #running = new Map<ServerName, BenchServer>();

  get titles(): readonly string[] {
    return [...this.#running.values()].map(({ title }) => title);
  }

  async place(name: ServerName): Promise<Readonly<Record<string, string>>> {
    const server = this.#running.get(name) ?? (await servers[name]());
    this.#running.set(name, server);
    return server.place();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const server of this.#running.values()) await server.stop();
  }
}

async function runOnce(
  { module, place, server }: Entry,
  shape: ShapeName,
  { warmMs, limitMs }: Measuring,
  running: RunningServers,
): Promise<Answer> {
  let environment: Readonly<Record<string, string>>;
  try {
    environment = server === undefined ? {} : await running.place(server);
  } catch (error) {
    if (error instanceof ServiceMissing) return { without: error.message };
    throw error;
  }
  const program = fork(here("runner.ts"), [here(module), place, shape, `${warmMs}`], {
    env: { ...process.env, ...environment, NODE_ENV: "production" },
    stdio: ["ignore", "ignore", "pipe", "ipc"],
    cwd: tmpdir(), // some libraries leave a cache in the working directory
    timeout: limitMs,
    killSignal: "SIGKILL",
  });
  let answer: Answer | undefined;
  program.on("message", (message) => {
    answer = message as Answer;
  });
  let printed = "";
  program.stderr?.setEncoding("utf8").on("data", (chunk: string) => {
    printed = (printed + chunk).slice(-4_000);
  });
  const [code, signal] = await once(program, "close");
  if (answer !== undefined) return answer;
  if (signal === "SIGKILL") return { without: `took more than ${limitMs / 1000} s` };
  process.stderr.write(`${module}, ${shape}: its process ended with ${code ?? signal}\n${printed}\n`);
  process.exitCode = 1;
  return { without: "failed" };
}
