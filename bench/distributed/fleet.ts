import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { Usage } from "./part.ts";

const program = fileURLToPath(new URL("part.ts", import.meta.url));

/** A coordinator and its workers, each in its own process. */
export class Fleet {
  readonly #parts: readonly ChildProcess[];

  private constructor(parts: readonly ChildProcess[]) {
    this.#parts = parts;
  }

  /** Resolves once all are ready. */
  static async start(workers: number, env: Readonly<Record<string, string>>): Promise<Fleet> {
    const roles = ["coordinator", ...Array.from({ length: workers }, () => "worker")];
    const parts = roles.map((role) => fork(program, [role], { env: { ...process.env, ...env } }));
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

  /** Stops all processes and adds up their costs. */
  async stop(): Promise<Usage> {
    const usages = await Promise.all(
      this.#parts.map(async (part) => {
        const ended = once(part, "exit");
        const message = once(part, "message");
        part.send("end");
        const [usage] = (await message) as [Usage];
        await ended;
        return usage;
      }),
    );
    const sum = (field: keyof Usage) => usages.reduce((total, usage) => total + usage[field], 0);
    return {
      cpuMs: sum("cpuMs"),
      commands: sum("commands"),
      writes: sum("writes"),
      waitedMs: sum("waitedMs"),
      messages: sum("messages"),
    };
  }
}
