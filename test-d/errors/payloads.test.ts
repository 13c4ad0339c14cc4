import { readFileSync } from "node:fs";
import { describe, expect, inject, test } from "vitest";
import { compilers } from "../compilers.ts";
import { LibraryWorkspace } from "../library.ts";

/* Every compiler accepts and rejects the same payloads, with and without `exactOptionalPropertyTypes`. */

/** With the maximum cost of each in instantiations: with 300 columns and 1,000 members, all of which each mistake examines. */
const programs = { payloads: 445_000, everyday: 214_300 };

const settings = compilers.flatMap((compiler) => [true, false].map((exact) => ({ compiler, exact })));

describe.each(Object.entries(programs))("%s", (name, mostInstantiations) => {
  const program = readFileSync(new URL(`${name}.ts.txt`, import.meta.url), "utf8");
  /** By line. */
  const sentences = new Map(
    program.split("\n").flatMap((line, index) => {
      const [, sentence] = /\/\/ says: (.*)$/.exec(line) ?? [];
      return sentence === undefined ? [] : [[index + 1, sentence] as const];
    }),
  );

  test.each(settings)("TypeScript $compiler, exactOptionalPropertyTypes: $exact", async ({ compiler, exact }) => {
    using workspace = new LibraryWorkspace(name, inject("library"));
    workspace.write("program.ts", program);
    // As in most projects, long types are cut off.
    const options = { exactOptionalPropertyTypes: exact, noErrorTruncation: false };
    const { diagnostics, instantiations } = await workspace.compileUser(compiler, "program.ts", options);
    expect(diagnostics.map(({ line }) => line)).toEqual([...sentences.keys()]);
    for (const { line, text } of diagnostics) {
      const [, quoted] = /Wrong\w*<("(?:[^"\\]|\\.)*")[,>]/.exec(text.split("\n")[0] ?? "") ?? [];
      expect(quoted === undefined ? text : String(JSON.parse(quoted))).toContain(sentences.get(line));
    }
    expect(instantiations).toBeLessThanOrEqual(mostInstantiations);
  });
});
