import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

const guard = fileURLToPath(new URL("guard.ts", import.meta.url));
const readyWithinMs = 90_000;

export interface ServerOptions {
  /** Used in error messages. */
  readonly name: string;
  /** Removed once the server has exited, unless it is kept. */
  readonly folder: string;
  readonly log: string;
  readonly command: string;
  readonly args: readonly string[];
  /** The signal after which it stops. @defaultValue SIGTERM */
  readonly stopBy?: "SIGTERM" | "SIGINT";
  /** Whether the server responds. An error means "not yet". */
  readonly isReady: () => Promise<boolean>;
}

/** A server that exits with this process at the latest, however this process exits. */
export interface ServerProcess {
  readonly pid: number;
  readonly log: string;
  /** Resolves once it has exited. */
  readonly ended: Promise<void>;
  /** Stops the server, and removes its folder unless it is kept. Idempotent. */
  stop(options?: { readonly keep?: boolean }): Promise<void>;
}

/** Starts a server and waits until it responds. */
export async function startServer(options: ServerOptions): Promise<ServerProcess> {
  const { name, folder, log, command, args, stopBy = "SIGTERM" } = options;
  const guarded = spawn(process.execPath, [guard, folder, log, stopBy, command, ...args], {
    detached: true,
    stdio: ["pipe", "pipe", "ignore"],
  });
  guarded.stdin.on("error", () => {}); // it has already exited, which `ended` reports
  let running = true;
  const ended = once(guarded, "exit").then(() => {
    running = false;
  });
  let stopping: Promise<void> | undefined;
  const stop = ({ keep = false } = {}): Promise<void> => {
    stopping ??= (() => {
      if (keep) guarded.stdin.write("keep\n");
      guarded.stdin.end();
      return ended;
    })();
    return stopping;
  };

  const [pid] = await Promise.race([
    once(guarded.stdout, "data").then(([data]) => [Number(data)]),
    ended.then(() => []),
  ]);
  guarded.stdout.destroy(); // the guard writes nothing else, and an open pipe would count as a leak of the test
  const deadline = performance.now() + readyWithinMs;
  for (;;) {
    if (pid === undefined || !running) throw new Error(`${name} exited before it was ready:\n${tail(log)}`);
    if (await options.isReady().catch(() => false)) return { pid, log, ended, stop };
    if (performance.now() > deadline) {
      await stop({ keep: true });
      throw new Error(`${name} was not ready within ${readyWithinMs / 1000} s; its log is ${log}:\n${tail(log)}`);
    }
    await sleep(50);
  }
}

function tail(log: string): string {
  return existsSync(log) ? readFileSync(log, "utf8").split("\n").slice(-25).join("\n") : "(no log)";
}
