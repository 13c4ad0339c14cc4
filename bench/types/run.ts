import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { Library } from "./library.ts";

export interface Ran {
  /** How far it got. */
  readonly stage: "definition" | "run";
  readonly error?: string;
  /** As JSON; absent if nothing ran. */
  readonly result?: string;
}

const runner = fileURLToPath(new URL("runner.ts", import.meta.url));
/** Discards the output of a library while it runs. */
const maxBuffer = 2 ** 26;

/** Loads a case in a separate process and runs it, unless that needs a service. */
export async function run({ runsAlone, environment }: Library, file: string): Promise<Ran> {
  const { stdout } = await promisify(execFile)(process.execPath, [runner, file, String(runsAlone)], {
    maxBuffer,
    timeout: 60_000,
    env: { ...process.env, ...environment, NO_COLOR: "1" },
  });
  const last = stdout.trimEnd().split("\n").at(-1) ?? "";
  return JSON.parse(last) as Ran;
}
