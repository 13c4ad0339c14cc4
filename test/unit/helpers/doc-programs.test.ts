import { describe, expect, test } from "vitest";
import { docPrograms } from "../../helpers/doc-programs.ts";

const page = (...lines: string[]) => lines.join("\n");

describe("docPrograms", () => {
  test("keeps the line numbers of the page", () => {
    const [program] = docPrograms(page("# Title", "", "```ts", "const a = 1;", "```"));
    expect(program).toMatchObject({ line: 4, code: "\n\n\nconst a = 1;", runs: true });
  });

  test("joins a continued block to the one before it", () => {
    const programs = docPrograms(page("```ts", "const a = 1;", "```", "words", "```ts continued", "a;", "```"));
    expect(programs.map(({ code }) => code)).toEqual(["\nconst a = 1;\n\n\n\na;"]);
  });

  test("removes the indentation of a list, and ignores other languages", () => {
    const programs = docPrograms(
      page("```sh", "ls", "```", "- a", "  ```ts no-run", "  if (x) {", "    y();", "  }", "  ```"),
    );
    expect(programs).toMatchObject([{ line: 6, runs: false, code: "\n\n\n\n\nif (x) {\n  y();\n}" }]);
  });

  test("a comment after console.log is the expected output", () => {
    const [program] = docPrograms(page("```ts", "console.log(f(1)); // { a: 1 }", "g(); // why", "```"));
    expect(program?.prints).toEqual(["{ a: 1 }"]);
  });

  test("a wrong program continues the one before it, and nothing continues a wrong one", () => {
    const programs = docPrograms(
      page("```ts", "a;", "```", "```ts wrong", "// error: no", "b;", "```", "```ts continued", "c;", "```"),
    );
    expect(programs).toMatchObject([
      { code: "\na;\n\n\n\n\n\n\nc;", runs: true, errors: [] },
      { code: "\na;\n\n\n// error: no\nb;", runs: false, errors: [{ line: 6, words: "no" }] },
    ]);
    expect(() => docPrograms(page("```ts wrong", "b;", "```"))).toThrow("belong together");
  });

  test("an unknown kind of block is an error with its line", () => {
    expect(() => docPrograms(page("", "```ts norun", "```"))).toThrow("line 2: unknown kind of block: ts norun");
    expect(() => docPrograms(page("```ts continued", "```"))).toThrow("line 1: nothing to continue");
  });
});
