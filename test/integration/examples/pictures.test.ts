import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { crawl } from "../../../examples/crawl/flow.ts";
import { movies } from "../../../examples/etl-to-sqlite/flow.ts";
import { words } from "../../../examples/map-reduce/flow.ts";
import { toSvg } from "../../../src/cli/drawing/svg.ts";

/** As drawn by `flowkit graph examples/NAME/flow.ts -o examples/NAME/graph.svg`; `vitest -u` updates them. */
test.for([
  { name: "crawl", flow: crawl },
  { name: "etl-to-sqlite", flow: movies },
  { name: "map-reduce", flow: words },
])("the README of $name shows its current graph", async ({ name, flow }) => {
  const folder = `examples/${name}`;
  await expect(toSvg(flow.compile())).toMatchFileSnapshot(`../../../${folder}/graph.svg`);
  expect(await readFile(`${folder}/README.md`, "utf8")).toContain("](graph.svg)");
});
