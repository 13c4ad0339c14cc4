/*
 * Runs a server while its own standard input is open, that is, while the process that started it is alive: a killed
 * test run cannot stop its servers. The guard leads its own process group, so that a signal to the run's group does not
 * kill it before it has stopped the server and removed its folder.
 *
 * node guard.ts FOLDER LOG SIGNAL COMMAND ARGS...
 *
 * Root runs it as the owner of the folder, and stops it by the signal.
 *
 * A line "keep" on the input keeps the folder.
 */
import { spawn } from "node:child_process";
import { openSync, rmSync, statSync } from "node:fs";

const killAfterMs = 15_000;
const [folder, logFile, signal, command, ...args] = process.argv.slice(2);
if (folder === undefined || logFile === undefined || command === undefined)
  throw new Error("guard.ts FOLDER LOG SIGNAL COMMAND");

const log = openSync(logFile, "a");
const { uid, gid } = statSync(folder);
const owner = process.getuid?.() === 0 ? { uid, gid } : {};
const server = spawn(command, args, { stdio: ["ignore", log, log], ...owner });
let keep = false;
let killing: NodeJS.Timeout | undefined;

const stop = () => {
  server.kill(signal === "SIGINT" ? "SIGINT" : "SIGTERM");
  server.kill("SIGCONT"); // a process stopped by a test must be resumed to exit
  killing ??= setTimeout(() => server.kill("SIGKILL"), killAfterMs);
};
for (const each of ["SIGTERM", "SIGINT", "SIGHUP"] as const) process.on(each, stop);

process.stdin.setEncoding("utf8");
process.stdin.on("data", (chunk) => {
  if (String(chunk).includes("keep")) keep = true;
});
process.stdin.on("end", stop);
process.stdin.on("error", stop);

server.on("spawn", () => process.stdout.write(`${server.pid}\n`));
server.on("error", (error) => end(127, error.message));
server.on("exit", (code, by) => end(code ?? 1, by ?? undefined));

function end(code: number, why?: string): never {
  clearTimeout(killing);
  if (why !== undefined) process.stderr.write(`${why}\n`);
  if (!keep) rmSync(folder ?? "", { recursive: true, force: true });
  process.exit(code);
}
