import { dirname, extname, relative } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { FlowError, isInstance, propertyOf, thrownStack } from "../../errors/index.ts";
import { CliError, exitCodes } from "../terminal/cli-error.ts";
import { errorMessage, findFile } from "./find-file.ts";

export type ModuleExports = Readonly<Record<string, unknown>>;

/**
 * Runs a file of the user's in this process, as Node runs it: TypeScript has its types stripped.
 *
 * @throws CliError `CLI_FILE_NOT_FOUND`, `CLI_TYPESCRIPT_SYNTAX`, `CLI_IMPORT_FAILED`
 * @throws FlowError that the file's own code threw
 */
export async function importModule(file: string): Promise<ModuleExports> {
  const path = findFile(file);
  const extension = extname(path);
  if (!extensions.has(extension)) {
    throw new CliError("CLI_IMPORT_FAILED", `${file} is no module: its name ends in '${extension}'`, {
      hint: `Name a file that ends in ${[...extensions].join(", ")}.`,
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

/** Node ends a process that waits for nothing, without a word of where. */
function whilePending(file: string): Disposable {
  const say = () => {
    process.stderr.write(
      `error CLI_IMPORT_PENDING: ${file} never ends to load: a top-level 'await' waits for what doesn't come\n`,
    );
    process.exitCode = exitCodes.usage;
  };
  process.once("exit", say);
  return { [Symbol.dispose]: () => void process.off("exit", say) };
}

function importError(file: string, path: string, error: unknown): unknown {
  if (isInstance(error, CliError) || FlowError.is(error)) return error;
  const code = isInstance(error, Error) ? propertyOf(error, "code") : undefined;
  const message = errorMessage(error);
  const failed = (what: string, hint?: string) =>
    new CliError("CLI_IMPORT_FAILED", `${file} can't be loaded: ${what}`, {
      cause: error,
      ...(hint === undefined ? {} : { hint }),
    });
  switch (code) {
    case "ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX":
      return new CliError("CLI_TYPESCRIPT_SYNTAX", `${file} can't be loaded: ${message}`, {
        cause: error,
        hint: "Node strips types and compiles nothing. Write enums as `as const` objects, fields instead of parameter properties; `erasableSyntaxOnly` in tsconfig.json lets the editor say so.",
      });
    case "ERR_INVALID_TYPESCRIPT_SYNTAX":
      return new CliError("CLI_TYPESCRIPT_SYNTAX", `${file} can't be loaded: ${message}`, { cause: error });
    case "ERR_MODULE_NOT_FOUND":
      return failed(shortened(message, path), missingHint(message));
    case "ERR_UNKNOWN_FILE_EXTENSION":
      return failed(shortened(message, path), "Node loads .ts, .mts, .js and .mjs.");
  }
  if (isInstance(error, SyntaxError)) {
    return failed(`${message}${placeOf(error)}`, syntaxHint(message));
  }
  const name = isInstance(error, Error) ? propertyOf(error, "name") : undefined;
  return failed(`it threw ${typeof name === "string" ? name : "an error"}: ${message}${placeOf(error)}`);
}

function syntaxHint(message: string): string | undefined {
  if (message.includes("does not provide an export named")) return "If that is a type, import it with `import type`.";
  return message.includes("outside a module") || message.startsWith("Unexpected token 'export'")
    ? 'Its folder is not one of modules: say "type": "module" in package.json, or name the file .mts.'
    : undefined;
}

/** Paths as the user sees them. */
const shortened = (message: string, path: string): string => message.replaceAll(`${dirname(path)}/`, "./");

function missingHint(message: string): string | undefined {
  const packageName = /^Cannot find package '([^']+)'/.exec(message)?.[1];
  if (packageName !== undefined) return `Install it: npm install ${packageName}`;
  return /Cannot find module '[^']+\/[^'./]+'/.test(message)
    ? "Imports name the whole file: './handlers.ts', not './handlers'."
    : undefined;
}

/** The first line of the stack that is the user's own code. */
function placeOf(error: unknown): string {
  const stack = thrownStack(error) ?? "";
  const own = /file:\/\/[^\s)]+?:\d+(:\d+)?/.exec(stack)?.[0];
  if (own === undefined) return "";
  const [, url = "", line = ""] = /^(.*?)((?::\d+)+)$/.exec(own) ?? [];
  return ` (${relative("", fileURLToPath(url))}${line})`;
}
