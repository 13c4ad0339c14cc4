import { expect, test } from "vitest";
import { navigationProblems, sectionsOf, titleOf } from "../../../scripts/site/navigation.ts";

const index = `# Documentation

[In no section](early.md)

## New here

Read [this](prose.md) first, coming from [elsewhere](https://example.com/other.md).

1. [Handlers](handlers.md): what a step does, see also [its errors](handlers.md#errors)
2. [Contributing](../CONTRIBUTING.md)

## Nothing in it

## Recipes

| page | is about |
|---|---|
| [Crawl](recipes/crawl.md), [Reduce](recipes/reduce.md) | as a [handler](handlers.md) |
`;

test("headings are sections, and each linked page is in the first section that links it", () => {
  expect(sectionsOf(index, "docs/README.md")).toEqual([
    { title: "New here", files: ["docs/prose.md", "docs/handlers.md", "CONTRIBUTING.md"] },
    { title: "Recipes", files: ["docs/recipes/crawl.md", "docs/recipes/reduce.md"] },
  ]);
});

test("each page must be listed, and exist", () => {
  const sections = sectionsOf("## All\n- [A](a.md)\n- [B](b.md)", "docs/README.md");
  expect(navigationProblems(sections, ["docs/a.md", "docs/c.md"])).toEqual([
    "docs/c.md is not in the navigation",
    "docs/b.md is in the navigation but does not exist",
  ]);
  expect(navigationProblems(sections, ["docs/a.md", "docs/b.md"])).toEqual([]);
});

test("the title of a page is its heading", () => {
  expect(titleOf("words\n\n# What `ctx` offers\n\n# More", "docs/a.md")).toBe("What ctx offers");
  expect(titleOf("words", "docs/a.md")).toBe("docs/a.md");
});
