import { execFile } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { median } from "../measure.ts";
import { compilerOptions } from "./compile.ts";
import { type GraphForm, type Library, layered } from "./library.ts";

export interface GraphCost {
  readonly form?: string;
  readonly nodes: number;
  readonly instantiations: number;
  readonly types: number;
  /** Median of the rounds. */
  readonly checkSeconds: number;
  readonly memoryMiB: number;
  /** First line of the first error, if the compiler rejects the graph. */
  readonly refused?: string;
}

const require = createRequire(import.meta.url);

/** Compiles a correct graph with this many nodes, each round in a separate process. */
export async function measureGraph(
  { name, folder: root }: Library,
  { form, source }: GraphForm,
  { nodes, rounds, typescript }: { readonly nodes: number; readonly rounds: number; readonly typescript: string },
): Promise<GraphCost> {
  const folder = join(root, name, `graph-${nodes} ${form ?? ""}`.trim());
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, "graph.ts"), source(layered(nodes)));
  await writeFile(
    join(folder, "tsconfig.json"),
    JSON.stringify({ compilerOptions: { ...compilerOptions, incremental: false }, files: ["graph.ts"] }),
  );
  const runs: Compilation[] = [];
  for (let round = 0; round < rounds; round++) runs.push(await compile(folder, compilerWithVersion(typescript)));
  const middle = (take: (run: Compilation) => number) => median(runs.map(take).toSorted((a, b) => a - b));
  const [first] = runs;
  if (first === undefined) throw new Error("at least one round");
  return {
    ...(form === undefined ? {} : { form }),
    nodes,
    instantiations: first.instantiations,
    types: first.types,
    checkSeconds: middle(({ checkSeconds }) => checkSeconds),
    memoryMiB: Math.round(middle(({ memoryMiB }) => memoryMiB)),
    ...(first.refused === undefined ? {} : { refused: first.refused }),
  };
}

type Compilation = Omit<GraphCost, "nodes" | "form">;

function compile(folder: string, compiler: string): Promise<Compilation> {
  return new Promise((resolve, reject) => {
    const args = [compiler, "-p", folder, "--extendedDiagnostics", "--pretty", "false"];
    execFile(process.execPath, args, { maxBuffer: 2 ** 26 }, (failure, stdout) => {
      const value = (name: string) => {
        const found = new RegExp(`^${name}:\\s+([\\d.]+)`, "m").exec(stdout)?.[1];
        if (found === undefined)
          reject(new Error(`the compiler does not report '${name}': ${stdout}`, { cause: failure }));
        return Number(found);
      };
      const refused = /error (TS\d+: .*)/.exec(stdout)?.[1];
      resolve({
        instantiations: value("Instantiations"),
        types: value("Types"),
        checkSeconds: value("Check time"),
        memoryMiB: value("Memory used") / 1024,
        ...(refused === undefined ? {} : { refused }),
      });
    });
  });
}

/** The compilers' packages are defined in the root package.json. */
function compilerWithVersion(version: string): string {
  for (const name of ["typescript", "typescript-5.9"]) {
    if (require(`${name}/package.json`).version === version) return require.resolve(`${name}/lib/tsc.js`);
  }
  throw new Error(`TypeScript ${version} is not installed`);
}
