import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const command = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));
const flow = fileURLToPath(new URL("flow.ts", import.meta.url));

/** Writes the page of a run as a file. */
export async function writeRunPage(run: { readonly store: string; readonly taskId: string; readonly file: string }) {
  await flowkit(
    ["report", run.taskId, "--store", run.store, "--handlers", flow, "-o", run.file, "--force"],
    console.log,
  );
}

/** Serves the studio until Ctrl-C, and prints the address of a run in it. */
export async function serveStudio(run: { readonly store: string; readonly taskId: string }): Promise<void> {
  await flowkit(["studio", flow, "--store", run.store], (line) => {
    const address = / at (http:\S+)$/.exec(line)?.[1];
    console.log(address === undefined ? line : `the run in the studio, until Ctrl-C: ${address}#/runs/${run.taskId}`);
  });
}

/** @param noted - called with each line that it prints to stderr */
async function flowkit(args: readonly string[], noted: (line: string) => void): Promise<void> {
  const child = spawn(process.execPath, [command, ...args], { stdio: ["ignore", "ignore", "pipe"] });
  process.once("SIGINT", () => {}); // a terminal sends it to the child too, and this process ends after it
  process.once("SIGTERM", () => void child.kill());
  createInterface(child.stderr).on("line", noted);
  const [code] = await once(child, "close");
  if (code !== 0) throw new Error(`flowkit ${args[0]} ended with exit code ${code}`);
}
