import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, extname, isAbsolute, join, normalize, resolve } from "node:path";
import { propertyOf, thrownMessage } from "../../errors/index.ts";
import { shownPath } from "./file-watcher.ts";

export interface TypeMistake {
  /** Absolute; absent if the mistake is in the settings of the compiler. */
  readonly path?: string;
  /** As printed: place, code and message, in one or several lines. */
  readonly text: string;
}

export type TypeCheck =
  | { readonly kind: "checked"; readonly mistakes: readonly TypeMistake[] }
  /** Why types are not checked, and what to do. */
  | { readonly kind: "unavailable"; readonly reason: string };

/** The nearest tsconfig.json in the file's folder or above. */
export function tsconfigOf(file: string): string | undefined {
  for (let folder = dirname(resolve(file)); ; folder = dirname(folder)) {
    const config = join(folder, "tsconfig.json");
    if (existsSync(config)) return config;
    if (folder === dirname(folder)) return undefined;
  }
}

/**
 * Checks the types of the project of a file with the project's TypeScript.
 *
 * @param given.buildInfo - where the compiler keeps its incremental state, so that the next check is faster
 * @param given.signal - ends the compiler; the check rejects
 */
export async function checkTypes(
  file: string,
  given: { readonly buildInfo: string; readonly signal: AbortSignal },
): Promise<TypeCheck> {
  if (!/^\.[mc]?ts$/.test(extname(file))) return unavailable(`${file} has none`);
  const config = tsconfigOf(file);
  if (config === undefined) return unavailable("there is no tsconfig.json; `flowkit init` writes one");
  const compiler = compilerOf(config);
  if (compiler === undefined) return unavailable("npm install --save-dev typescript");
  const options = ["--noEmit", "--pretty", "false", "--listFiles", "--incremental"];
  const output = await outputOf(
    [compiler, "-p", config, ...options, "--tsBuildInfoFile", given.buildInfo],
    given.signal,
  );
  const { files, mistakes } = parsed(output);
  if (!files.has(normalize(resolve(file))) && mistakes.every(({ path }) => path !== undefined)) {
    return unavailable(`${shownPath(config)} does not include ${file}`);
  }
  return { kind: "checked", mistakes };
}

const unavailable = (why: string): TypeCheck => ({ kind: "unavailable", reason: `types are not checked: ${why}` });

/** The command of the project's package. */
function compilerOf(config: string): string | undefined {
  const require = createRequire(config);
  try {
    const manifest = require.resolve("typescript/package.json");
    const { bin } = require(manifest) as { readonly bin?: { readonly tsc?: string } };
    return bin?.tsc === undefined ? undefined : join(dirname(manifest), bin.tsc);
  } catch (error) {
    if (propertyOf(error as object, "code") === "MODULE_NOT_FOUND") return undefined;
    throw error;
  }
}

const mostOutput = 64 * 1024 * 1024;

function outputOf(args: readonly string[], signal: AbortSignal): Promise<string> {
  return new Promise((done, reject) => {
    execFile(process.execPath, args, { signal, maxBuffer: mostOutput }, (error, stdout, stderr) => {
      // It exits with 1 or 2 if it found something; without output, it could not run.
      if (error === null || (typeof error.code === "number" && stdout !== "")) done(stdout);
      else reject(signal.aborted ? signal.reason : new Error(`TypeScript failed: ${stderr || thrownMessage(error)}`));
    });
  });
}

/** Lists each file of the program on a line, besides the mistakes. */
function parsed(output: string): { readonly files: ReadonlySet<string>; readonly mistakes: readonly TypeMistake[] } {
  const files = new Set<string>();
  const mistakes: { path?: string; text: string }[] = [];
  for (const line of output.split(/\r?\n/)) {
    const [, file, row, column, message] = /^(.+?)\((\d+),(\d+)\): (error .*)$/.exec(line) ?? [];
    const last = mistakes.at(-1);
    if (file !== undefined) {
      const path = resolve(file);
      mistakes.push({ path, text: `${shownPath(path)}:${row}:${column} ${message}` });
    } else if (/^error TS\d+: /.test(line)) mistakes.push({ text: line });
    else if (isAbsolute(line)) files.add(normalize(line));
    else if (last !== undefined && /^\s+\S/.test(line)) last.text += `\n${line}`;
  }
  return { files, mistakes };
}
