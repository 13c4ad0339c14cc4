import { readFileSync } from "node:fs";
import { expect, inject, test } from "vitest";
import { LibraryWorkspace } from "../library.ts";

/* What fits and what does not is the same on every compiler, with and without `exactOptionalPropertyTypes`. */

const program = readFileSync(new URL("payloads.ts.txt", import.meta.url), "utf8");
/** By line. */
const sentences = new Map(
  program.split("\n").flatMap((line, index) => {
    const [, sentence] = /\/\/ says: (.*)$/.exec(line) ?? [];
    return sentence === undefined ? [] : [[index + 1, sentence] as const];
  }),
);
/** With 300 columns and 1,000 members, of which each mistake looks at all. */
const mostInstantiations = 560_000;

/** 5.9 and 6.0 check by the same code: each has one of the settings. */
const settings = [
  { compiler: "5.9", exact: true },
  { compiler: "6.0", exact: false },
  { compiler: "7.0", exact: true },
  { compiler: "7.0", exact: false },
] as const;

test.each(settings)("TypeScript $compiler, exactOptionalPropertyTypes: $exact", async ({ compiler, exact }) => {
  using workspace = new LibraryWorkspace("payloads", inject("library"));
  workspace.write("payloads.ts", program);
  const options = { exactOptionalPropertyTypes: exact };
  const { diagnostics, instantiations } = await workspace.compileUser(compiler, "payloads.ts", options);
  const said = diagnostics.map(({ line, code, text }) => {
    const [, quoted] = /Flow\w*Error<("(?:[^"\\]|\\.)*")>/.exec(text.split("\n")[0] ?? "") ?? [];
    return [line, quoted === undefined ? `${code} ${text}` : String(JSON.parse(quoted))] as const;
  });
  expect(said.map(([line]) => line)).toEqual([...sentences.keys()]);
  for (const [line, text] of said) expect(text).toContain(sentences.get(line));
  expect(instantiations).toBeLessThanOrEqual(mostInstantiations);
});
