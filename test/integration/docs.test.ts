import { existsSync } from "node:fs";
import { glob, readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import type { Diagnostic } from "../../test-d/compilers.ts";
import { LibraryWorkspace } from "../../test-d/library.ts";
import { type DocProgram, docPrograms, externalPrograms } from "../helpers/doc-programs.ts";
import { runProcess } from "../helpers/run-process.ts";

const pages: string[] = [];
for await (const page of glob(["*.md", "docs/**/*.md", "examples/*/*.md"])) pages.push(page);
const comparisons = new Map<string, number>();
const programs: { readonly page: string; readonly program: DocProgram; readonly file: string }[] = [];
for (const page of pages.toSorted()) {
  const text = await readFile(page, "utf8");
  if (externalPrograms(text) > 0) comparisons.set(page, externalPrograms(text));
  for (const program of docPrograms(text)) {
    programs.push({ page, program, file: `${page.replaceAll(/[\\/]/g, "__")}-${program.line}.ts` });
  }
}

/** The console decides the layout and quoting of values. */
const normal = (text: string) => text.replaceAll(/\s+/g, "").replaceAll('"', "'");

describe("the code on the pages", () => {
  let workspace: LibraryWorkspace;
  let errors: readonly Diagnostic[];

  beforeAll(async () => {
    workspace = new LibraryWorkspace("docs", inject("library"));
    for (const { file, program } of programs) workspace.write(file, program.code);
    // Sorted, since the order in which a message names properties depends on that of the files.
    const files = programs.map(({ file }) => file).toSorted();
    // The compiler whose messages the pages quote.
    errors = (await workspace.compileUser("6.0", files, { noErrorTruncation: false })).diagnostics;
  });

  afterAll(() => workspace[Symbol.dispose]());

  // These are not checked, so only pages about migrating from another library may have them.
  test.each([...comparisons])("%s shows %i programs of another library, which are not checked", (page) => {
    expect(page).toMatch(/^docs\/moving-from-[a-z-]+\.md$/);
  });

  const errorsIn = (file: string) => errors.filter((error) => basename(error.file) === file);
  const right = programs.filter(({ program }) => program.errors.length === 0);
  const wrong = programs.filter(({ program }) => program.errors.length > 0);

  test.each(right)("$page:$program.line passes the type checker", ({ file }) => {
    expect(errorsIn(file)).toEqual([]);
  });

  test.each(wrong)("$page:$program.line is rejected with the error on the page", ({ file, program }) => {
    const found = errorsIn(file);
    expect(found.map(({ line }) => line)).toEqual(program.errors.map(({ line }) => line));
    for (const [index, { words }] of program.errors.entries()) expect(found[index]?.text).toContain(words);
  });

  test("there are no other errors", () => {
    const known = new Set(programs.map(({ file }) => file));
    expect(errors.filter(({ file }) => !known.has(basename(file)))).toEqual([]);
  });

  test.each(programs.filter(({ program }) => program.runs))(
    "$page:$program.line runs and prints the output on the page",
    async ({ file, program }) => {
      // On the built package, as for users: it starts in half the time of the sources.
      if (!existsSync("dist/index.js")) throw new Error("dist is missing: run `npm run build` first");
      const run = await runProcess("node", [join(workspace.path, file)]);
      expect(run.exitCode, run.output).toBe(0);
      let rest = normal(run.output);
      for (const promised of program.prints) {
        expect(rest).toContain(normal(promised));
        rest = rest.slice(rest.indexOf(normal(promised)) + normal(promised).length);
      }
    },
  );
});
