import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import { datasetFiles } from "../../examples/flights/dataset.ts";
import { flights } from "../../examples/flights/flow.ts";
import { Gate, until } from "../helpers/waiting.ts";
import { useBrowser } from "./helpers/browser.ts";
import { approvalFlow, checkFlow, hostile } from "./helpers/flows.ts";
import { testStudio } from "./helpers/studio.ts";

const openPage = useBrowser();

const status = (page: Page, value: string) => page.locator(`.page-head [data-status="${value}"]`).first();
const card = (page: Page, node: string) => page.locator(`[data-node="${node}"]`);
const runIdIn = (page: Page): string => new URL(page.url()).hash.split("/")[2]?.split("?")[0] ?? "";

test("a run of the flights example, from the form to the report", async () => {
  const { url, engine } = await testStudio({ flows: [flights] });
  const page = await openPage(url);
  await page.getByText("No runs yet").waitFor();
  await page.getByRole("button", { name: "Run a flow" }).click();
  await page.getByLabel("flights", { exact: true }).fill(datasetFiles.flights);
  const start = page.getByRole("button", { name: "Start the run" });
  const sent: unknown[] = [];
  page.on("request", (request) => request.method() === "POST" && sent.push(request.postDataJSON()));
  await start.click();
  await page.getByText("Enter airports.").waitFor();
  await page.getByText("Correct these fields first: airports").waitFor();
  expect(sent).toEqual([]);
  await page.getByLabel("airports").fill(datasetFiles.airports);
  await start.click();

  await status(page, "finished").waitFor();
  const { flights: rows, airports } = datasetFiles;
  expect(sent).toEqual([{ flow: "flights", params: { flights: rows, airports } }]);
  const { nodes } = await engine.task(runIdIn(page)).status();
  for (const { nodeId, batches } of nodes) {
    await page.locator(`[data-node="${nodeId}"][data-state="finished"]`).waitFor();
    expect(await card(page, nodeId).textContent()).toContain(`${batches} done`);
  }

  await card(page, "report").click();
  await page.getByRole("link", { name: "Artifacts (1)" }).click();
  await page.getByText("1 artifact is stored; 1 shown").waitFor();
  await page.locator(".batch-toggle").click();
  const report = page.locator(".batch-open");
  await report.getByText("rows:").first().waitFor();
  await report.getByRole("button", { name: "Show its lineage" }).click();
  await report.getByRole("link", { name: "merge" }).first().waitFor();

  await page.getByRole("link", { name: "Timeline" }).click();
  await until(async () => (await page.locator(".lane").count()) === nodes.length, "a lane for each node");
  expect(await page.locator('.lane-name[title*="attempt 1 finished after"]').count()).toBe(nodes.length);
});

test("a failure is looked into, down to the input of its batch", async () => {
  const numbers = checkFlow({ refuses: (n) => n === 7 });
  const { url, engine } = await testStudio({ flows: [numbers] });
  const task = await engine.run(numbers, { params: { rows: 20 } });
  await task.wait();
  const page = await openPage(url);
  await page.getByText("at 'check': row 7 is odd").waitFor();
  const streams: string[] = [];
  page.on("request", (request) => request.url().endsWith("/stream") && streams.push(request.url()));
  await page.getByRole("link", { name: task.id }).click();
  // Batches that the failed node has not read no longer count as waiting.
  await page.locator(".edge-label").getByText("13 not read").waitFor();
  await page.getByRole("link", { name: "Look into 'check', batch 'row-7'" }).click();
  const panel = page.getByRole("complementary", { name: "Node check" });
  await panel.getByText("Failed at batch 'row-7'").waitFor();
  expect(await panel.getByLabel("Stack").textContent()).toContain("processBatch");
  // What it contains is shown as text.
  await panel.locator(".json").getByText(hostile).waitFor();
  expect(await page.locator(".json img").count()).toBe(0);
  await panel.getByRole("link", { name: "Attempts (1)" }).click();
  await panel.getByText("Attempt 1", { exact: true }).waitFor();
  await page.keyboard.press("Escape");
  await panel.waitFor({ state: "detached" });
  // Nothing follows for a run that has ended, or does not exist.
  await page.goto(`${url}#/runs/unknown`);
  await page.getByText("TASK_UNKNOWN").waitFor();
  expect(streams).toEqual([]);
});

test("a cancel asks once, and says what it will do", async () => {
  const numbers = checkFlow({
    refuses: () => false,
    before: (signal) => new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason))),
  });
  const { url, engine } = await testStudio({ flows: [numbers] });
  const task = await engine.run(numbers, { params: { rows: 3 } });
  const page = await openPage(`${url}#/runs/${task.id}`);
  await page.locator('[data-node="check"][data-state="running"]').waitFor();
  await page.getByRole("button", { name: "Cancel", exact: true }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByText("running node is asked to stop, and no other will start").waitFor();
  await dialog.getByRole("button", { name: "Close" }).last().click();
  expect((await task.status()).status).toBe("running");

  await page.getByRole("button", { name: "Cancel", exact: true }).click();
  await dialog.getByLabel("Reason (optional)").fill("the wrong file");
  await dialog.getByRole("button", { name: "Cancel the run" }).click();
  await status(page, "cancelled").waitFor();
  await page.getByText("Cancelled: the wrong file").waitFor();
  expect((await task.status()).cancelReason).toBe("the wrong file");
});

test("a retry continues in a new run", async () => {
  let isMended = false;
  const numbers = checkFlow({ refuses: (n) => n === 7 && !isMended });
  const { url, engine } = await testStudio({ flows: [numbers] });
  const task = await engine.run(numbers, { params: { rows: 10 } });
  await task.wait();
  isMended = true;
  const page = await openPage(`${url}#/runs/${task.id}`);
  await page.getByRole("button", { name: "Retry" }).click();
  await page.getByRole("dialog").getByText("1 node that finished is taken over").waitFor();
  await page.getByRole("button", { name: "Start the retry" }).click();
  await page.getByRole("link", { name: `Retry of ${task.id}` }).waitFor();
  await status(page, "finished").waitFor();
  const { retryOf } = await engine.task(runIdIn(page)).status();
  expect(retryOf).toBe(task.id);
});

test("a signal ends a wait, and failed batches are retried", async () => {
  let isMended = false;
  const approval = approvalFlow({ refuses: (n) => n % 4 === 1 && !isMended });
  const { url, engine } = await testStudio({ flows: [approval] });
  const task = await engine.run(approval);
  const page = await openPage(`${url}#/runs/${task.id}`);
  await page.locator('[data-node="approve"][data-state="deferred"]').click();
  await page.getByRole("button", { name: "Send the signal" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("ok").check();
  await dialog.getByLabel("by").fill("Ada");
  await dialog.getByRole("button", { name: "Send the signal" }).click();
  await status(page, "finished").waitFor();
  expect(await task.result()).toEqual({ approve: { ok: true, by: "Ada" } });

  isMended = true;
  await card(page, "sort").click();
  await page.getByRole("link", { name: "Errors (2)" }).click();
  await page.getByText("2 batches were set aside").waitFor();
  await page.getByRole("button", { name: "Retry failed batches" }).click();
  await dialog.getByText("2 batches that were set aside").waitFor();
  await dialog.getByRole("button", { name: "Start the retry" }).click();
  await page.getByRole("link", { name: `Retry of ${task.id}` }).waitFor();
  await page.locator('[data-node="sort"][data-state="finished"]').getByText("9 done").waitFor();
});

test("a reload in the middle shows the same place, and the run goes on", async () => {
  const gate = new Gate();
  const numbers = checkFlow({ refuses: () => false, before: (signal) => gate.pass(signal) });
  const { url, engine } = await testStudio({ flows: [numbers] });
  const task = await engine.run(numbers, { params: { rows: 5 } });
  const page = await openPage(`${url}#/runs/${task.id}`);
  await page.locator('[data-node="check"][data-state="running"]').click();
  await page.getByRole("link", { name: "Schemas" }).click();
  await page.reload();
  const panel = page.getByRole("complementary", { name: "Node check" });
  await panel.locator('[aria-current="page"]').getByText("Schemas").waitFor();
  await panel.getByText("Output").waitFor();
  gate.open();
  await status(page, "finished").waitFor();
  await card(page, "check").getByText("5 done").waitFor();
});

test("the page reports that the server is unreachable, and continues when it is back", async () => {
  const gate = new Gate();
  const numbers = checkFlow({ refuses: () => false, before: (signal) => gate.pass(signal) });
  const { url, engine, close, reopen } = await testStudio({ flows: [numbers] });
  const task = await engine.run(numbers, { params: { rows: 5 } });
  const page = await openPage(`${url}#/runs/${task.id}`);
  await page.locator('[data-connection="live"]').waitFor();
  await page.locator('[data-node="check"][data-state="running"]').waitFor();
  await close();
  await page.getByText("The server is not responding").waitFor();
  gate.open();
  await task.wait();
  // The last state stays visible.
  expect(await card(page, "check").getAttribute("data-state")).toBe("running");
  await reopen();
  await status(page, "finished").waitFor();
  expect(await page.getByText("The server is not responding").count()).toBe(0);
});

test("a stream that the server refuses is opened again", async () => {
  const gate = new Gate();
  const numbers = checkFlow({ refuses: () => false, before: (signal) => gate.pass(signal) });
  const { url, engine } = await testStudio({ flows: [numbers] });
  const task = await engine.run(numbers, { params: { rows: 5 } });
  const page = await openPage("about:blank");
  let refused = 0;
  await page.route(`**/api/tasks/${task.id}/stream`, (route) => {
    refused++;
    const answer = { code: "STUDIO_BUSY", message: "this studio has 100 streams open" };
    return refused > 2 ? route.continue() : route.fulfill({ status: 503, json: answer });
  });
  await page.goto(`${url}#/runs/${task.id}`);
  await page.locator('[data-connection="live"]').waitFor();
  expect(refused).toBe(3);
  gate.open();
  await status(page, "finished").waitFor();
});
