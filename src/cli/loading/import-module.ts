import { dirname, extname, relative } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { FlowError, isInstance, propertyOf, thrownMessage, thrownStack } from "../../errors/index.ts";
import { CliError, exitCodes } from "../terminal/cli-error.ts";
import { findFile } from "./find-file.ts";

export type ModuleExports = Readonly<Record<string, unknown>>;

/**
 * Imports a file of the user into this process; Node strips its types.
 *
 * @throws CliError `CLI_FILE_NOT_FOUND`, `CLI_TYPESCRIPT_SYNTAX`, `CLI_IMPORT_FAILED`
 * @throws FlowError thrown by the file itself
 */
export async function importModule(file: string): Promise<ModuleExports> {
  const path = findFile(file);
  const extension = extname(path);
  if (!extensions.has(extension)) {
    throw new CliError("CLI_IMPORT_FAILED", `cannot load ${file}: unsupported extension '${extension}'`, {
      hint: `Pass a file with one of the extensions ${[...extensions].join(", ")}.`,
    });
  }
  using _guard = whilePending(file);
  try {
    return { ...(await import(pathToFileURL(path).href)) };
  } catch (error) {
    throw importError(file, path, error);
  }
}

const extensions: ReadonlySet<string> = new Set([".ts", ".mts", ".js", ".mjs"]);

/** Node exits silently when a top-level `await` never settles and nothing else is pending. */
function whilePending(file: string): Disposable {
  const report = () => {
    process.stderr.write(
      `error CLI_IMPORT_PENDING: ${file} never finishes loading: a top-level 'await' does not settle\n`,
    );
    process.exitCode = exitCodes.usage;
  };
  process.once("exit", report);
  return { [Symbol.dispose]: () => void process.off("exit", report) };
}

function importError(file: string, path: string, error: unknown): unknown {
  if (isInstance(error, CliError) || FlowError.is(error)) return error;
  const code = isInstance(error, Error) ? propertyOf(error, "code") : undefined;
  const message = thrownMessage(error);
  const failed = (problem: string, hint?: string) =>
    new CliError("CLI_IMPORT_FAILED", `cannot load ${file}: ${problem}`, {
      cause: error,
      ...(hint === undefined ? {} : { hint }),
    });
  switch (code) {
    case "ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX":
      return new CliError("CLI_TYPESCRIPT_SYNTAX", `cannot load ${file}: ${message}${markedPlace(error)}`, {
        cause: error,
        hint: "Node strips types but does not compile. Use `as const` objects instead of enums and fields instead of parameter properties; set `erasableSyntaxOnly` in tsconfig.json to have the editor report them.",
      });
    case "ERR_INVALID_TYPESCRIPT_SYNTAX":
      return new CliError("CLI_TYPESCRIPT_SYNTAX", `cannot load ${file}: ${message}${markedPlace(error)}`, {
        cause: error,
      });
    case "ERR_MODULE_NOT_FOUND":
      return failed(shortened(message, path), missingHint(message));
    case "ERR_UNKNOWN_FILE_EXTENSION":
      return failed(shortened(message, path), "Import files with the extensions .ts, .mts, .js or .mjs.");
  }
  if (isInstance(error, SyntaxError)) {
    return failed(`${message}${placeOf(error)}`, syntaxHint(message));
  }
  const name = isInstance(error, Error) ? propertyOf(error, "name") : undefined;
  return failed(`${typeof name === "string" ? name : "error"}: ${message}${placeOf(error)}`);
}

function syntaxHint(message: string): string | undefined {
  if (message.includes("does not provide an export named")) return "If it is a type, import it with `import type`.";
  return message.includes("outside a module") || message.startsWith("Unexpected token 'export'")
    ? 'Set "type": "module" in package.json, or rename the file to .mts.'
    : undefined;
}

/** Shortens paths to be relative to the file. */
const shortened = (message: string, path: string): string => message.replaceAll(`${dirname(path)}/`, "./");

function missingHint(message: string): string | undefined {
  const packageName = /^Cannot find package '([^']+)'/.exec(message)?.[1];
  if (packageName !== undefined) return `Install it: npm install ${packageName}`;
  return /Cannot find module '[^']+\/[^'./]+'/.test(message)
    ? "Import paths need the extension: './handlers.ts', not './handlers'."
    : undefined;
}

/** Node prints the place of a syntax error before the stack: file and line, the code, and a marker below it. */
function markedPlace(error: unknown): string {
  const [, file, line, before] = /^(.+):(\d+)\n(?:.*\n)+?( *)\^/.exec(thrownStack(error) ?? "") ?? [];
  if (file === undefined || before === undefined) return "";
  const path = file.startsWith("file:") ? fileURLToPath(file) : file;
  return ` (${relative("", path)}:${line}:${before.length + 1})`;
}

/** The first stack frame in the user's code. */
function placeOf(error: unknown): string {
  const stack = thrownStack(error) ?? "";
  const own = /file:\/\/[^\s)]+?:\d+(:\d+)?/.exec(stack)?.[0];
  if (own === undefined) return "";
  const [, url = "", line = ""] = /^(.*?)((?::\d+)+)$/.exec(own) ?? [];
  return ` (${relative("", fileURLToPath(url))}${line})`;
}
