import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { compileHere } from "./compile-here.ts";

/*
 * The three compilers: 7.0 by its command line, the only way to call it; 5.9 and 6.0 in this process, unless they are
 * measured.
 */

const root = fileURLToPath(new URL("../", import.meta.url));
const run = promisify(execFile);

export const compilers = ["5.9", "6.0", "7.0"] as const;
export type Compiler = (typeof compilers)[number];

export const binaries: Readonly<Record<Compiler, string>> = {
  "5.9": join(root, "node_modules/typescript-5.9/bin/tsc"),
  "6.0": join(root, "node_modules/typescript/bin/tsc"),
  "7.0": join(root, "node_modules/typescript-7/bin/tsc"),
};

export interface Diagnostic {
  /** As given to {@link Workspace.write}. */
  readonly file: string;
  /** Both count from 1. */
  readonly line: number;
  readonly column: number;
  readonly code: string;
  /** All lines of the message; each level of detail is indented by two spaces. */
  readonly text: string;
}

export interface Compiled {
  readonly diagnostics: readonly Diagnostic[];
  readonly files: number;
  readonly types: number;
  readonly instantiations: number;
  /** Only if the program was compiled in a separate process. */
  readonly measured?: {
    readonly memoryMiB: number;
    readonly checkSeconds: number;
    readonly totalSeconds: number;
  };
}

export interface WorkspaceOptions {
  /** Whether each program is compiled in a separate process and measured. @defaultValue false */
  readonly isMeasured?: boolean;
}

/** A folder inside the repository, where imports find its packages, with programs to compile. */
export class Workspace implements Disposable {
  readonly path: string;
  readonly #isMeasured: boolean;

  constructor(name: string, { isMeasured = false }: WorkspaceOptions = {}) {
    this.#isMeasured = isMeasured;
    const cache = join(root, ".cache");
    mkdirSync(cache, { recursive: true });
    this.path = mkdtempSync(join(cache, `${name}-`));
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true });
  }

  write(file: string, text: string): void {
    const path = join(this.path, file);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  }

  /** Compiles `files` under the options of the repository's `tsconfig.json` and `options`. */
  async compile(
    compiler: Compiler,
    files: readonly string[],
    options: Readonly<Record<string, unknown>> = {},
  ): Promise<Compiled> {
    const project = `tsconfig.${files[0]?.replaceAll("/", "-")}.${compiler}.json`;
    const compilerOptions = { noErrorTruncation: true, ...options };
    this.write(project, JSON.stringify({ extends: join(root, "tsconfig.json"), compilerOptions, include: [], files }));
    if (compiler === "7.0" || this.#isMeasured) return parse(await this.#output(compiler, project));
    const { printed, ...figures } = compileHere(compiler, join(this.path, project), this.path);
    return { ...figures, diagnostics: diagnosticsIn(printed.split("\n")) };
  }

  async #output(compiler: Compiler, project: string): Promise<string> {
    // The checkers of 7.0 run in parallel, and each instantiates types separately: with one, its figures are comparable
    // with those of the other compilers. Tests run in parallel anyway.
    const single = compiler === "7.0" ? ["--singleThreaded"] : [];
    const args = [binaries[compiler], "-p", project, "--extendedDiagnostics", "--pretty", "false", ...single];
    try {
      return (await run(process.execPath, args, { cwd: this.path, maxBuffer: 2 ** 26 })).stdout;
    } catch (error) {
      // Exit codes 1 and 2 mean that there are diagnostics.
      if (error instanceof Error && "stdout" in error && "code" in error && (error.code === 1 || error.code === 2)) {
        return String(error.stdout);
      }
      throw error;
    }
  }
}

function parse(output: string): Compiled {
  const lines = output.split(/\r?\n/);
  const end = lines.findIndex((line) => /^Files: +\d/.test(line));
  if (end === -1) throw new Error(`the compiler gave no figures:\n${output}`);
  const figures = new Map(
    lines.slice(end).flatMap((line) => {
      const [, name, value] = /^([A-Za-z ]+): +([\d.]+)/.exec(line) ?? [];
      return name === undefined ? [] : [[name, Number(value)] as const];
    }),
  );
  const figure = (name: string) => {
    const value = figures.get(name);
    if (value === undefined) throw new Error(`the compiler gave no '${name}':\n${output}`);
    return value;
  };
  return {
    diagnostics: diagnosticsIn(lines.slice(0, end)),
    files: figure("Files"),
    types: figure("Types"),
    instantiations: figure("Instantiations"),
    measured: {
      memoryMiB: figure("Memory used") / 1024,
      checkSeconds: figure("Check time"),
      totalSeconds: figure("Total time"),
    },
  };
}

function diagnosticsIn(lines: readonly string[]): Diagnostic[] {
  const found: (Omit<Diagnostic, "text"> & { text: string })[] = [];
  for (const line of lines) {
    if (line === "") continue;
    const [, file, row, column, code = "", text = ""] =
      /^(?:(.+?)\((\d+),(\d+)\): )?error (TS\d+): (.*)$/.exec(line) ?? [];
    const last = found.at(-1);
    if (code !== "") found.push({ file: file ?? "", line: Number(row ?? 0), column: Number(column ?? 0), code, text });
    else if (last !== undefined) last.text += `\n${line}`;
    else throw new Error(`not a line of a diagnostic: ${line}`);
  }
  return found;
}
