import { writeFileSync } from "node:fs";
import { type Command, InvalidArgumentError, Option } from "commander";
import { thrownMessage } from "../../errors/index.ts";
import { CliError } from "../terminal/cli-error.ts";
import type { Terminal } from "../terminal/terminal.ts";

export const jsonOption = (): Option => new Option("--json", "print one JSON document");
export const exportOption = (): Option =>
  new Option("--export <name>", "export to use, if the file exports several flows");
export const handlersOption = (): Option =>
  new Option("--handlers <file>", "file that exports the handlers of a graph JSON");
export const storeOption = (): Option =>
  new Option("--store <place>", "SQLite file or postgres:// URL of the database that stores tasks");
export const mongoOption = (): Option =>
  new Option("--mongo <url>", "URL of the MongoDB database that stores tasks [FLOWKIT_MONGO_URL]");
export const configOption = (): Option =>
  new Option("--config <file>", "JSON file with settings, shared with coordinators and workers [FLOWKIT_CONFIG]");
export const printConfigOption = (): Option =>
  new Option("--print-config", "print the effective settings and their origin, without secrets, and exit");

/** Makes the subcommands of a command, each with the options that select a store. */
export const storeCommands = (parent: Command) => (name: string, summary: string) =>
  parent
    .command(name)
    .summary(summary)
    .addOption(storeOption())
    .addOption(mongoOption())
    .addOption(configOption())
    .addOption(jsonOption());

/** The settings that are options of both coordinators and workers. */
export const servingPaths = [
  ...["store", "mongo.url", "mongo.database", "mongo.prefix", "kafka.brokers", "kafka.prefix"],
  ...["graceSec", "http.port", "http.host", "telemetry", "log.format", "log.level"],
] as const;

export const graceOption = (): Option =>
  new Option("--grace <seconds>", "time for running batches to end on SIGTERM").default(10).argParser(seconds);

function seconds(text: string): number {
  const value = Number(text);
  if (text.trim() === "" || !(value >= 0)) throw new InvalidArgumentError("Expected a number of seconds.");
  return value;
}

/** Parses the value of an option that is a positive count. */
export function count(text: string): number {
  if (!/^[1-9]\d{0,5}$/.test(text)) throw new InvalidArgumentError("Expected an integer from 1 to 999999.");
  return Number(text);
}

/** Example command lines for a command's help. */
export const examples = (...lines: readonly string[]): string =>
  `\nExamples:\n${lines.map((line) => `  $ flowkit ${line}`).join("\n")}`;

/**
 * Writes a result to a file or to stdout.
 *
 * @throws CliError `CLI_FILE_EXISTS` with `overwrite: false`, `CLI_FILE_UNWRITABLE`
 */
export function writeResult(
  terminal: Terminal,
  text: string,
  to: { readonly file: string | undefined; readonly overwrite: boolean },
): void {
  const { file, overwrite } = to;
  if (file === undefined) {
    terminal.stdout.write(text);
    return;
  }
  try {
    writeFileSync(file, text, { flag: overwrite ? "w" : "wx" });
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EEXIST") {
      throw new CliError("CLI_FILE_EXISTS", `${file} already exists`, {
        cause: error,
        hint: "Choose another file or pass --force.",
      });
    }
    throw new CliError("CLI_FILE_UNWRITABLE", `cannot write ${file}: ${thrownMessage(error)}`, {
      cause: error,
      hint: "Choose another file, in a directory that exists and is writable.",
    });
  }
  terminal.note(`wrote ${file}`);
}
