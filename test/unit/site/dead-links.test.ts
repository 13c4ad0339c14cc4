import { expect, test } from "vitest";
import { deadLinks } from "../../../scripts/site/dead-links.ts";

const pages = [
  {
    path: "index.html",
    html: `<h1 id="top"></h1><a href="#top"></a><a href="docs/a.html#what-ctx-offers"></a>
      <a href="https://example.com/none"></a><img src="media/graph.svg"><a href="docs/a.html#caf%C3%A9"></a>`,
  },
  { path: "docs/a.html", html: `<h2 id="what-ctx-offers"></h2><h2 id="café"></h2><a href="../index.html#top"></a>` },
];
const files = ["index.html", "docs/a.html", "media/graph.svg"];

test("links to existing files and anchors are valid, and links to other sites are not checked", () => {
  expect(deadLinks(pages, files)).toEqual([]);
});

test.for([
  ["a missing page", `<a class="x" href="b.html">`, "docs/c.html: b.html"],
  ["a page of another folder", `<a href="index.html">`, "docs/c.html: index.html"],
  ["a missing image", `<img alt="" src="../media/none.svg">`, "docs/c.html: ../media/none.svg"],
  ["an anchor on another page", `<a href="a.html#none">`, "docs/c.html: a.html#none"],
  ["an anchor on this page", `<h2 id="here"><a href="#there">`, "docs/c.html: #there"],
  ["an escaped anchor", `<a href="b.html?x=1&amp;y=2">`, "docs/c.html: b.html?x=1&y=2"],
])("%s is dead", ([, html = "", dead]) => {
  const found = deadLinks([...pages, { path: "docs/c.html", html }], [...files, "docs/c.html"]);
  expect(found).toEqual([dead]);
});
