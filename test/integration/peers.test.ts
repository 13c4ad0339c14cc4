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
  test("the tables on the page are those of the stored run", async () => {
    expect(blockOf(await readFile("README.md", "utf8"))).toBe(tablesOf(results));
  });

  test("the stored run is one of the versions in the locks", () => {
    for (const { package: name, version } of results.libraries)
      expect([name, version]).toEqual([name, versionOf(name)]);
    expect(results.zod).toBe(versionOf("zod"));
    expect(results.zod).toBe(packageJson.devDependencies.zod); // FlowKit's cases take the repository's
    for (const { typescript } of results.libraries) {
      const ours = [packageJson.devDependencies.typescript, packageJson.devDependencies["typescript-5.9"]];
      expect(ours.map((version) => version.replace("npm:typescript@", ""))).toContain(typescript);
    }
  });

  test("the lock of the other libraries names no registry", async () => {
    expect(await readFile("bench/types/package-lock.json", "utf8")).not.toContain('"resolved": "http');
  });

  test("FlowKit still says what the stored run has", async () => {
    const { typescript, cases } = await checkCases(flowkit);
    const stored = results.libraries.find(({ name }) => name === "flowkit");
    expect({ typescript, cases }, "npm run bench:types -- flowkit --markdown").toEqual({
      typescript: stored?.typescript,
      cases: stored?.cases,
    });
  });
});

describe("a program with mistakes beside its lines", () => {
  const source = ["a(1)", "  //! unknown-step: a(«2»)", "  //! field-type: a(«3»)", "b"].join("\n");

  test("is right without them", () => {
    expect(variantOf(source)).toEqual({ code: "a(1)\nb", tokens: [] });
  });

  test("has the one that is asked for, and where its error belongs", () => {
    const { code, tokens } = variantOf(source, "field-type");
    expect(code).toBe("  a(3)\nb");
    expect(tokens.map(({ start, end }) => code.slice(start, end))).toEqual(["3"]);
  });

  test("has no mistake that the tables don't list, or whose place is unknown", () => {
    expect([...mistakesIn(source)]).toEqual(["unknown-step", "field-type"]);
    expect(() => mistakesIn("a\n//! mispelt: «b»")).toThrow("there is no mistake 'mispelt'");
    expect(() => mistakesIn("a\n//! wrong-return: b")).toThrow("'wrong-return' says not where");
  });
});
