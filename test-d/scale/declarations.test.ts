import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { BuiltPackage } from "../built-package.ts";
import { type Compiled, compilers } from "../compilers.ts";
import { threeParents } from "./programs.ts";

/* Projects that export flows write their types to declarations, and read them there. */

const adapters = `import { defineHandler, defineInputAdapter, flow } from "flowkit";
import * as z from "zod";
export const column = defineInputAdapter("pull.column", {
  args: z.object({ key: z.string() }),
  payload: z.number(),
  expand: () => [1],
});
export const rows = defineInputAdapter("pull.rows", { args: z.object({}), expand: () => [] });
export const own = defineHandler("own", {
  input: z.number(),
  output: z.number(),
  inputAdapter: { adapter: column, key: "price" },
  processBatch: (price) => price,
});
export const built = defineHandler("built", {
  input: z.array(z.number()),
  output: z.number(),
  inputAdapter: { adapter: "pull.from_artifacts.rechunk:size", size: 4, metaListKey: "prices" },
  processBatch: (prices) => prices.length,
});
const list = defineHandler("list", {
  output: z.object({ prices: z.array(z.number()) }),
  processBatch: () => ({ prices: [1] }),
});
export const prices = flow("prices", { adapters: [column, rows] }).node("list", list);`;

/** Programs whose declarations are written, and those that read them: compiled together, since most of the work is what they import. */
const written = { small: threeParents(2, "chain"), large: threeParents(200, "options"), adapters };
const readers = {
  "reads-large": `import { defineHandler } from "flowkit";
import * as z from "zod";
import { generated } from "./out/large.js";
const next = defineHandler("next", { input: z.object({ v199: z.number() }), output: z.object({}) });
export const longer = generated.then("next", next);
export const wrong = generated.then("next", next, { after: ["n198"] });`,
  "reads-adapters": `import { defineHandler, flow } from "flowkit";
import * as z from "zod";
import { built, column, own, prices } from "./out/adapters.js";
export const longer = prices.then("built", built).node("own", own, { after: ["list"] });
const texts = defineHandler("texts", { output: z.object({ prices: z.string() }), processBatch: () => ({ prices: "" }) });
export const wrong = flow("wrong", { adapters: [column] }).node("texts", texts).then("built", built);`,
};

let workspace: BuiltPackage;
beforeAll(() => {
  workspace = new BuiltPackage("declarations");
});
afterAll(() => workspace[Symbol.dispose]());

describe.each(compilers)("TypeScript %s", (compiler) => {
  let emitted: Compiled;
  let read: Compiled;
  beforeAll(async () => {
    const filesOf = (programs: Readonly<Record<string, string>>) =>
      Object.entries(programs).map(([name, program]) => {
        const file = `${compiler}/${name}.ts`;
        workspace.write(file, program);
        return file;
      });
    const emit = { noEmit: false, declaration: true, emitDeclarationOnly: true };
    const folders = { rootDir: compiler, outDir: `${compiler}/out` };
    emitted = await workspace.compileUser(compiler, filesOf(written), { ...emit, ...folders });
    read = await workspace.compileUser(compiler, filesOf(readers));
  });

  const declarations = (name: keyof typeof written): string =>
    readFileSync(join(workspace.path, `${compiler}/out/${name}.d.ts`), "utf8");
  const complaints = (name: keyof typeof readers) =>
    read.diagnostics.filter(({ file }) => file === `${compiler}/${name}.ts`).map(({ text }) => text);

  test("writes what programs export", () => {
    // TS7056 would say that the type is too long to be written, TS4023 that a part of it has no name.
    expect(emitted.diagnostics).toEqual([]);
    expect(declarations("large").length).toBeLessThan(92_000);
  });

  test("writes readable declarations of a small flow", async () => {
    await expect(declarations("small")).toMatchFileSnapshot("small-flow.d.ts.txt");
  });

  test("reads a flow of 200 nodes again", () => {
    expect(complaints("reads-large")).toEqual([
      expect.stringContaining("edge 'n198' -> 'next': .v199 is missing (needs number)"),
    ]);
  });

  test("reads adapters and the handlers that suggest them again", () => {
    expect(complaints("reads-adapters")).toEqual([
      expect.stringContaining("node 'built': 'prices' is not a list in every output of: texts"),
    ]);
  });

  test("finds nothing else wrong", () => {
    expect(read.diagnostics).toHaveLength(2);
  });
});
