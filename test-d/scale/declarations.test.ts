import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { BuiltPackage } from "../built-package.ts";
import { compilers } from "../compilers.ts";
import { threeParents } from "./programs.ts";

/* Projects that export flows write their types to declarations, and read them there. */

let workspace: BuiltPackage;
beforeAll(() => {
  workspace = new BuiltPackage("declarations");
});
afterAll(() => workspace[Symbol.dispose]());

describe.each(compilers)("TypeScript %s", (compiler) => {
  const emit = async (program: string): Promise<string> => {
    const options = { noEmit: false, declaration: true, emitDeclarationOnly: true, rootDir: ".", outDir: "out" };
    workspace.write("program.ts", program);
    const { diagnostics } = await workspace.compileUser(compiler, "program.ts", options);
    // TS7056 would say that the type is too long to be written, TS4023 that a part of it has no name.
    expect(diagnostics).toEqual([]);
    return readFileSync(join(workspace.path, "out/program.d.ts"), "utf8");
  };

  test("writes readable declarations of a small flow", async () => {
    await expect(await emit(threeParents(2, "chain"))).toMatchFileSnapshot("small-flow.d.ts.txt");
  });

  test("writes declarations of a flow of 200 nodes, and reads them", async () => {
    const declarations = await emit(threeParents(200, "options"));
    expect(declarations.length).toBeLessThan(70_000);

    workspace.write("flow.d.ts", declarations);
    workspace.write(
      "reader.ts",
      `import { defineHandler } from "flowkit";
       import * as z from "zod";
       import { generated } from "./flow.js";
       const next = defineHandler("next", { input: z.object({ v199: z.number() }), output: z.object({}) });
       export const longer = generated.then("next", next);
       export const wrong = generated.then("next", next, { after: ["n198"] });`,
    );
    const { diagnostics } = await workspace.compileUser(compiler, "reader.ts");
    expect(diagnostics).toHaveLength(1);
    expect(diagnostics[0]?.text).toContain("edge 'n198' -> 'next': .v199 is missing (needs number)");
  });

  test("writes declarations of adapters and of handlers that suggest them, and reads them", async () => {
    const declarations = await emit(
      `import { defineHandler, defineInputAdapter, flow } from "flowkit";
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
       export const prices = flow("prices", { adapters: [column, rows] }).node("list", list);`,
    );
    workspace.write("adapters.d.ts", declarations);
    workspace.write(
      "reader.ts",
      `import { defineHandler, flow } from "flowkit";
       import * as z from "zod";
       import { built, column, own, prices } from "./adapters.js";
       export const longer = prices.then("built", built).node("own", own, { after: ["list"] });
       const texts = defineHandler("texts", { output: z.object({ prices: z.string() }), processBatch: () => ({ prices: "" }) });
       export const wrong = flow("wrong", { adapters: [column] }).node("texts", texts).then("built", built);`,
    );
    const { diagnostics } = await workspace.compileUser(compiler, "reader.ts");
    expect(diagnostics).toHaveLength(1);
    expect(diagnostics[0]?.text).toContain("node 'built': 'prices' is not a list in every output of: texts");
  });
});
