import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
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

  test("are found by tests that exist under the title in the table and on the page", () => {
    const onPage = [...read("mutations.md").matchAll(/`(test\/[^`]+)`, "([^"]+)"/g)];
    const named = [
      ...onPage.map(([, file = "", title = ""]) => ({ file, title })),
      ...allMutations.flatMap(({ elsewhere }) => elsewhere ?? []),
    ];
    expect(onPage.length).toBeGreaterThan(100);
    const missing = named.filter(({ file, title }) => !titlesIn(file).some((full) => isPartOf(title, full)));
    expect(missing.map(({ file, title }) => `${file}: ${title}`)).toEqual([]);
  });
});

/** The texts in a file of tests, and in the contracts and helpers that it runs. */
const titlesIn = (file: string): readonly string[] => textsOf(resolve(file), new Set());

const textsByFile = new Map<string, readonly string[]>();

function textsOf(path: string, seen: Set<string>): readonly string[] {
  if (seen.has(path)) return [];
  seen.add(path);
  const source = readFileSync(path, "utf8");
  const own =
    textsByFile.get(path) ?? [...source.matchAll(/(["`])((?:(?!\1)[^\n])*)\1/g)].map(([, , text = ""]) => text);
  textsByFile.set(path, own);
  const imported = [...source.matchAll(/ from "(\.[^"]+)"/g)].map(([, name = ""]) => resolve(dirname(path), name));
  return [
    ...own,
    ...imported.filter((each) => each.startsWith(resolve("test"))).flatMap((each) => textsOf(each, seen)),
  ];
}

/** Whether a text contains a title, or is one with placeholders. One with hardly any other text would match everything. */
function isPartOf(title: string, text: string): boolean {
  if (text.includes(title)) return true;
  const parts = text.split(/\$\{[^}]*\}|%s/);
  if (parts.length === 1 || parts.join("").length < 15) return false;
  const escaped = parts.map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  return new RegExp(`^${escaped.join(".+")}$`).test(title);
}
