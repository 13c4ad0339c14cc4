import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import { until } from "../helpers/waiting.ts";
import { useBrowser } from "./helpers/browser.ts";
import { checkFlow } from "./helpers/flows.ts";
import { testStudio } from "./helpers/studio.ts";

const openPage = useBrowser();

const rows = (page: Page) => page.locator(".runs tbody tr");

/** Scrolls in each frame, until row `last` is drawn or for `most` frames; returns how long each took, and its rows. */
const scroll = (page: Page, how: { readonly screens: number; readonly last: number; readonly most: number }) =>
  page.evaluate(async ({ screens, last, most }) => {
    const scroller = document.querySelector(".runs");
    if (scroller === null) throw new Error("no list");
    const isDrawn = () => document.querySelector(`tr[aria-rowindex="${last}"]`) !== null;
    const frames: { readonly ms: number; readonly rows: number }[] = [];
    for (let before = performance.now(); !isDrawn() && frames.length < most; ) {
      scroller.scrollTop += screens * scroller.clientHeight;
      await new Promise(requestAnimationFrame);
      const now = performance.now();
      frames.push({ ms: now - before, rows: document.querySelectorAll(".runs tbody tr").length });
      before = now;
    }
    return frames;
  }, how);

test("10,000 runs: the list draws what is seen, and scrolls to the oldest", async ({ annotate }) => {
  const numbers = checkFlow({ refuses: () => false });
  const { url, engine } = await testStudio({ flows: [numbers] });
  const count = 10_000;
  const dueAt = Date.now() + 86_400_000;
  for (let n = 0; n < count; n++) await engine.run(numbers, { params: { rows: 1 }, notBefore: dueAt });
  const page = await openPage(url);
  await rows(page).first().waitFor();
  const paintMs = await page.evaluate(() => performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? 0);
  const shownMs = await page.evaluate(() => performance.now());

  const frames = await scroll(page, { screens: 0.2, last: count + 1, most: 60 });
  const jumps = await scroll(page, { screens: 20, last: count + 1, most: Number.POSITIVE_INFINITY });
  expect(await page.getByTestId("run-count").textContent()).toBe("10,000");
  expect(Math.max(...[...frames, ...jumps].map((frame) => frame.rows))).toBeLessThan(80);
  const sorted = frames.map(({ ms }) => ms).toSorted((a, b) => a - b);
  const at = (share: number): string => `${Math.round(sorted[Math.floor((sorted.length - 1) * share)] ?? 0)} ms`;
  await annotate(
    `first paint after ${Math.round(paintMs)} ms, rows after ${Math.round(shownMs)} ms; ${frames.length} frames while scrolling: median ${at(0.5)}, 95 % below ${at(0.95)}, longest ${at(1)}`,
  );
});

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
  await page.getByRole("dialog").getByText("Runs that have begun go on").waitFor();
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
