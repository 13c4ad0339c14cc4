import { relative } from "node:path";
import { fileURLToPath } from "node:url";
import {
  FlowError,
  type FlowErrorCode,
  isInstance,
  type Json,
  thrownMessage,
  thrownStack,
} from "../../errors/index.ts";
import { findingLines, InvalidGraphFile } from "../loading/invalid-graph-file.ts";
import { CliError, exitCodes } from "../terminal/cli-error.ts";
import type { Terminal } from "../terminal/terminal.ts";

/** An error as `--json` prints it: `{ "error": ... }` on stdout. */
export interface ErrorReport {
  readonly code: string;
  readonly message: string;
  readonly hint?: string;
  readonly details?: Json;
}

/** Errors of the library about a graph, a flow or an option: nothing ran, and a retry cannot help. */
const mistakes: ReadonlySet<FlowErrorCode> = new Set([
  "FLOW_AWAITED",
  "FLOW_EMPTY",
  "FLOW_INVALID",
  "HANDLER_INVALID",
  "GRAPH_INVALID",
  "ENGINE_OPTIONS",
  "PARAMS_INVALID",
  "PARAMS_TOO_LARGE",
  "TASK_UNKNOWN",
  "TASK_EXISTS",
  "NODE_UNKNOWN",
  "STORE_VERSION",
  "SCHEDULE_INVALID",
  "SCHEDULE_UNKNOWN",
]);

/** Prints an error and sets the exit code. */
export function reportError(terminal: Terminal, error: unknown): void {
  const report = errorReport(error);
  terminal.exitCode = exitCodeOf(error);
  if (terminal.isJson) terminal.printJson({ error: report });
  else {
    terminal.note(`${terminal.styled(["red", "bold"], "error")} ${report.code}: ${report.message}`);
    if (report.hint !== undefined) terminal.note(`  ${report.hint}`);
    const frame = FlowError.is(error) ? ownFrame(error.stack) : undefined;
    if (frame !== undefined) terminal.note(`  ${frame}`);
    if (isInstance(error, InvalidGraphFile)) terminal.note(findingLines(terminal, error).join("\n"));
  }
}

function errorReport(error: unknown): ErrorReport {
  if (isInstance(error, CliError)) {
    const { code, message, hint, details } = error;
    return { code, message, ...(hint === undefined ? {} : { hint }), ...(details === undefined ? {} : { details }) };
  }
  if (isInstance(error, InvalidGraphFile)) {
    return { code: "GRAPH_INVALID", message: error.message, details: { file: error.file, findings: error.findings } };
  }
  if (FlowError.is(error)) return { code: error.code, message: error.message, details: error.details };
  // A bug in the command itself: its maintainers need the stack.
  const text = thrownStack(error) ?? thrownMessage(error);
  return { code: "CLI_UNEXPECTED", message: text };
}

function exitCodeOf(error: unknown): number {
  if (isInstance(error, CliError) || isInstance(error, InvalidGraphFile)) return exitCodes.usage;
  return FlowError.is(error) && mistakes.has(error.code) ? exitCodes.usage : exitCodes.failed;
}

/** The first stack frame in the user's code, in the form that editors and terminals link to. */
export function ownFrame(stack: string | undefined): string | undefined {
  const frames = stack?.split("\n").map((line) => line.trim()) ?? [];
  const own = frames.find((line) => /^at .*file:\/\//.test(line) && !isOfPackages(line));
  return own?.replace(/file:\/\/[^\s)]+?(?=:\d+)/, (url) => relative("", fileURLToPath(url)));
}

const packageFolder = new URL(".", import.meta.url).href;
const isOfPackages = (frame: string): boolean => frame.includes("/node_modules/") || frame.includes(packageFolder);
