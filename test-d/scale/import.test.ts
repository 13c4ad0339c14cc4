import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { BuiltPackage, dist } from "../built-package.ts";
import type { Compiled } from "../compilers.ts";
import { type Kept, keptBy } from "./heap.ts";
import { withFlowkit, zodOnly } from "./programs.ts";

/*
 * The cost of the import alone, for a program that uses zod anyway. Counts work, since times differ between runs: `npm run
 * bench:type-cost` measures those. 5.9 and 6.0 check by the same code and count the same, so only 6.0 is measured.
 */

let workspace: BuiltPackage;
/** Measured with 6.0, in the process that measures the memory of a compiler. */
let kept: readonly [Kept, Kept];

beforeAll(async () => {
  workspace = new BuiltPackage("import");
  workspace.write("zod.ts", zodOnly);
  workspace.write("flowkit.ts", withFlowkit);
  kept = [await keptBy(join(workspace.path, "zod.ts")), await keptBy(join(workspace.path, "flowkit.ts"))];
});
afterAll(() => workspace[Symbol.dispose]());

async function compileBoth(options = {}): Promise<readonly [Compiled, Compiled]> {
  const compiled = [
    await workspace.compileUser("7.0", "zod.ts", options),
    await workspace.compileUser("7.0", "flowkit.ts", options),
  ] as const;
  for (const { diagnostics } of compiled) expect(diagnostics).toEqual([]);
  return compiled;
}

test.each(["6.0", "7.0"] as const)("TypeScript %s: an import costs next to nothing", async (compiler) => {
  const [alone, both] = compiler === "6.0" ? kept : await compileBoth();
  expect(both.instantiations - alone.instantiations).toBeLessThan(500);
  expect(both.types - alone.types).toBeLessThan(500);
  expect(both.files - alone.files).toBeLessThanOrEqual(5);
});

test("without skipLibCheck, its declarations add little to zod's own", async () => {
  const [alone, both] = await compileBoth({ skipLibCheck: false });
  expect(both.instantiations - alone.instantiations).toBeLessThan(41_700);
});

test("an import uses less than 10 MiB of a compiler", () => {
  const [alone, both] = kept;
  expect(both.heapMiB - alone.heapMiB).toBeLessThan(10);
});

test("its declarations are short to read", () => {
  expect(declarationBytes("index.d.ts")).toBeLessThan(250_500);
});

/** Of a file and everything that it imports from the package. */
function declarationBytes(file: string, seen = new Set<string>()): number {
  if (seen.has(file)) return 0;
  seen.add(file);
  const text = readFileSync(`${dist}${file}`, "utf8");
  const imported = [...text.matchAll(/from ['"]\.\/([\w-]+)\.js['"]/g)].map(([, name]) => `${name}.d.ts`);
  return text.length + imported.reduce((sum, next) => sum + declarationBytes(next, seen), 0);
}
