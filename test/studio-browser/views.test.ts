import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import * as z from "zod";
import { defineHandler, flow, param } from "../../src/index.ts";
import { Gate, until } from "../helpers/waiting.ts";
import { useBrowser } from "./helpers/browser.ts";
import { approvalFlow, checkFlow } from "./helpers/flows.ts";
import { testStudio } from "./helpers/studio.ts";

const openPage = useBrowser();

const card = (page: Page, node: string) => page.locator(`[data-node="${node}"]`);
const status = (page: Page, value: string) => page.locator(`.page-head [data-status="${value}"]`).first();

/** Lets callers pass one after another. */
function turnstile(count: number) {
  const gates = Array.from({ length: count }, () => new Gate());
  let arrived = 0;
  let passed = 0;
  return {
    pass: (signal: AbortSignal) => gates[arrived++]?.pass(signal) ?? Promise.resolve(),
    release: () => gates[passed++]?.open(),
    releaseAll: () => {
      for (const gate of gates) gate.open();
    },
  };
}

test("a run shows its bottleneck, what waits on each edge, and its rates, while it runs", async () => {
  const entrance = turnstile(200);
  const numbers = checkFlow({ refuses: () => false, before: (signal) => entrance.pass(signal) });
  const { url, engine } = await testStudio({ flows: [numbers] });
  const task = await engine.run(numbers, { params: { rows: 200 } });
  const page = await openPage(`${url}#/runs/${task.id}`);
  await page.locator(".edge-label").getByText("200 waiting").waitFor();
  await card(page, "check").getByText("200 pending").waitFor();
  expect(await page.locator(".card").filter({ hasText: "Bottleneck" }).getAttribute("data-node")).toBe("check");

  await page.getByRole("link", { name: "Nodes in words" }).click();
  const row = page.getByRole("row").filter({ has: page.getByRole("link", { name: "check" }) });
  await row.getByText(/^check has been running on worker-\S+ for \d/).waitFor();
  await row.getByText("More input waits here than at any other running node.").waitFor();
  await row.getByText("0 done, 200 pending").waitFor();

  await page.getByRole("link", { name: "Rates" }).click();
  await page.getByText("No rates yet").waitFor();
  await until(async () => {
    entrance.release();
    return (await page.locator(".chart canvas").count()) === 1;
  }, "a chart");
  expect(await page.locator(".chart .u-label").allTextContents()).toContain("check");
  entrance.releaseAll();
  await status(page, "finished").waitFor();
  await page.getByRole("link", { name: "Graph", exact: true }).click();
  await card(page, "check").getByText("200 done").waitFor();
  expect(await page.getByText("Bottleneck").count()).toBe(0);
  expect(await page.locator(".edge-label").count()).toBe(0);
});

test("a run is paused and resumed", async () => {
  const entrance = turnstile(5);
  const numbers = checkFlow({ refuses: () => false, before: (signal) => entrance.pass(signal) });
  const { url, engine } = await testStudio({ flows: [numbers] });
  const task = await engine.run(numbers, { params: { rows: 5 } });
  const page = await openPage(`${url}#/runs/${task.id}`);
  await page.locator('[data-node="check"][data-state="running"]').waitFor();
  await page.getByRole("button", { name: "Pause", exact: true }).click();
  await page.getByRole("dialog").getByText("nothing new begins until the run is resumed").waitFor();
  expect((await task.status()).status).toBe("running");
  await page.getByRole("button", { name: "Pause the run" }).click();
  await status(page, "paused").waitFor();
  expect((await task.status()).status).toBe("paused");
  entrance.releaseAll();
  await page.locator('[data-node="check"][data-state="paused"]').getByText("Paused", { exact: true }).waitFor();
  await page.getByRole("button", { name: "Resume", exact: true }).click();
  await page.getByRole("button", { name: "Resume the run" }).click();
  await status(page, "finished").waitFor();
});

test("the timeline shows attempts, retries and waits; the events say what happened", async () => {
  let attempts = 0;
  const shaky = defineHandler("shaky", {
    output: z.int(),
    *iterBatches() {
      if (++attempts === 1) throw new Error("the first attempt fails");
      yield { payload: 1 };
    },
  });
  const given = flow("shaky")
    .node("shaky", shaky, { retry: { max: 1, backoffSec: 0.1 } })
    .wait("approve", { after: ["shaky"], payload: z.object({ ok: z.boolean() }) });
  const { url, engine } = await testStudio({ flows: [given] });
  const task = await engine.run(given);
  const page = await openPage(`${url}#/runs/${task.id}?tab=timeline`);
  const lane = (node: string) => page.locator(".lane").filter({ has: page.locator(`a[href*="node=${node}"]`) });
  await lane("approve").locator(".look-waiting").waitFor();
  await lane("shaky").locator(".look-done").waitFor();
  expect(await lane("shaky").locator(".look-failed").count()).toBe(1);
  expect(await lane("shaky").locator(".look-retrying").getAttribute("title")).toMatch(
    /^waited .* before its next attempt$/,
  );
  await page.getByRole("link", { name: "Events" }).click();
  await page.getByText("attempt 1 of shaky failed, and will be retried: unexpected_error").waitFor();
  await page.getByText("approve is waiting for its signal").waitFor();
  await page.locator(".events").getByRole("link", { name: "shaky" }).first().click();
  const panel = page.getByRole("complementary", { name: "Node shaky" });
  await panel.getByText("once, after 0.1 s").waitFor();
  await panel.getByRole("link", { name: "Attempts (2)" }).click();
  expect(await panel.locator(".attempts strong").allTextContents()).toEqual(["Attempt 2", "Attempt 1"]);
  expect(await panel.locator(".attempts [data-status]").allTextContents()).toEqual(["Finished", "Failed"]);
});

test("artifacts are read page by page, as trees, each with its lineage up and down", async () => {
  const numbers = checkFlow({ refuses: () => false });
  const { url, engine } = await testStudio({ flows: [numbers] });
  const task = await engine.run(numbers, { params: { rows: 60 } });
  await task.wait();
  const page = await openPage(`${url}#/runs/${task.id}?node=check&section=artifacts`);
  const more = page.getByRole("button", { name: "Show more artifacts" });
  await page.getByText("60 artifacts are stored; 25 shown").waitFor();
  await more.click();
  await page.getByText("60 artifacts are stored; 50 shown").waitFor();
  await more.click();
  await page.getByText("60 artifacts are stored; 60 shown").waitFor();
  expect(await more.count()).toBe(0);
  expect(new Set(await page.locator(".batch-uid").allTextContents()).size).toBe(60);

  await page
    .locator(".batch-toggle")
    .filter({ hasText: /row-41\b/ })
    .click();
  const opened = page.locator(".batch-open");
  await opened.getByText("n:").waitFor();
  await opened.getByRole("button", { name: "2 keys" }).click();
  expect(await opened.getByText("n:").count()).toBe(0);
  await opened.getByRole("button", { name: "Show its lineage" }).click();
  const lineage = page.getByLabel("Lineage");
  await lineage.getByText("row-41").waitFor();
  expect(await lineage.textContent()).toMatch(/Upstream.*count\s*row-41.*Downstream.*Nothing has been made from it/s);
  await lineage.getByRole("link", { name: "count" }).click();
  await page.getByRole("complementary", { name: "Node count" }).waitFor();
  await page
    .locator(".batch-toggle")
    .filter({ hasText: /row-7\b/ })
    .click();
  await page.getByRole("button", { name: "Show its lineage" }).click();
  await lineage.getByText("row-7").waitFor();
  expect(await lineage.textContent()).toMatch(/Upstream.*It was produced here.*Downstream.*check\s*row-7/s);
});

test("a run shows its parameters, variables and results; a flow, how its file differs from its last run", async () => {
  const numbers = checkFlow({ refuses: () => false });
  const varied = flow("varied", { params: z.object({ day: z.string() }) }).fn("set", "vars.set", {
    args: { kv: { run: { day: param("day") } } },
  });
  const changed = flow("varied", { params: z.object({ day: z.string() }) })
    .fn("set", "vars.set", { args: { kv: { run: { day: param("day"), part: 2 } } } })
    .fn("then", "noop", { after: ["set"] });
  const { url, engine } = await testStudio({ flows: [numbers, changed] });
  const task = await engine.run(varied, { params: { day: "monday" } });
  await task.wait();
  const page = await openPage(`${url}#/runs/${task.id}?tab=data`);
  const data = page.getByLabel("Parameters and variables");
  await data.getByText('"monday"').nth(1).waitFor();
  expect(await data.textContent()).toMatch(/Parameters.*day: "monday".*Variables.*run.*day: "monday"/s);

  await page.getByRole("link", { name: "Flows" }).click();
  await page.getByRole("row").filter({ hasText: "varied" }).getByText("changed since its last run").waitFor();
  await page.getByRole("link", { name: "varied" }).click();
  await page.getByRole("link", { name: "Changes since the last run (3)" }).click();
  const changes = page.getByLabel("Changes").getByRole("listitem");
  expect(await changes.allTextContents()).toEqual([
    expect.stringMatching(/^Added\s*node then/),
    expect.stringMatching(/^Added\s*edge set -> then/),
    expect.stringMatching(/^Changed\s*node set \/io\/fn_args\/kv\/run\/part\s*2/),
  ]);
  await page.getByRole("button", { name: "Run it" }).click();
  await page.getByRole("dialog").getByText("The file has changed since the last run").waitFor();
  await page.getByLabel("day").fill("tuesday");
  await page.getByRole("button", { name: "Start the run" }).click();
  await status(page, "finished").waitFor();
  await page.goto(`${url}#/flows/varied`);
  await page.getByText("unchanged since its last run").waitFor();
});

test("a form is sent once, however often its button is pressed, and shows what the server refuses", async () => {
  const approval = approvalFlow({ refuses: () => false });
  const { url, engine } = await testStudio({ flows: [approval] });
  const page = await openPage(`${url}#/flows/approval`);
  const answer = new Gate();
  let posts = 0;
  await page.route("**/api/tasks", async (route) => {
    posts++;
    if (posts > 1) return route.continue();
    await answer.pass();
    await route.fulfill({ status: 503, json: { code: "STORE_UNAVAILABLE", message: "the store does not answer" } });
  });
  await page.getByRole("button", { name: "Run it" }).click();
  const start = page.getByRole("button", { name: "Start the run" });
  await start.click();
  await until(() => answer.arrived === 1, "the request");
  expect(await start.isDisabled()).toBe(true);
  await page.getByRole("dialog").press("Enter");
  answer.open();
  await page.getByRole("alert").getByText("the store does not answer STORE_UNAVAILABLE").waitFor();
  expect(posts).toBe(1);
  expect((await engine.list()).items).toEqual([]);
  await start.click();
  await page.locator('[data-node="approve"][data-state="deferred"]').waitFor();
  expect((await engine.list()).items).toHaveLength(1);
});
