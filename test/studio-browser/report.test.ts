import { expect, test } from "vitest";
import { memoryStore } from "../../src/adapters/memory/index.ts";
import { createEngine } from "../../src/engine/engine.ts";
import { graphHash } from "../../src/graph/index.ts";
import { viewGraph } from "../../src/studio/views/graph-view.ts";
import { RecordingLogger } from "../helpers/recording-logger.ts";
import { useBrowser } from "./helpers/browser.ts";
import { approvalFlow, checkFlow, hostile, wideFlow } from "./helpers/flows.ts";
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
  await page.locator('[data-node="check"][data-state="failed"]').getByText("1 failed").waitFor();
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

test("a report of 500 nodes is as small as it has to be, keeps something of each node, and says what it leaves out", async () => {
  const rows = Array.from({ length: 20 }, () => async () => {});
  const { graph, handlers } = wideFlow(500, rows);
  const shared = { store: memoryStore(), logger: new RecordingLogger() };
  await using engine = await createEngine({ ...shared, handlers });
  const task = await engine.run(graph);
  await task.wait();
  const longest = 1_200_000; // of a file of 2 MB, the page takes the rest
  const report = await reportOf(shared.store, task.id, longest);
  expect(Buffer.byteLength(JSON.stringify(report))).toBeLessThan(longest);
  const nodes = Object.values(report.nodes);
  expect(nodes).toHaveLength(500);
  expect(nodes.every(({ artifacts, detail }) => artifacts.items.length > 0 && detail.attempts.length > 0)).toBe(true);
  const page = await openPage("about:blank", { colorScheme: "dark" });
  await page.goto(await fileWith(report));
  await page.locator('html[data-theme="dark"]').waitFor();
  for (const text of report.omitted) await page.getByRole("listitem").filter({ hasText: text }).waitFor();
  await page.locator('[data-node="n499"]').click();
  const panel = page.getByRole("complementary", { name: "Node n499" });
  await panel.getByText("once its parent has finished").waitFor();
  await panel.getByText("20 done").waitFor();
  await panel.getByRole("link", { name: "Artifacts (20)" }).click();
  await panel.getByText("The other artifacts are left out, so that the report stays small.").waitFor();

  const short = await fileWith(await reportOf(shared.store, task.id, 500_000));
  await page.goto(`${short}#/?node=n499&section=artifacts`);
  await page.reload();
  await panel.getByText("The artifacts are left out, so that the report stays small.").waitFor();
  await page.getByRole("link", { name: "Timeline" }).click();
  await page.getByText("This report has no timeline.").waitFor();
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
