import { readFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { checkCases } from "../../bench/types/cases.ts";
import { flowkit } from "../../bench/types/libraries/flowkit.ts";
import { blockOf, tablesOf } from "../../bench/types/markdown.ts";
import { mistakesIn, variantOf } from "../../bench/types/program.ts";
import { type Results, resultsFile, versionOf } from "../../bench/types/results.ts";
import packageJson from "../../package.json" with { type: "json" };

const results = JSON.parse(await readFile(resultsFile, "utf8")) as Results;

describe("the comparison with other libraries", () => {
  test("the tables on the page match the stored run", async () => {
    expect(blockOf(await readFile("README.md", "utf8"))).toBe(tablesOf(results));
  });

  test("the stored run used the locked versions", () => {
    for (const { package: name, version } of results.libraries)
      expect([name, version]).toEqual([name, versionOf(name)]);
    expect(results.zod).toBe(versionOf("zod"));
    expect(results.zod).toBe(packageJson.devDependencies.zod); // FlowKit's cases use the repository's
    for (const { typescript } of results.libraries) {
      const ours = [packageJson.devDependencies.typescript, packageJson.devDependencies["typescript-5.9"]];
      expect(ours.map((version) => version.replace("npm:typescript@", ""))).toContain(typescript);
    }
  });

  test("the lock of the other libraries contains no registry", async () => {
    expect(await readFile("bench/types/package-lock.json", "utf8")).not.toContain('"resolved": "http');
  });

  test("FlowKit's messages match the stored run", async () => {
    const { typescript, cases } = await checkCases(flowkit);
    const stored = results.libraries.find(({ name }) => name === "flowkit");
    expect({ typescript, cases }, "npm run bench:types -- flowkit --markdown").toEqual({
      typescript: stored?.typescript,
      cases: stored?.cases,
    });
  });
});

describe("a program with mistakes in comments", () => {
  const source = ["a(1)", "  //! unknown-step: a(«2»)", "  //! field-type: a(«3»)", "b"].join("\n");

  test("is correct without them", () => {
    expect(variantOf(source)).toEqual({ code: "a(1)\nb", tokens: [] });
  });

  test("provides the requested mistake and the position of its error", () => {
    const { code, tokens } = variantOf(source, "field-type");
    expect(code).toBe("  a(3)\nb");
    expect(tokens.map(({ start, end }) => code.slice(start, end))).toEqual(["3"]);
  });

  test("rejects an unknown mistake, and one without a position", () => {
    expect([...mistakesIn(source)]).toEqual(["unknown-step", "field-type"]);
    expect(() => mistakesIn("a\n//! mispelt: «b»")).toThrow("unknown mistake 'mispelt'");
    expect(() => mistakesIn("a\n//! wrong-return: b")).toThrow("'wrong-return' does not mark where");
  });
});
