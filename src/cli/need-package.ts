import { CliError } from "./cli-error.ts";

/**
 * Loads what needs a package that only those install who use it.
 *
 * @throws CliError `CLI_IMPORT_FAILED` without it
 */
export async function needPackage<T>(name: string, load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ERR_MODULE_NOT_FOUND")) throw error;
    throw new CliError("CLI_IMPORT_FAILED", `this needs the package ${name}, which is not installed`, {
      cause: error,
      hint: `Install it: npm install ${name}`,
    });
  }
}
