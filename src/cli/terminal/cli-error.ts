import type { Json } from "../../errors/index.ts";

/**
 * Every code of an error that the command itself makes; what the library throws keeps its own. A code never changes its
 * meaning.
 */
export const cliErrorCodes = [
  "CLI_USAGE",
  "CLI_NODE_VERSION",
  "CLI_FILE_NOT_FOUND",
  "CLI_FILE_EXISTS",
  "CLI_FILE_UNREADABLE",
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

/** What the process ends with. */
export const exitCodes = {
  ok: 0,
  /** The run failed, or what was compared or checked has something wrong. */
  failed: 1,
  /** The command line, a file or a graph is wrong: nothing ran. */
  usage: 2,
  /** Ended by Ctrl-C, as shells say it. */
  interrupted: 130,
  /** Ended by SIGTERM, likewise. */
  terminated: 143,
} as const;

/** What is wrong with a command line or with a file that it names. Always ends with exit code 2. */
export class CliError extends Error {
  override readonly name = "CliError";
  readonly code: CliErrorCode;
  /** What to do about it. */
  readonly hint: string | undefined;
  /** The same for machines, where there is more to say. */
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
