import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

const command = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));
const flow = fileURLToPath(new URL("flow.ts", import.meta.url));

/** Writes the page of a run as a file. */
export async function writeRunPage(run: { readonly store: string; readonly taskId: string; readonly file: string }) {
  await flowkit(["report", run.taskId, "--store", run.store, "--handlers", flow, "-o", run.file, "--force"], "ignore");
}

/** Serves the studio until Ctrl-C; it prints its address. */
export const serveStudio = (store: string): Promise<void> => flowkit(["studio", flow, "--store", store], "inherit");

async function flowkit(args: readonly string[], output: "ignore" | "inherit"): Promise<void> {
  const child = spawn(process.execPath, [command, ...args], { stdio: ["ignore", output, "inherit"] });
  process.once("SIGINT", () => {}); // the studio gets it too, and this process ends after it
  const [code] = await once(child, "exit");
  if (code !== 0) throw new Error(`flowkit ${args[0]} ended with exit code ${code}`);
}
