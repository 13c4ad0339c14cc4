import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Complaint, compilers, complaintsOf } from "./compile.ts";
import { type Library, programOf } from "./library.ts";
import { type MistakeName, mistakeNames } from "./mistakes.ts";
import { mistakesIn, type Variant, variantOf } from "./program.ts";
import { type Ran, run } from "./run.ts";

/** When a mistake is detected. */
export type Caught =
  /** By the compiler; `onToken`: the error is at the wrong argument, key or name. */
  | ({ readonly by: "compiler" } & Complaint)
  /** When the module is loaded that defines the graph. */
  | { readonly by: "definition"; readonly says: string }
  | { readonly by: "run"; readonly says: string }
  /** Not at all: the run succeeds. `result` is its actual result, `expected` the correct one. */
  | { readonly by: "nobody"; readonly result: string; readonly expected: string }
  /** It compiles and loads, and a run needs a service. */
  | { readonly by: "service" }
  | { readonly by: "no such concept"; readonly why: string };

export interface LibraryCases {
  /** Compiler version. */
  readonly typescript: string;
  readonly cases: { readonly [name in MistakeName]: Caught };
}

/** @throws Error if the unmodified program is not correct, because results for its mistakes would be meaningless */
export async function checkCases(library: Library): Promise<LibraryCases> {
  const source = await readFile(programOf(library), "utf8");
  const described = mistakesIn(source);
  for (const name of mistakeNames) {
    if (described.has(name) === (library.without[name] !== undefined))
      throw new Error(`${library.name}: the program must either make the mistake '${name}' or declare it impossible`);
  }
  const right = await write(library, "right", variantOf(source));
  const refused = compilers.map((compiler) => complaintsOf(compiler, right));
  const compiler = compilers[refused.findIndex((complaints) => complaints.length === 0)];
  if (compiler === undefined)
    throw new Error(`${library.name}: the correct program does not compile: ${firstMessage(refused)}`);
  const expected = await run(library, right);
  if (expected.error !== undefined) throw new Error(`${library.name}: the correct program fails: ${expected.error}`);

  const cases: { [name in MistakeName]?: Caught } = {};
  for (const name of mistakeNames) {
    const why = library.without[name];
    if (why !== undefined) {
      cases[name] = { by: "no such concept", why };
      continue;
    }
    const variant = variantOf(source, name);
    const file = await write(library, name, variant);
    const [complaint] = complaintsOf(compiler, file, variant.tokens);
    cases[name] =
      complaint === undefined ? caughtBy(await run(library, file), expected) : { by: "compiler", ...complaint };
  }
  return { typescript: compiler.version, cases: cases as LibraryCases["cases"] };
}

function caughtBy(ran: Ran, expected: Ran): Caught {
  if (ran.error !== undefined) return { by: ran.stage, says: ran.error };
  if (ran.result === undefined) return { by: "service" };
  return { by: "nobody", result: ran.result, expected: expected.result ?? "" };
}

async function write({ folder, name: library }: Library, name: string, { code }: Variant): Promise<string> {
  const file = join(folder, library, `${name}.ts`);
  await mkdir(join(folder, library), { recursive: true });
  await writeFile(file, code);
  return file;
}

const firstMessage = (refused: readonly (readonly Complaint[])[]) =>
  refused.map(([first]) => `${first?.at} ${first?.says}`).join("; ");
