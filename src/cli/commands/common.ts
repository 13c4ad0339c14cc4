import { writeFileSync } from "node:fs";
import { InvalidArgumentError, Option } from "commander";
import { errorMessage } from "../loading/find-file.ts";
import { CliError } from "../terminal/cli-error.ts";
import type { Terminal } from "../terminal/terminal.ts";

export const jsonOption = (): Option => new Option("--json", "print one JSON document for machines");
export const exportOption = (): Option =>
  new Option("--export <name>", "which export of the file is the flow, when it has several");
export const handlersOption = (): Option =>
  new Option("--handlers <file>", "the TypeScript file that exports the handlers of a graph JSON");
export const storeOption = (): Option => new Option("--store <file>", "the SQLite file that keeps runs");
export const mongoOption = (): Option =>
  new Option("--mongo <url>", "the MongoDB database that keeps runs; else FLOWKIT_MONGO_URL");
export const configOption = (): Option =>
  new Option("--config <file>", "a JSON file of settings, as coordinators and workers have; else FLOWKIT_CONFIG");
export const printConfigOption = (): Option =>
  new Option("--print-config", "print what it was told, and where, without secrets; start nothing");

/** The settings that a coordinator and a worker have options for. */
export const servingPaths = [
  ...["store", "mongo.url", "mongo.database", "mongo.prefix", "kafka.brokers", "kafka.prefix"],
  ...["graceSec", "http.port", "http.host", "log.format", "log.level"],
] as const;

export const graceOption = (): Option =>
  new Option("--grace <seconds>", "how long running batches may take to end at SIGTERM").default(10).argParser(seconds);

function seconds(text: string): number {
  const value = Number(text);
  if (text.trim() === "" || !(value >= 0)) throw new InvalidArgumentError("Give a number of seconds.");
  return value;
}

/** Reads an option that counts something. */
export function count(text: string): number {
  if (!/^[1-9]\d{0,5}$/.test(text)) throw new InvalidArgumentError("Give a number from 1 on.");
  return Number(text);
}

/** Command lines to copy, below a command's help. */
export const examples = (...lines: readonly string[]): string =>
  `\nExamples:\n${lines.map((line) => `  $ flowkit ${line}`).join("\n")}`;

/**
 * A result to a file or to stdout.
 *
 * @throws CliError `CLI_FILE_EXISTS` with `mayReplace: false`, `CLI_FILE_UNREADABLE`
 */
export function writeResult(
  terminal: Terminal,
  text: string,
  to: { readonly file: string | undefined; readonly mayReplace: boolean },
): void {
  const { file, mayReplace } = to;
  if (file === undefined) {
    terminal.stdout.write(text);
    return;
  }
  try {
    writeFileSync(file, text, { flag: mayReplace ? "w" : "wx" });
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EEXIST") {
      throw new CliError("CLI_FILE_EXISTS", `${file} is there already`, {
        cause: error,
        hint: "Name another file, or say --force.",
      });
    }
    throw new CliError("CLI_FILE_UNREADABLE", `${file} can't be written: ${errorMessage(error)}`, { cause: error });
  }
  terminal.note(`wrote ${file}`);
}
