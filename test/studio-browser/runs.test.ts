import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import { until } from "../helpers/waiting.ts";
import { useBrowser } from "./helpers/browser.ts";
import { approvalFlow, checkFlow } from "./helpers/flows.ts";
import { testStudio } from "./helpers/studio.ts";

const openPage = useBrowser();

const rows = (page: Page) => page.locator(".runs tbody tr");

test("filters by state, text and flow, which stay in the address", async () => {
  const numbers = checkFlow({ refuses: (n) => n === 3 });
  const { url, engine } = await testStudio({ flows: [numbers] });
  const good = await engine.run(numbers, { params: { rows: 2 } });
  const bad = await engine.run(numbers, { params: { rows: 5 } });
  await Promise.all([good.wait(), bad.wait()]);
  const page = await openPage(url);
  await until(async () => (await rows(page).count()) === 2);
  await page.getByRole("link", { name: "Failed", exact: true }).click();
  await until(async () => (await rows(page).count()) === 1);
  await page.getByRole("link", { name: bad.id }).waitFor();
  await page.reload();
  await page.getByRole("link", { name: bad.id }).waitFor();
  expect(await rows(page).count()).toBe(1);

  await page.getByLabel("Find runs").fill("nothing like this");
  await page.getByText("No run matches").waitFor();
  await page.getByRole("link", { name: "Show all runs" }).click();
  await page.getByLabel("Find runs").fill(good.id.slice(0, 13));
  await until(async () => (await rows(page).count()) === 1);
  await page.getByRole("link", { name: good.id }).waitFor();
  await page.getByLabel("Find runs").fill("");
  await page.getByLabel("Flow", { exact: true }).selectOption("numbers");
  await until(async () => (await rows(page).count()) === 2);
});

test("a run that another program starts appears, changes and can be opened by keyboard", async () => {
  const numbers = checkFlow({ refuses: () => false });
  const { url, engine } = await testStudio({ flows: [numbers] });
  const page = await openPage(url);
  await page.getByText("No runs yet").waitFor();
  const first = await engine.run(numbers, { params: { rows: 2 } });
  await first.wait();
  const second = await engine.run(numbers, { params: { rows: 2 } });
  await rows(page).filter({ hasText: second.id }).locator('[data-status="finished"]').waitFor();
  const link = page.getByRole("link", { name: second.id });
  await link.focus();
  await page.keyboard.press("ArrowDown");
  await page.waitForFunction((id) => document.activeElement?.textContent === id, first.id);
  await page.keyboard.press("Enter");
  await page.waitForURL((address) => address.hash.startsWith(`#/runs/${first.id}`));
  await page.locator('[data-node="check"]').focus();
  await page.keyboard.press("Enter");
  await page.getByRole("complementary", { name: "Node check" }).waitFor();
});

test("a run that starts later shows when", async () => {
  const numbers = checkFlow({ refuses: () => false });
  const { url, engine } = await testStudio({ flows: [numbers] });
  const task = await engine.run(numbers, { params: { rows: 2 }, notBefore: Date.now() + 86_400_000 });
  const page = await openPage(url);
  const row = rows(page).filter({ hasText: task.id });
  await row.locator('[data-status="queued"]').waitFor();
  await row.getByText(/^Starts at \d{4}-\d\d-\d\d/).waitFor();
  await row.getByRole("link").click();
  await page
    .locator(".page-head")
    .getByText(/^Starts at/)
    .waitFor();
});

test("a run that waits shows for what, in the list and on its page", async () => {
  const approval = approvalFlow({ refuses: () => false });
  const { url, engine } = await testStudio({ flows: [approval] });
  const task = await engine.run(approval);
  const page = await openPage(url);
  const row = rows(page).filter({ hasText: task.id });
  await row.getByText("Waiting for signal 'approve'").waitFor();
  await row.locator('[data-status="deferred"]').waitFor();
  await row.getByRole("link").click();
  const head = page.locator(".page-head").first();
  await head.getByText("Waiting for signal 'approve'").waitFor();
  await page.waitForFunction(() => document.title === "approval: Waiting · FlowKit Studio");
  await page.goto(`${url}#/flows`);
  await page.getByRole("row").filter({ hasText: "approval" }).locator('[data-status="deferred"]').waitFor();
  await page.goto(url);
  await row.locator('[data-status="deferred"]').waitFor();
  await task.signal("approve", { ok: true, by: "Ada" });
  await row.locator('[data-status="finished"]').waitFor();
  expect(await page.getByText("Waiting for signal").count()).toBe(0);
});

test("after the server was gone, the list reads again what is shown, and the rest once it is shown", async () => {
  const numbers = checkFlow({ refuses: () => false });
  const { url, engine, close, reopen } = await testStudio({ flows: [numbers] });
  const count = 2_000;
  const dueAt = Date.now() + 86_400_000;
  const ids: string[] = [];
  for (let n = 0; n < count; n++) {
    ids.push((await engine.run(numbers, { params: { rows: 1 }, notBefore: dueAt })).id);
  }
  const page = await openPage(url);
  const scrollTo = async (row: number) => {
    const drawn = page.locator(`tr[aria-rowindex="${row}"]`);
    await until(async () => {
      await page.evaluate((top) => document.querySelector(".runs")?.scrollTo(0, top), (row - 2) * 38);
      return (await drawn.count()) === 1;
    }, `row ${row}`);
  };
  await scrollTo(count + 1);
  await until(async () => (await page.getByTestId("run-count").textContent()) === "2,000", "all are read");
  const requests: string[] = [];
  page.on("request", (request) => requests.push(new URL(request.url()).pathname + new URL(request.url()).search));
  await close();
  await page.getByText("The server is not responding").waitFor();
  // The newest comes first: the oldest is in view, and the other one is far above.
  const [oldest = "", higher = ""] = [ids[0], ids[1_500]];
  await engine.task(oldest).cancel({ reason: "the wrong file" });
  await engine.task(higher).cancel({ reason: "the wrong day" });
  requests.length = 0;
  await reopen();
  await page.getByText("the wrong file").waitFor();
  const reads = () => requests.filter((path) => path.startsWith("/api/tasks?"));
  // Only the last page, instead of ten.
  expect(reads()).toHaveLength(1);
  requests.length = 0;
  await scrollTo(count - 1_500 + 1);
  await page.getByText("the wrong day").waitFor();
  expect(reads().length).toBeLessThanOrEqual(2);
});

test("asks for the token of a studio that has one", async () => {
  const { url } = await testStudio({ token: "a token of many letters" });
  const page = await openPage(url);
  await page.getByLabel("Token").fill("wrong");
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("alert").waitFor();
  await page.getByLabel("Token").fill("a token of many letters");
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByText("No runs yet").waitFor();
});

test("offers no action if the studio is read-only", async () => {
  const numbers = checkFlow({ refuses: (n) => n === 1 });
  const { url, engine } = await testStudio({ flows: [numbers], readOnly: true });
  const task = await engine.run(numbers, { params: { rows: 2 } });
  await task.wait();
  const page = await openPage(url);
  await page.getByText("This studio is read-only").waitFor();
  expect(await page.getByRole("button", { name: "Run a flow" }).count()).toBe(0);
  await page.getByRole("link", { name: task.id }).click();
  await page.getByText("row 1 is odd").waitFor();
  expect(await page.getByRole("button", { name: "Retry" }).count()).toBe(0);
});

test("a flow is paused and resumed", async () => {
  const numbers = checkFlow({ refuses: () => false });
  const { url, engine } = await testStudio({ flows: [numbers] });
  const page = await openPage(`${url}#/flows`);
  await page.getByRole("link", { name: "numbers" }).click();
  await page.getByRole("button", { name: "Pause", exact: true }).click();
  await page.getByRole("dialog").getByText("Runs that have begun continue").waitFor();
  expect(await engine.flows.paused()).toEqual([]);
  await page.getByRole("button", { name: "Pause the flow" }).click();
  await page.locator('.page-head [data-status="paused"]').waitFor();
  expect(await engine.flows.paused()).toEqual(["numbers"]);
  await page.getByRole("button", { name: "Resume", exact: true }).click();
  await page.getByRole("button", { name: "Resume the flow" }).click();
  await page.getByRole("button", { name: "Pause", exact: true }).waitFor();
  expect(await engine.flows.paused()).toEqual([]);
  // Another program does so too.
  await engine.flows.pause("numbers");
  await page.locator('.page-head [data-status="paused"]').waitFor();
});
