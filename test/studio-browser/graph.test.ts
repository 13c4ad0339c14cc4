import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { expect, inject, test } from "vitest";
import { until } from "../helpers/waiting.ts";
import { useBrowser } from "./helpers/browser.ts";
import { wideFlow } from "./helpers/flows.ts";
import { testStudio } from "./helpers/studio.ts";

const openPage = useBrowser();

test("a graph of 500 nodes: states of all, zoom, and details of one", async ({ annotate }) => {
  const { graph, handlers } = wideFlow(500);
  const { url, engine } = await testStudio({ handlers });
  const task = await engine.run(graph);
  await task.wait();
  const page = await openPage(`${url}#/runs/${task.id}`);
  await until(async () => (await page.locator('[data-state="finished"]').count()) === 500, "all nodes are drawn");
  // The widest level has 243 nodes: in one column, they would be a few pixels high.
  const { height = 0 } = (await page.locator('[data-node="n499"]').boundingBox()) ?? {};
  expect(height).toBeGreaterThan(10);
  await annotate(`500 nodes after ${Math.round(await page.evaluate(() => performance.now()))} ms`);
  expect(await page.getByLabel("Small map of the graph").count()).toBe(0);

  const scale = () => page.locator(".graph-controls").textContent();
  const fitted = await scale();
  // Zoomed in, only what is in view is drawn.
  for (let step = 0; step < 8; step++) await page.getByRole("button", { name: "Zoom in" }).click();
  await until(async () => (await page.locator("[data-node]").count()) < 250, "less is drawn");
  await page.getByLabel("Small map of the graph").waitFor();
  expect(await scale()).not.toBe(fitted);
  await page.getByRole("button", { name: "Fit the graph" }).click();
  await until(async () => (await page.locator("[data-node]").count()) === 500, "all is drawn again");
  await page.getByRole("button", { name: "Legend" }).click();
  await page.getByText("starts when its parent has finished").waitFor();

  await page.locator('[data-node="n499"]').focus();
  await page.keyboard.press("Enter");
  await page.getByRole("complementary", { name: "Node n499" }).getByRole("link", { name: "n166" }).waitFor();
});

test("the page has no script or style but its own, and is small", async () => {
  const { url } = await testStudio();
  const page = await openPage("about:blank");
  const loaded: string[] = [];
  page.on("response", (response) => loaded.push(response.url()));
  await page.goto(url);
  await page.getByText("No runs yet").waitFor();
  expect(loaded.filter((address) => !address.startsWith(url))).toEqual([]);
  // Including what is loaded on demand.
  const assets = join(inject("studioPage"), "assets");
  const sizes = readdirSync(assets).map((file) => gzipSync(readFileSync(join(assets, file))).length);
  expect(loaded.length).toBeGreaterThan(2);
  expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThan(300_000);
});

test("a part of the page that cannot be loaded is reported, and the rest works", async () => {
  const { url } = await testStudio();
  const page = await openPage("about:blank", { mayReport: /Failed to fetch dynamically imported module/ });
  await page.route(/flows-page/, (route) => route.fulfill({ status: 500, body: "" }));
  await page.goto(`${url}#/flows`);
  await page.getByText("This part of the page has failed").waitFor();
  await page.getByRole("link", { name: "Runs" }).click();
  await page.getByText("No runs yet").waitFor();
  await page.unroute(/flows-page/);
  await page.goto(`${url}#/flows`);
  await page.reload();
  await page.getByText("No flow is known").waitFor();
});
