import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { basename, dirname, resolve } from "node:path";
import { thrownMessage } from "../../errors/index.ts";
import { nearName } from "../../graph/format/near-name.ts";
import { CliError } from "../terminal/cli-error.ts";

/**
 * The absolute path of a file that must be there.
 *
 * @throws CliError `CLI_FILE_NOT_FOUND` with the name that may have been meant
 */
export function findFile(file: string): string {
  const path = resolve(file);
  if (!existsSync(path)) {
    const folder = dirname(path);
    const near = existsSync(folder) ? nearName(basename(path), readdirSync(folder)) : undefined;
    const hint = near === undefined ? {} : { hint: `Did you mean ${file.slice(0, -basename(file).length)}${near}?` };
    throw new CliError("CLI_FILE_NOT_FOUND", `there is no file ${file}`, hint);
  }
  if (statSync(path).isDirectory()) {
    throw new CliError("CLI_FILE_NOT_FOUND", `${file} is a folder`, { hint: "Name a file in it." });
  }
  return path;
}

/**
 * The text of a file that must be there.
 *
 * @throws CliError `CLI_FILE_NOT_FOUND`, `CLI_FILE_UNREADABLE`
 */
export function readText(file: string): string {
  const path = findFile(file);
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw new CliError("CLI_FILE_UNREADABLE", `${file} can't be read: ${errorMessage(error)}`, { cause: error });
  }
}

export const errorMessage = (error: unknown): string => thrownMessage(error);
