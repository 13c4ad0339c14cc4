import { existsSync, readFileSync } from "node:fs";
import { glob } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { expect, test } from "vitest";

const pages: string[] = [];
for await (const page of glob(["*.md", "docs/**/*.md", "examples/*/*.md"])) pages.push(page);
pages.sort();

/** The page without its code: what looks like a link or a heading there is none. */
const prose = (page: string) => readFileSync(page, "utf8").replaceAll(/^( *)```[\s\S]*?^\1```$/gm, "");

/** The names under which GitHub, and the generators that follow it, link to the headings of a page. */
function anchors(page: string): ReadonlySet<string> {
  const names = new Set<string>();
  for (const [, heading = ""] of prose(page).matchAll(/^#{1,6} (.+)$/gm)) {
    const name = heading
      .trim()
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, "")
      .replaceAll(" ", "-");
    let free = name;
    for (let n = 1; names.has(free); n++) free = `${name}-${n}`;
    names.add(free);
  }
  return names;
}

const links = (page: string) =>
  [...prose(page).matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, target = ""]) => target)
    .filter((target) => !/^[a-z]+:/.test(target));

test.for(pages.filter((page) => links(page).length > 0))("every link of %s leads somewhere", (page) => {
  const dead = links(page).filter((target) => {
    const [path = "", anchor] = target.split("#");
    const file = path === "" ? page : join(dirname(page), path);
    return !existsSync(file) || (anchor !== undefined && !anchors(file).has(anchor));
  });
  expect(dead).toEqual([]);
});

test("the index names every page of the documentation", () => {
  const named = new Set(links("docs/README.md").map((target) => join("docs", target)));
  const missing = pages.filter((page) => page.startsWith("docs/") && page !== "docs/README.md" && !named.has(page));
  expect(missing.map((page) => relative("docs", page))).toEqual([]);
});
