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

  test("writes a small flow as people can read it", { timeout: 60_000 }, async () => {
    await expect(await emit(threeParents(2, "chain"))).toMatchFileSnapshot("small-flow.d.ts.txt");
  });

  test("writes a flow of 200 nodes, and reads it again", { timeout: 60_000 }, async () => {
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
});
