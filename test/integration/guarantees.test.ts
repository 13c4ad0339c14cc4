import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { expect, test } from "vitest";

/* docs/guarantees.md names a test for each law: it must be there, under that name. */

const page = readFileSync(resolve("docs/guarantees.md"), "utf8");
const named = [...page.matchAll(/^- `(test\/[^`]+)`: "(.+)"$/gm)].map(([, file = "", title = ""]) => ({ file, title }));

test("every law names a test", () => {
  const laws = page.split(/^### /m).slice(1);
  expect(laws).toHaveLength(12);
  for (const law of laws) expect(law, law.split("\n")[0]).toMatch(/^- `test\//m);
});

test.each(named)("$file has the test: $title", ({ file, title }) => {
  expect(readFileSync(resolve(file), "utf8")).toContain(`"${title}"`);
});
