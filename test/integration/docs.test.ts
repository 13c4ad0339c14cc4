import { glob, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { basename, join, relative, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type DocProgram, docPrograms, externalPrograms } from "../helpers/doc-programs.ts";
import { type ProcessOutcome, runProcess } from "../helpers/run-process.ts";

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

const onSource = resolve("test/helpers/flowkit-from-source.ts");
const fileOf = (error: string) => basename(error.split("(")[0] ?? "");
/** The console decides the layout and quoting of values. */
const normal = (text: string) => text.replaceAll(/\s+/g, "").replaceAll('"', "'");

describe("the code on the pages", () => {
  let folder: string;
  let check: ProcessOutcome = { exitCode: 0, output: "" };

  beforeAll(async () => {
    // Inside the repository, because the programs import its packages.
    await mkdir(".cache", { recursive: true });
    folder = await mkdtemp(resolve(".cache/docs-"));
    for (const { file, program } of programs) await writeFile(join(folder, file), program.code);
    await writeFile(
      join(folder, "tsconfig.json"),
      JSON.stringify({ extends: "../../tsconfig.json", include: ["*.ts"] }),
    );
    if (programs.length > 0) check = await runProcess("tsc", ["-p", folder, "--pretty", "false"]);
  });

  afterAll(() => rm(folder, { recursive: true, force: true }));

  // These are not checked, so only pages about migrating from another library may have them.
  test.each([...comparisons])("%s shows %i programs of another library, which are not checked", (page) => {
    expect(page).toMatch(/^docs\/moving-from-[a-z-]+\.md$/);
  });

  const errorsIn = (file: string) => check.output.split("\n").filter((line) => fileOf(line) === file);
  const right = programs.filter(({ program }) => program.errors.length === 0);
  const wrong = programs.filter(({ program }) => program.errors.length > 0);

  test.each(right)("$page:$program.line passes the type checker", ({ file, page }) => {
    const errors = errorsIn(file).map((error) => error.replace(relative(".", join(folder, file)), page));
    expect(errors).toEqual([]);
  });

  test.each(wrong)("$page:$program.line is rejected with the error on the page", ({ file, program }) => {
    const errors = errorsIn(file);
    const lineOf = (error: string) => Number(/\((\d+),\d+\): error/.exec(error)?.[1]);
    expect(errors.map(lineOf), errors.join("\n")).toEqual(program.errors.map(({ line }) => line));
    for (const [index, { words }] of program.errors.entries()) expect(errors[index]).toContain(words);
  });

  test("there are no other errors", () => {
    const known = new Set(programs.map(({ file }) => file));
    const errors = check.output.split("\n").filter((line) => line.includes("error TS"));
    expect(errors.filter((line) => !known.has(fileOf(line)))).toEqual([]);
    expect(check.exitCode === 0).toBe(errors.length === 0);
  });

  test.each(programs.filter(({ program }) => program.runs))(
    "$page:$program.line runs and prints the output on the page",
    async ({ file, program }) => {
      const run = await runProcess("node", ["--import", onSource, join(folder, file)]);
      expect(run.exitCode, run.output).toBe(0);
      let rest = normal(run.output);
      for (const promised of program.prints) {
        expect(rest).toContain(normal(promised));
        rest = rest.slice(rest.indexOf(normal(promised)) + normal(promised).length);
      }
    },
  );
});
