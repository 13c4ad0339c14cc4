import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { blockOf } from "../../bench/page-block.ts";
import { resultsFile, type SuiteResults, versionOf } from "../../bench/peers/results.ts";
import { suites } from "../../bench/peers/suites.ts";
import { marks, pages } from "../../bench/peers/tables.ts";
import packageJson from "../../package.json" with { type: "json" };

const results = JSON.parse(await readFile(resultsFile, "utf8")) as SuiteResults[];

test.for(Object.entries(pages))("the tables on %s match the stored run", async ([page, tables]) => {
  expect(blockOf(await readFile(page, "utf8"), marks)).toBe(tables(results));
});

test("the stored run used the locked versions", () => {
  const packages = new Map(suites.flatMap(({ entries }) => entries.map((entry) => [entry.title, entry.package])));
  for (const { shapes } of results) {
    for (const { outcomes } of shapes) {
      for (const { title, version } of outcomes)
        expect([title, version]).toEqual([title, versionOf(packages.get(title))]);
    }
  }
});

test("the other libraries check with the same zod, and their lock contains no registry", async () => {
  expect(versionOf("zod")).toBe(packageJson.devDependencies.zod);
  expect(await readFile("bench/peers/libraries/package-lock.json", "utf8")).not.toContain('"resolved": "http');
});
