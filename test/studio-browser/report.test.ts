import { expect, test } from "vitest";
import { memoryStore } from "../../src/adapters/memory/index.ts";
import { createEngine } from "../../src/engine/engine.ts";
import { graphHash } from "../../src/graph/index.ts";
import { viewGraph } from "../../src/studio/views/graph-view.ts";
import { RecordingLogger } from "../helpers/recording-logger.ts";
import { useBrowser } from "./helpers/browser.ts";
import { approvalFlow, checkFlow, hostile } from "./helpers/flows.ts";
import { fileWith, reportOf } from "./helpers/report.ts";

const openPage = useBrowser();

test("a report shows the run, its failure and its artifacts from a file, and asks no server", async () => {
  const numbers = checkFlow({ refuses: (n) => n === 7 });
  const shared = { store: memoryStore(), logger: new RecordingLogger() };
  await using engine = await createEngine({ ...shared, handlers: numbers.handlers });
  const task = await engine.run(numbers, { params: { rows: 20 } });
  await task.wait();
  const report = await reportOf(shared.store, task.id);
  const page = await openPage("about:blank");
  const requests: string[] = [];
  page.on("request", (request) => requests.push(request.url()));
  const address = await fileWith(report);
  await page.goto(address);
  await page.locator('[data-node="check"][data-state="failed"]').waitFor();
  await page.getByRole("link", { name: "Look into 'check', batch 'row-7'" }).click();
  await page.getByLabel("Stack").waitFor();
  await page.locator(".json").getByText(hostile).waitFor();
  expect(await page.title()).toContain("numbers");
  await page.getByRole("link", { name: "Timeline" }).click();
  await page.getByText("attempt that failed").waitFor();
  await page.locator('.lane a[href*="count"]').click();
  await page.getByRole("link", { name: "Artifacts" }).click();
  const stored = report.nodes.count?.artifacts.stored ?? 0;
  expect(stored).toBeGreaterThan(7);
  await page.getByText(`${stored} artifacts are stored; ${stored} shown`).waitFor();
  expect(await page.getByRole("button", { name: "Retry" }).count()).toBe(0);
  expect(requests.filter((url) => !url.startsWith("file:"))).toEqual([]);
  expect(new Set(requests.map((url) => url.split("#")[0]))).toEqual(new Set([address]));
});

test("a graph alone shows its nodes, with their settings in words", async () => {
  const graph = approvalFlow({ refuses: () => false }).compile({ schemas: true });
  const page = await openPage(await fileWith({ kind: "graph", graph: viewGraph(graph), hash: graphHash(graph) }));
  await page.locator('[data-node="sort"]').click();
  const panel = page.getByRole("complementary", { name: "Node sort" });
  await panel.getByText("batch").first().waitFor();
  await page.getByRole("button", { name: "Legend" }).click();
  await page.getByText("waits for a signal").first().waitFor();
  expect(await page.getByText(graphHash(graph)).count()).toBe(1);
});
