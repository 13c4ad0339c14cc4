import { existsSync, writeSync } from "node:fs";
import { Command, CommanderError } from "commander";
import { isInstance } from "../errors/index.ts";
import { addArtifacts } from "./commands/artifacts.ts";
import { addBatches } from "./commands/batches.ts";
import { addCodegen } from "./commands/codegen.ts";
import { addCompletion } from "./commands/completion.ts";
import { addCoordinator } from "./commands/coordinator.ts";
import { addDev } from "./commands/dev.ts";
import { addDevRun } from "./commands/dev-run.ts";
import { addDiff } from "./commands/diff.ts";
import { addDlq } from "./commands/dlq.ts";
import { addDoctor } from "./commands/doctor.ts";
import { addExport } from "./commands/export.ts";
import { addFlows } from "./commands/flows.ts";
import { addGraph } from "./commands/graph.ts";
import { addInit } from "./commands/init.ts";
import { addLint } from "./commands/lint.ts";
import { addReplay } from "./commands/replay.ts";
import { addReport } from "./commands/report.ts";
import { reportError } from "./commands/report-error.ts";
import { addRun } from "./commands/run.ts";
import { addSchedules } from "./commands/schedules.ts";
import { addStudio } from "./commands/studio.ts";
import { addTasks } from "./commands/tasks.ts";
import { addUp } from "./commands/up.ts";
import { addValidate } from "./commands/validate.ts";
import { addWorker } from "./commands/worker.ts";
import { ownVersion, shareOneFlowkit } from "./loading/one-flowkit.ts";
import { CliError, exitCodes } from "./terminal/cli-error.ts";
import { Terminal } from "./terminal/terminal.ts";

/** Runs one command line and exits, even if a flow file has left timers or sockets open. */
export async function main(args: readonly string[]): Promise<never> {
  const terminal = new Terminal();
  const [first, ...rest] = args;
  const given = first === "help" ? [...rest, "--help"] : args;
  // Set before parsing, so that usage errors are printed as JSON too.
  terminal.isJson = args.includes("--json");
  for (const stream of [terminal.stdout, terminal.stderr]) stream.on("error", leave);
  terminal.redirectConsole();
  redirectWarnings(terminal);
  try {
    shareOneFlowkit();
    await program(terminal).parseAsync(given, { from: "user" });
  } catch (error) {
    if (!isInstance(error, CommanderError)) reportError(terminal, error);
    else if (error.exitCode !== 0) reportError(terminal, usageError(error, given));
  }
  await terminal.flush();
  process.exit(terminal.exitCode);
}

/** Exits, as the output cannot be written. The reader of a pipe may close it, as in `flowkit tasks list | head`. */
function leave(error: NodeJS.ErrnoException): never {
  if (error.code === "EPIPE") process.exit(exitCodes.ok);
  try {
    writeSync(process.stderr.fd, `error CLI_OUTPUT: cannot write the output: ${error.message}\n`);
  } catch {} // stderr itself may not be writable
  process.exit(exitCodes.failed);
}

/** In the order of the help. */
const commands = [
  ...[addInit, addRun, addDev, addDevRun, addExport, addValidate, addLint, addGraph, addDiff, addCodegen],
  ...[addUp, addCoordinator, addWorker, addTasks, addArtifacts, addBatches, addSchedules, addFlows, addDlq],
  ...[addStudio, addReport, addReplay, addDoctor, addCompletion],
];

export function program(terminal: Terminal): Command {
  const root = new Command("flowkit")
    .description("Build data pipelines as typed graphs, and run them.")
    .version(ownVersion(), "-v, --version", "print the version")
    .helpOption("-h, --help", "print this help")
    .helpCommand(false)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void terminal.stdout.write(text),
      writeErr: (text) => void (terminal.isJson || terminal.stderr.write(text)),
      outputError: () => {}, // `reportError` prints it with its code
    })
    .showSuggestionAfterError();
  for (const add of commands) add(root, terminal);
  root.addHelpText(
    "after",
    `
Exit codes:
  0    success
  1    the task failed or was cancelled; a check found something; the store or the broker cannot be used
  2    the command line, a setting, a file or a graph is invalid; nothing ran
  130  ended by Ctrl-C; 143: ended by SIGTERM`,
  );
  return root;
}

/** Commands with subcommands. */
const groups: ReadonlySet<string> = new Set(["tasks", "batches", "schedules", "flows", "dlq"]);

function usageError({ code, message }: CommanderError, args: readonly string[]): CliError {
  const [first = "", ...rest] = message.replace(/^error: /, "").split("\n");
  if (code === "commander.help") return new CliError("CLI_USAGE", "missing command");
  const isUnknown = code === "commander.unknownCommand";
  const near = rest.join(" ").replace(/^\((.*)\)$/, "$1");
  const isInGroup = groups.has(args[0] ?? "") && args[1]?.startsWith("-") === false;
  const command = args.slice(0, (isInGroup ? 2 : 1) - (isUnknown ? 1 : 0));
  const help = `Run ${["flowkit", ...command, "--help"].join(" ")} for usage.`;
  const isFile = isUnknown && args[0] !== undefined && existsSync(args[0]);
  const hint = isFile ? `Did you mean flowkit run ${args[0]}?` : near;
  return new CliError("CLI_USAGE", invalidValue(first), { hint: hint === "" ? help : hint });
}

/** Names an option or an argument before its invalid value, as the command's own messages do. */
const invalidValue = (message: string): string => {
  const found =
    /^option '.*?(?<name>--[\w-]+).*?' argument (?<value>'.*') is invalid\. (?<reason>.*?)\.?$/.exec(message) ??
    /^command-argument value (?<value>'.*') is invalid for argument '(?<name>.*)'\. (?<reason>.*?)\.?$/.exec(message);
  const { name, value, reason = "" } = found?.groups ?? {};
  return found === null ? message : `invalid ${name} ${value}: ${reason.slice(0, 1).toLowerCase()}${reason.slice(1)}`;
};

/** Warnings of Node about features that this command uses on purpose: type stripping and SQLite. */
const expected: ReadonlySet<string> = new Set(["ExperimentalWarning", "MODULE_TYPELESS_PACKAGE_JSON"]);

/** Prints warnings to stderr through the terminal, except the expected ones. */
function redirectWarnings(terminal: Terminal): void {
  process.removeAllListeners("warning");
  process.on("warning", (warning: Error & { readonly code?: string }) => {
    if (expected.has(warning.name) || expected.has(warning.code ?? "")) return;
    terminal.note(terminal.styled("yellow", `${warning.name}: ${warning.message}`));
  });
}
