import { afterAll, beforeAll, expect, inject, test } from "vitest";
import type { Compiled, Compiler } from "../compilers.ts";
import { LibraryWorkspace } from "../library.ts";
import { type Case, cases, mistake, wideMistakes } from "./cases.ts";
import { unknownNames } from "./programs.ts";

/*
 * Flows of any size compile, and at what cost. Only instantiations are judged: all compilers count the same. `npm run
 * bench:type-cost` shows the rest. 5.9 and 6.0 check by the same code: each compiles one of the largest flows.
 */

let workspace: LibraryWorkspace;
beforeAll(() => {
  workspace = new LibraryWorkspace("scale", inject("library"));
});
afterAll(() => workspace[Symbol.dispose]());

const measured = new Map<string, Compiled>();

/** By 7.0 where one compiler is enough: it is by far the fastest. */
async function measure({ name, program }: Case, compiler: Compiler = "7.0"): Promise<Compiled> {
  const key = `${name}, ${compiler}`;
  const known = measured.get(key);
  if (known !== undefined) return known;
  workspace.write("program.ts", program);
  const compiled = await workspace.compileUser(compiler, "program.ts");
  measured.set(key, compiled);
  return compiled;
}

const caseNamed = (name: string): Case => {
  const found = cases.find((one) => one.name === name);
  if (found === undefined) throw new Error(`unknown case '${name}'`);
  return found;
};

test.each(cases.filter(({ isReportOnly }) => !isReportOnly))("$name: within its limit", async (one) => {
  const { diagnostics, instantiations } = await measure(one);
  expect(diagnostics).toEqual([]);
  expect(instantiations).toBeLessThanOrEqual(one.limit);
});

test("each further node costs as much as the one before", async () => {
  const cost = async (count: number) => (await measure(caseNamed(`${count} nodes: chain`))).instantiations;
  const early = (await cost(200)) - (await cost(100));
  const late = (await cost(500)) - (await cost(400));
  expect(late).toBeLessThan(early * 1.25);
});

test("200 nodes with every option compile at the same cost", async () => {
  const counts = [];
  for (const compiler of ["5.9", "7.0"] as const) {
    const { diagnostics, instantiations } = await measure(caseNamed("200 nodes with every option there is"), compiler);
    expect(diagnostics, `TypeScript ${compiler}`).toEqual([]);
    counts.push(instantiations);
  }
  expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(100);
});

test("one mistake is one error, and its message costs little", async () => {
  const { diagnostics, instantiations } = await measure(mistake);
  expect(diagnostics.map(({ text }) => text)).toEqual([
    expect.stringContaining("edge 'n99' -> 'n100': .id is string, needs number"),
  ]);
  expect(instantiations).toBeLessThanOrEqual(mistake.limit);
  const { instantiations: right } = await measure(caseNamed("200 nodes: chain"));
  expect(instantiations - right).toBeLessThan(5_000);
});

test.each(wideMistakes)("$name: one error, within its limit", async (one) => {
  const { diagnostics, instantiations } = await measure(one);
  expect(diagnostics.map(({ code, text }) => [code, text])).toEqual([
    ["TS2345", expect.stringMatching(/^Argument of type .*edge 'n0' -> 'n1': .* is .*, needs /s)],
  ]);
  expect(instantiations).toBeLessThanOrEqual(one.limit);
});

/** Two programs, by an older compiler together: most of its work is what they import. */
const together = { "subflows.ts": caseNamed("100 nodes, used 5 times").program, "unknown.ts": unknownNames(60) };
const compiledTogether = new Map<Compiler, Promise<Compiled>>();

async function messagesIn(file: keyof typeof together, compiler: Compiler): Promise<readonly string[]> {
  let compiled = compiledTogether.get(compiler);
  if (compiled === undefined) {
    for (const [name, program] of Object.entries(together)) workspace.write(name, program);
    compiled = workspace.compileUser(compiler, Object.keys(together), { noErrorTruncation: false });
    compiledTogether.set(compiler, compiled);
  }
  const { diagnostics } = await compiled;
  expect(diagnostics.filter((one) => !Object.hasOwn(together, one.file))).toEqual([]);
  return diagnostics.filter((one) => one.file === file).map(({ text }) => text);
}

test("messages name what is unknown, however much is known, where compilers cut off long types", async () => {
  for (const compiler of ["6.0", "7.0"] as const) {
    expect(await messagesIn("unknown.ts", compiler), `TypeScript ${compiler}`).toEqual([
      expect.stringContaining("Wrong<\"node 'n60': 'n' is not a node declared before it\", "),
      expect.stringContaining("Wrong<\"node 'sources' reads from 'n', which is not a node declared before it\", "),
      expect.stringContaining("Wrong<\"'p' is not a parameter of this flow\", "),
      expect.stringContaining("Wrong<\"node 'codes': 'n' is not a reason code of handler 'day' or of the engine\", "),
    ]);
  }
});

test("a hundred nodes compile as subflows, used five times, with the older compilers", async () => {
  expect(await messagesIn("subflows.ts", "6.0")).toEqual([]);
});
