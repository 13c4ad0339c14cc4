/*
 * Runs a server while its own standard input is open, that is, while the process that started it is alive: a killed
 * test run cannot stop its servers. The guard leads its own process group, so that a signal to the run's group does not
 * kill it before it has stopped the server and removed its folder.
 *
 * node guard.ts FOLDER LOG COMMAND ARGS...
 *
 * A line "keep" on the input keeps the folder.
 */
import { spawn } from "node:child_process";
import { openSync, rmSync } from "node:fs";

const killAfterMs = 15_000;
const [folder, logFile, command, ...args] = process.argv.slice(2);
if (folder === undefined || logFile === undefined || command === undefined)
  throw new Error("guard.ts FOLDER LOG COMMAND");

const log = openSync(logFile, "a");
const server = spawn(command, args, { stdio: ["ignore", log, log] });
let keep = false;
let killing: NodeJS.Timeout | undefined;

const stop = () => {
  server.kill("SIGTERM");
  server.kill("SIGCONT"); // a process stopped by a test must be resumed to exit
  killing ??= setTimeout(() => server.kill("SIGKILL"), killAfterMs);
};
for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) process.on(signal, stop);

process.stdin.setEncoding("utf8");
process.stdin.on("data", (chunk) => {
  if (String(chunk).includes("keep")) keep = true;
});
process.stdin.on("end", stop);
process.stdin.on("error", stop);

server.on("spawn", () => process.stdout.write(`${server.pid}\n`));
server.on("error", (error) => end(127, error.message));
server.on("exit", (code, signal) => end(code ?? 1, signal ?? undefined));

function end(code: number, why?: string): never {
  clearTimeout(killing);
  if (why !== undefined) process.stderr.write(`${why}\n`);
  if (!keep) rmSync(folder ?? "", { recursive: true, force: true });
  process.exit(code);
}
