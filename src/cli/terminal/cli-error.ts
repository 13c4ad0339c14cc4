import type { Json } from "../../errors/index.ts";

/** Codes of errors that the command itself reports; errors of the library keep their own. Codes are stable. */
export const cliErrorCodes = [
  "CLI_USAGE",
  "CLI_NODE_VERSION",
  "CLI_FILE_NOT_FOUND",
  "CLI_FILE_EXISTS",
  "CLI_FILE_UNREADABLE",
  "CLI_FILE_UNWRITABLE",
  "CLI_JSON_SYNTAX",
  "CLI_IMPORT_FAILED",
  "CLI_IMPORT_PENDING",
  "CLI_TYPESCRIPT_SYNTAX",
  "CLI_OTHER_FLOWKIT",
  "CLI_NO_FLOW",
  "CLI_SEVERAL_FLOWS",
  "CLI_NOT_A_FLOW",
  "CLI_EXPORT_UNKNOWN",
  "CLI_NO_HANDLERS",
  "CLI_PARAM",
  "CLI_CONFIG",
  "CLI_PORT_UNAVAILABLE",
] as const;

export type CliErrorCode = (typeof cliErrorCodes)[number];

/** Exit codes of the process. */
export const exitCodes = {
  ok: 0,
  /** The task failed or was cancelled, a check found something, or the store or the broker cannot be used. */
  failed: 1,
  /** The command line, a setting, a file or a graph is invalid; nothing ran. */
  usage: 2,
  /** Ended by SIGINT: 128 + 2, the convention of shells. */
  interrupted: 130,
  /** Ended by SIGTERM: 128 + 15. */
  terminated: 143,
} as const;

/** An invalid command line, or an invalid file that it refers to. The exit code is always 2. */
export class CliError extends Error {
  override readonly name = "CliError";
  readonly code: CliErrorCode;
  /** How to fix it. */
  readonly hint: string | undefined;
  /** Structured details for `--json`. */
  readonly details: Json | undefined;

  constructor(
    code: CliErrorCode,
    message: string,
    options: { readonly hint?: string; readonly cause?: unknown; readonly details?: Json } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.hint = options.hint;
    this.details = options.details;
  }
}

/**
 * Imports a module that requires an optional peer dependency.
 *
 * @throws CliError `CLI_IMPORT_FAILED` if the package is not installed
 */
export async function requirePackage<T>(name: string, load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ERR_MODULE_NOT_FOUND")) throw error;
    throw new CliError("CLI_IMPORT_FAILED", `missing package: ${name}`, {
      cause: error,
      hint: `Install it: npm install ${name}`,
    });
  }
}
