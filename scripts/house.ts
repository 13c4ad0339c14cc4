/*
 * Measures the structure of `src`, and fails if a limit is exceeded: `npm run house`.
 *
 *   --list  also prints the files behind each count
 */
import { spawnSync } from "node:child_process";
import { globSync, readFileSync } from "node:fs";
import { dirname, relative, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { parseArgs } from "node:util";

const { values } = parseArgs({ options: { list: { type: "boolean", default: false } } });
const root = fileURLToPath(new URL("..", import.meta.url));
process.chdir(root);

interface SourceFile {
  readonly path: string;
  readonly lines: number;
  readonly text: string;
  /** Files of `src` that it imports, including type imports. */
  readonly imports: readonly string[];
}

interface Measure {
  readonly name: string;
  readonly count: number;
  /** `undefined`: reported without a limit. */
  readonly most?: number;
  readonly files?: readonly string[];
}

const files = globSync("src/**/*.ts").sort().map(readSource);
const measures: readonly Measure[] = [
  { name: "files in src", count: files.length, most: 470 },
  { name: "folders in src", count: folders().size },
  listed("pairs of folders that import each other, directly or indirectly", 0, circles()),
  { name: "lines in src", count: files.reduce((sum, { lines }) => sum + lines, 0) },
  listed("files over 400 lines", 0, longFiles()),
  listed("crumbs: under 60 lines, with one importer, in the same folder", 0, crumbs()),
  listed("files that a run of two nodes enters", 75, enteredFiles()),
  listed("rules of the builder without types.ts or check.ts", 0, halfRules()),
  ...["memory", "sqlite/driver", "mongo/driver", "postgres/driver"].map((folder) => ({
    name: `lines of the store's driver in src/adapters/${folder}`,
    count: driverLines(folder),
    most: 900,
  })),
  listed("files that name the input adapter 'rechunk'", 5, naming(/rechunk/i)),
  listed("files that name the coordinator function 'vars.unset'", 3, naming(/vars[.]unset|varsUnset/)),
  listed("files that name the graph field 'max_pending_batches'", 8, naming(/max_?pending_?batches/i)),
];

for (const { name, count, most, files: found = [] } of measures) {
  const verdict = most === undefined ? "      " : count > most ? "FAILED" : "ok    ";
  const limit = most === undefined ? "" : `  (at most ${most})`;
  console.log(`${verdict} ${String(count).padStart(6)}  ${name}${limit}`);
  if (values.list || (most !== undefined && count > most))
    for (const file of found) console.log(`                 ${file}`);
}
process.exitCode = measures.some(({ count, most }) => most !== undefined && count > most) ? 1 : 0;

function listed(name: string, most: number, found: readonly string[]): Measure {
  return { name, count: found.length, most, files: found };
}

function readSource(path: string): SourceFile {
  const text = readFileSync(path, "utf8");
  const imports = [...text.matchAll(/(?:from|import)\s*\(?\s*"(\.{1,2}\/[^"]+)"/g)].map(([, specifier = ""]) =>
    relative(root, resolve(dirname(path), specifier)),
  );
  return { path, text, lines: text.split("\n").length - 1, imports: [...new Set(imports)] };
}

function longFiles(): string[] {
  return files.filter(({ lines }) => lines > 400).map(({ path, lines }) => `${path} (${lines})`);
}

/** The imported folders by folder. */
function folders(): ReadonlyMap<string, ReadonlySet<string>> {
  const arrows = new Map<string, Set<string>>();
  for (const { path, imports } of files) {
    const from = dirname(path);
    const to = arrows.get(from) ?? new Set();
    arrows.set(from, to);
    for (const each of imports) if (dirname(each) !== from) to.add(dirname(each));
  }
  return arrows;
}

function circles(): string[] {
  const arrows = folders();
  const reaches = (from: string, goal: string, seen = new Set<string>()): boolean =>
    [...(arrows.get(from) ?? [])].some((next) => {
      if (next === goal) return true;
      if (seen.has(next)) return false;
      return reaches(next, goal, seen.add(next));
    });
  const names = [...arrows.keys()].sort();
  return names.flatMap((one, at) =>
    names.slice(at + 1).flatMap((other) => (reaches(one, other) && reaches(other, one) ? [`${one} <-> ${other}`] : [])),
  );
}

/** A small file that only one file of its folder imports should be merged into that one, unless it isolates a hack. */
function crumbs(): string[] {
  const isolatedHacks = new Set(["src/adapters/kafka/idle-timer-fix.ts"]);
  return files
    .filter(({ path, lines }) => lines < 60 && !path.endsWith("/index.ts") && !isolatedHacks.has(path))
    .flatMap(({ path, lines }) => {
      const importers = files.filter(({ imports }) => imports.includes(path));
      const [only, ...others] = importers;
      if (only === undefined || others.length > 0 || dirname(only.path) !== dirname(path)) return [];
      if (only.path.endsWith("/index.ts")) return [];
      return [`${path} (${lines}) of ${only.path}`];
    });
}

/** `compile()` rejects what the compiler rejects, for callers without types, so the folder of a rule has both halves. */
function halfRules(): string[] {
  const halves = new Set(files.map(({ path }) => path));
  const rules = globSync("src/dsl/rules/*/");
  return rules.flatMap((rule) =>
    ["types.ts", "check.ts"].map((half) => `${rule}/${half}`).filter((path) => !halves.has(path)),
  );
}

/** By V8 coverage, from the call of `run` to the result: a file is entered if any of its functions is called. */
function enteredFiles(): string[] {
  const program = `
    import { defineHandler, flow } from "${pathToFileURL(resolve("src/index.ts"))}";
    import { createEngine } from "${pathToFileURL(resolve("src/engine/index.ts"))}";
    import { Session } from "node:inspector/promises";
    import * as z from "zod";
    const one = defineHandler("one", { output: z.int(), iterBatches: () => [{ payload: 1 }] });
    const two = defineHandler("two", { input: z.int(), output: z.int(), processBatch: (n) => n * 2 });
    const pair = flow("pair").node("one", one).then("two", two);
    pair.compile({ schemas: true }); // as its tasks are stored
    // No sweep takes part, however long the run takes on a busy machine.
    await using engine = await createEngine({ handlers: pair.handlers, tickMs: 600_000 });
    const profiler = new Session();
    profiler.connect();
    await profiler.post("Profiler.enable");
    await profiler.post("Profiler.startPreciseCoverage", { callCount: true, detailed: false });
    const result = await (await engine.run(pair)).result();
    const coverage = await profiler.post("Profiler.takePreciseCoverage");
    if (JSON.stringify(result) !== '{"two":[2]}') throw new Error(JSON.stringify(result));
    console.log(JSON.stringify(coverage));
  `;
  const { status, stdout, stderr } = spawnSync(process.execPath, ["--input-type=module", "--eval", program], {
    encoding: "utf8",
    maxBuffer: 64 * 1024 * 1024,
  });
  if (status !== 0) throw new Error(stderr);
  const { result }: Coverage = JSON.parse(stdout);
  return result
    .filter(({ url }) => url.startsWith(String(pathToFileURL(resolve("src")))))
    .filter(({ functions }) =>
      functions.some(({ functionName, ranges }) => functionName !== "" && (ranges[0]?.count ?? 0) > 0),
    )
    .map(({ url }) => relative(root, fileURLToPath(url)))
    .sort();
}

interface Coverage {
  readonly result: readonly {
    readonly url: string;
    readonly functions: readonly { readonly functionName: string; readonly ranges: readonly { count: number }[] }[];
  }[];
}

/** The lines of a driver, without those of a bus. */
function driverLines(folder: string): number {
  return files
    .filter(({ path }) => path.startsWith(`src/adapters/${folder}/`))
    .filter(({ path }) => !/\/bus-|-bus\.ts$|undelivered/.test(path))
    .reduce((sum, { lines }) => sum + lines, 0);
}

function naming(pattern: RegExp): string[] {
  return files.filter(({ text }) => pattern.test(text)).map(({ path }) => path);
}
