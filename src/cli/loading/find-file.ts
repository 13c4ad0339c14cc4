import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { basename, dirname, resolve } from "node:path";
import { thrownMessage } from "../../errors/index.ts";
import { nearName } from "../../graph/format/near-name.ts";
import { CliError } from "../terminal/cli-error.ts";

/**
 * Resolves the path of an existing file.
 *
 * @throws CliError `CLI_FILE_NOT_FOUND`, with a similar name as the hint
 */
export function findFile(file: string): string {
  const path = resolve(file);
  if (!existsSync(path)) {
    const folder = dirname(path);
    const near = existsSync(folder) ? nearName(basename(path), readdirSync(folder)) : undefined;
    const hint = near === undefined ? {} : { hint: `Did you mean ${file.slice(0, -basename(file).length)}${near}?` };
    throw new CliError("CLI_FILE_NOT_FOUND", `file not found: ${file}`, hint);
  }
  if (statSync(path).isDirectory()) {
    throw new CliError("CLI_FILE_NOT_FOUND", `${file} is a directory`, { hint: "Pass a file in it." });
  }
  return path;
}

/**
 * Reads an existing file as UTF-8.
 *
 * @throws CliError `CLI_FILE_NOT_FOUND`, `CLI_FILE_UNREADABLE`
 */
export function readText(file: string): string {
  const path = findFile(file);
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw new CliError("CLI_FILE_UNREADABLE", `cannot read ${file}: ${thrownMessage(error)}`, { cause: error });
  }
}
