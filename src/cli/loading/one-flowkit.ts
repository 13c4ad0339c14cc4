import { readFileSync, realpathSync } from "node:fs";
import { registerHooks } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { CliError } from "../terminal/cli-error.ts";

/**
 * Lets what users' files import as `flowkit` be the very package that this command is part of, also when the command is
 * installed elsewhere and their own folder has none. Two copies of one version are made one; of two versions neither can
 * stand in for the other. A folder without zod gets the one that this package uses.
 */
export function shareOneFlowkit(): void {
  const own = ownPackage();
  registerHooks({
    resolve(specifier, context, next) {
      const here = () => next(specifier, { ...context, parentURL: import.meta.url });
      if (isOf("zod", specifier)) return orElse(() => next(specifier, context), here);
      if (!isOf("flowkit", specifier)) return next(specifier, context);
      const theirs = packageOf(() => next(specifier, context).url);
      if (theirs !== undefined && theirs.folder !== own.folder && theirs.version !== own.version) {
        throw new CliError(
          "CLI_OTHER_FLOWKIT",
          `this is flowkit ${own.version}, and the file imports flowkit ${theirs.version} from ${theirs.folder}`,
          { hint: "Use the project's own command: npx flowkit" },
        );
      }
      return here(); // as the package resolves its own name
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

/** `undefined`: where that file is, there is none. */
function packageOf(resolve: () => string): Package | undefined {
  const url = orElse<string | undefined>(resolve, () => undefined);
  return url === undefined ? undefined : packageAround(fileURLToPath(url));
}

const ownPackage = (): Package => {
  const own = packageAround(fileURLToPath(import.meta.url));
  if (own === undefined) throw new Error("the command isn't in its package");
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
    return {}; // none here, one further up
  }
}

export const ownVersion = (): string => ownPackage().version;
