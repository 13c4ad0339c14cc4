import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { noUse, type Servers } from "./connections.ts";
import type { Request, Usage } from "./part.ts";

const program = fileURLToPath(new URL("part.ts", import.meta.url));

export interface FleetOptions {
  readonly coordinators: number;
  readonly workers: number;
  /** How often a coordinator sweeps each task. @defaultValue the coordinator's */
  readonly sweepMs?: number;
}

/** Coordinators and workers, each in its own process. */
export class Fleet {
  readonly #parts: readonly ChildProcess[];

  private constructor(parts: readonly ChildProcess[]) {
    this.#parts = parts;
  }

  /** Resolves once all are ready. */
  static async start({ coordinators, workers, sweepMs }: FleetOptions, servers: Servers): Promise<Fleet> {
    const sweeps = sweepMs === undefined ? [] : [String(sweepMs)];
    const roles = [
      ...Array.from({ length: coordinators }, () => ["coordinator", ...sweeps]),
      ...Array.from({ length: workers }, () => ["worker"]),
    ];
    const env = { ...process.env, POSTGRES_URL: undefined, ...servers }; // each process uses one kind of servers
    const parts = roles.map((args) => fork(program, args, { env }));
    const failed = Promise.race(
      parts.map(async (part) => {
        const [code] = await once(part, "exit");
        throw new Error(`a process of the benchmark ended with exit code ${code}`);
      }),
    );
    failed.catch(() => {}); // an exit after that is expected
    await Promise.race([Promise.all(parts.map((part) => once(part, "message"))), failed]);
    return new Fleet(parts);
  }

  /** The costs of all processes so far. */
  async usage(): Promise<Usage> {
    return sumOf(await Promise.all(this.#parts.map((part) => ask(part, "usage"))));
  }

  /** Stops all processes and adds up their costs. */
  async stop(): Promise<Usage> {
    return sumOf(
      await Promise.all(
        this.#parts.map(async (part) => {
          const ended = once(part, "exit");
          const usage = await ask(part, "end");
          await ended;
          return usage;
        }),
      ),
    );
  }
}

async function ask(part: ChildProcess, request: Request): Promise<Usage> {
  const message = once(part, "message");
  part.send(request);
  const [usage] = (await message) as [Usage];
  return usage;
}

function sumOf(usages: readonly Usage[]): Usage {
  const sum = { ...noUse(), cpuMs: 0 };
  for (const { commands, byName, waitedMs, messages, lostClaims, sweeps, cpuMs } of usages) {
    sum.commands += commands;
    sum.waitedMs += waitedMs;
    sum.messages += messages;
    sum.lostClaims += lostClaims;
    sum.sweeps += sweeps;
    sum.cpuMs += cpuMs;
    for (const [name, count] of Object.entries(byName)) sum.byName[name] = (sum.byName[name] ?? 0) + count;
  }
  return sum;
}
