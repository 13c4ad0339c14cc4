import { readFileSync, realpathSync } from "node:fs";
import { registerHooks } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { CliError } from "../terminal/cli-error.ts";

/**
 * Resolves `flowkit` in user files to the package of this command, even if the command is installed elsewhere. Two
 * copies of one version would have different classes, so they are merged; two versions cannot be mixed. A project
 * without zod uses the zod of this package.
 */
export function shareOneFlowkit(): void {
  const own = ownPackage();
  registerHooks({
    resolve(specifier, context, next) {
      const fromOwnPackage = () => next(specifier, { ...context, parentURL: import.meta.url });
      if (isOf("zod", specifier)) return orElse(() => next(specifier, context), fromOwnPackage);
      if (!isOf("flowkit", specifier)) return next(specifier, context);
      const installed = packageOf(() => next(specifier, context).url);
      if (installed !== undefined && installed.folder !== own.folder && installed.version !== own.version) {
        throw new CliError(
          "CLI_OTHER_FLOWKIT",
          `this command is flowkit ${own.version}, but the file imports flowkit ${installed.version} from ${installed.folder}`,
          { hint: "Run the command of the project: npx flowkit" },
        );
      }
      return fromOwnPackage(); // a package can import itself by its name
    },
  });
}

const isOf = (name: string, specifier: string): boolean => specifier === name || specifier.startsWith(`${name}/`);

function orElse<T>(first: () => T, second: () => T): T {
  try {
    return first();
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ERR_MODULE_NOT_FOUND") return second();
    throw error;
  }
}

interface Package {
  readonly folder: string;
  readonly version: string;
}

/** The package that `flowkit` resolves to; `undefined` if it does not resolve. */
function packageOf(resolve: () => string): Package | undefined {
  const url = orElse<string | undefined>(resolve, () => undefined);
  return url === undefined ? undefined : packageAround(fileURLToPath(url));
}

const ownPackage = (): Package => {
  const own = packageAround(fileURLToPath(import.meta.url));
  if (own === undefined) throw new Error("the command is not inside its package");
  return own;
};

function packageAround(file: string): Package | undefined {
  for (let folder = dirname(realpathSync(file)); folder !== dirname(folder); folder = dirname(folder)) {
    const { name, version } = manifestIn(folder);
    if (name === "flowkit") return { folder, version: String(version) };
  }
  return undefined;
}

function manifestIn(folder: string): { readonly name?: unknown; readonly version?: unknown } {
  try {
    return JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  } catch {
    return {}; // no manifest in this folder
  }
}

export const ownVersion = (): string => ownPackage().version;
