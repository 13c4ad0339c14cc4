import { existsSync } from "node:fs";
import { Command, CommanderError } from "commander";
import { isInstance } from "../errors/index.ts";
import { addArtifacts } from "./commands/artifacts.ts";
import { addCodegen } from "./commands/codegen.ts";
import { addCoordinator } from "./commands/coordinator.ts";
import { addDiff } from "./commands/diff.ts";
import { addDlq } from "./commands/dlq.ts";
import { addExport } from "./commands/export.ts";
import { addGraph } from "./commands/graph.ts";
import { addInit } from "./commands/init.ts";
import { addLint } from "./commands/lint.ts";
import { reportError } from "./commands/report-error.ts";
import { addRun } from "./commands/run.ts";
import { addTasks } from "./commands/tasks.ts";
import { addUp } from "./commands/up.ts";
import { addValidate } from "./commands/validate.ts";
import { addWorker } from "./commands/worker.ts";
import { ownVersion, shareOneFlowkit } from "./loading/one-flowkit.ts";
import { CliError, exitCodes } from "./terminal/cli-error.ts";
import { Terminal } from "./terminal/terminal.ts";

/** Runs one command line to its end, and ends the process: what a flow's own file left open doesn't hold it. */
export async function main(args: readonly string[]): Promise<never> {
  const terminal = new Terminal();
  const [first, ...rest] = args;
  const words = first === "help" ? [...rest, "--help"] : args; // as other commands have it
  // Before the command line is understood: also what is wrong with it is told as JSON then.
  terminal.isJson = args.includes("--json");
  for (const stream of [terminal.stdout, terminal.stderr]) stream.on("error", leaveQuietly);
  terminal.takeConsole();
  takeWarnings(terminal);
  try {
    shareOneFlowkit();
    await program(terminal).parseAsync(words, { from: "user" });
  } catch (error) {
    if (!isInstance(error, CommanderError)) reportError(terminal, error);
    else if (error.exitCode !== 0) reportError(terminal, usageError(error, words));
  }
  await terminal.flush();
  process.exit(terminal.exitCode);
}

/** The reader of a pipe has seen enough: `flowkit tasks list | head`. */
function leaveQuietly(error: NodeJS.ErrnoException): void {
  if (error.code !== "EPIPE") throw error;
  process.exit(exitCodes.ok);
}

/** In the order in which the help tells of them. */
const commands = [
  ...[addInit, addRun, addExport, addValidate, addLint, addGraph, addDiff, addCodegen],
  ...[addUp, addCoordinator, addWorker, addTasks, addArtifacts, addDlq],
];

function program(terminal: Terminal): Command {
  const root = new Command("flowkit")
    .description("Write a data pipeline as a typed graph, and run it.")
    .version(ownVersion(), "-v, --version", "print the version")
    .helpOption("-h, --help", "print this help")
    .helpCommand(false)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void terminal.stdout.write(text),
      writeErr: (text) => void (terminal.isJson || terminal.stderr.write(text)),
      outputError: () => {}, // told with its code, by `reportError`
    })
    .showSuggestionAfterError();
  for (const add of commands) add(root, terminal);
  root.addHelpText(
    "after",
    `
Exit codes:
  0    it went well
  1    the run failed, or what was checked has something wrong
  2    the command line, a file or a graph is wrong: nothing ran
  130  ended by Ctrl-C; 143 by SIGTERM`,
  );
  return root;
}

/** Commands that have commands. */
const groups: ReadonlySet<string> = new Set(["tasks", "dlq"]);

function usageError({ code, message }: CommanderError, args: readonly string[]): CliError {
  const [first = "", ...rest] = message.replace(/^error: /, "").split("\n");
  if (code === "commander.help") return new CliError("CLI_USAGE", "no command was given");
  const isUnknown = code === "commander.unknownCommand";
  const near = rest.join(" ").replace(/^\((.*)\)$/, "$1");
  const isInGroup = groups.has(args[0] ?? "") && args[1]?.startsWith("-") === false;
  const command = isUnknown ? [] : args.slice(0, isInGroup ? 2 : 1);
  const help = `${["flowkit", ...command, "--help"].join(" ")} tells what there is.`;
  const isFile = isUnknown && args[0] !== undefined && existsSync(args[0]);
  const hint = isFile ? `Did you mean flowkit run ${args[0]}?` : near;
  return new CliError("CLI_USAGE", first, { hint: hint === "" ? help : hint });
}

/** Of Node, about what this command does on purpose: it runs TypeScript, and SQLite, wherever Node has them. */
const expected: ReadonlySet<string> = new Set(["ExperimentalWarning", "MODULE_TYPELESS_PACKAGE_JSON"]);

/** Warnings are said beside the result, as all else is, without those that are no news. */
export function takeWarnings(terminal: Terminal): void {
  process.removeAllListeners("warning");
  process.on("warning", (warning: Error & { readonly code?: string }) => {
    if (expected.has(warning.name) || expected.has(warning.code ?? "")) return;
    terminal.note(terminal.styled("yellow", `${warning.name}: ${warning.message}`));
  });
}
