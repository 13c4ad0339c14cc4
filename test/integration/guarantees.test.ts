import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { allMutations } from "../mutations/all-mutations.ts";
import { rowsOf } from "../mutations/page.ts";
import { staleEdits } from "../mutations/planting.ts";

/* The pages name the test of each guarantee, which must exist under that name. */

const read = (page: string): string => readFileSync(resolve("docs", page), "utf8");
const guarantees = read("guarantees.md");
const behaviours = read("behaviours.md");
const testsOf = (page: string) =>
  [...page.matchAll(/^ *- `(test\/[^`]+)`: "(.+)"$/gm)].map(([, file = "", title = ""]) => ({ file, title }));

test("every law names a test", () => {
  const laws = guarantees.split(/^### /m).slice(1);
  expect(laws).toHaveLength(12);
  for (const law of laws) expect(law, law.split("\n")[0]).toMatch(/^- `test\//m);
});

test("every behaviour names a test", () => {
  const all = behaviours.split(/^- /m).slice(1);
  expect(all.length).toBeGreaterThan(60);
  for (const behaviour of all) expect(behaviour).toMatch(/^ {2}- `test\/[^`]+`: ".+"$/m);
});

test.each([...testsOf(guarantees), ...testsOf(behaviours)])("$file has the test: $title", ({ file, title }) => {
  expect(readFileSync(resolve(file), "utf8")).toContain(`"${title}"`);
});

describe("planted mistakes", () => {
  test("apply to the current code", () => {
    expect(staleEdits(allMutations)).toEqual([]);
  });

  test("have unique names, and each is on its page", () => {
    const names = allMutations.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    expect([...rowsOf(read("mutations.md")).keys()].toSorted()).toEqual(names.toSorted());
  });
});
