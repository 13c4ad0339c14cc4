import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { AxeResults } from "axe-core";
import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import { until } from "../helpers/waiting.ts";
import { useBrowser } from "./helpers/browser.ts";
import { approvalFlow, checkFlow } from "./helpers/flows.ts";
import { testStudio } from "./helpers/studio.ts";

const openPage = useBrowser();
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** The serious and critical findings of axe, one line each. */
async function findings(page: Page, rules?: readonly string[]): Promise<readonly string[]> {
  await page.evaluate(axe);
  const { violations } = await page.evaluate((only) => {
    const { axe } = globalThis as unknown as { readonly axe: { run(options: object): Promise<AxeResults> } };
    return axe.run(only === undefined ? {} : { runOnly: only });
  }, rules);
  return violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .flatMap(({ id, nodes }) => nodes.map(({ html, failureSummary }) => `${id}: ${html}: ${failureSummary}`));
}

async function studioWithRuns() {
  const numbers = checkFlow({ refuses: (n) => n === 7 });
  const approval = approvalFlow({ refuses: (n) => n % 4 === 1 });
  const studio = await testStudio({ flows: [numbers, approval] });
  const failed = await studio.engine.run(numbers, { params: { rows: 20 } });
  await failed.wait();
  const waiting = await studio.engine.run(approval);
  return { ...studio, failed: failed.id, waiting: waiting.id };
}

const views = (failed: string, waiting: string): readonly (readonly [hash: string, shown: string])[] => [
  ["#/runs", "row 7 is odd"],
  [`#/runs/${waiting}`, "approve"],
  [`#/runs/${failed}?tab=timeline`, "attempt that failed"],
  [`#/runs/${failed}?tab=why`, "In words"],
  [`#/runs/${failed}?tab=events`, "task"],
  [`#/runs/${failed}?tab=data`, "Priority"],
  [`#/runs/${failed}?node=check&section=errors`, "Failed at batch"],
  [`#/runs/${failed}?node=check&section=attempts`, "Attempt 1"],
  [`#/runs/${failed}?node=check&section=logs`, "an odd row"],
  [`#/runs/${failed}?node=count&section=artifacts`, "artifacts are stored"],
  [`#/runs/${failed}?node=check&section=schemas`, "Output"],
  [`#/runs/${failed}?node=check`, "Settings"],
  ["#/flows", "flows.ts"],
  ["#/flows/numbers?node=check", "After"],
];

/** The themes differ in their colours only. */
const themes = [
  { colorScheme: "light", rules: undefined },
  { colorScheme: "dark", rules: ["color-contrast"] },
] as const;

for (const { colorScheme, rules } of themes) {
  test(`axe has no serious finding on any view, ${colorScheme}`, async () => {
    const { url, failed, waiting } = await studioWithRuns();
    const page = await openPage(url, { colorScheme, reducedMotion: "reduce" });
    const found: Record<string, readonly string[]> = {};
    for (const [hash, shown] of views(failed, waiting)) {
      await page.goto(`${url}${hash}`);
      await page.getByText(shown).first().waitFor();
      const serious = await findings(page, rules);
      if (serious.length > 0) found[hash.replace(/[\da-f-]{36}/, "ID")] = serious;
    }
    await page.goto(`${url}#/runs`);
    await page.getByRole("button", { name: "Run a flow" }).click();
    await page.getByRole("button", { name: "numbers" }).click();
    await page.getByLabel("rows").waitFor();
    const inDialog = await findings(page, rules);
    expect({ ...found, ...(inDialog.length > 0 ? { dialog: inDialog } : {}) }).toEqual({});
  });
}

/** Texts that extend beyond the page, without a scrollbar or an ellipsis. */
const cutOff = (page: Page): Promise<readonly string[]> =>
  page.evaluate(() => {
    const found: string[] = [];
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
      const range = document.createRange();
      range.selectNode(texts.currentNode);
      const { right, width } = range.getBoundingClientRect();
      if (width === 0 || right <= window.innerWidth + 1) continue;
      let isMeant = false;
      for (let at = texts.currentNode.parentElement; at !== null; at = at.parentElement) {
        const { overflowX, textOverflow, clipPath } = getComputedStyle(at);
        const scrolls = (overflowX === "auto" || overflowX === "scroll") && at.scrollWidth > at.clientWidth;
        isMeant ||= scrolls || textOverflow === "ellipsis" || clipPath !== "none" || at.matches(".react-flow");
      }
      if (!isMeant) found.push(texts.currentNode.textContent ?? "");
    }
    return found;
  });

test("at 390 pixels nothing is wider than the page, and a node covers the graph", async () => {
  const { url, failed, waiting } = await studioWithRuns();
  const page = await openPage(url, { viewport: { width: 390, height: 800 } });
  for (const [hash, shown] of views(failed, waiting)) {
    await page.goto(`${url}${hash}`);
    // Where there is no room, such as for a column, the rest is enough.
    await page.getByText(shown).first().waitFor({ state: "attached" });
    expect(await page.evaluate(() => document.documentElement.scrollWidth), hash).toBe(390);
    expect(await cutOff(page), hash).toEqual([]);
    // Of the views, the one that is shown is in view.
    for (const tab of await page.locator('.tabs:visible [aria-current="page"]').all()) {
      const { x = -1, width = 0 } = (await tab.boundingBox()) ?? {};
      expect(x, hash).toBeGreaterThanOrEqual(0);
      expect(x + width, hash).toBeLessThanOrEqual(390);
    }
  }
  await page.goto(`${url}#/runs/${failed}?node=check`);
  const panel = await page.getByRole("complementary", { name: "Node check" }).boundingBox();
  expect(panel?.width).toBe(390);
});

test("the theme is the system's until another is chosen, which is kept", async () => {
  const { url } = await testStudio();
  const page = await openPage(url, { colorScheme: "dark" });
  const theme = () => page.evaluate(() => document.documentElement.dataset.theme);
  await page.getByRole("button", { name: "Use the light theme" }).click();
  await page.getByRole("button", { name: "Use the dark theme" }).waitFor();
  expect(await theme()).toBe("light");
  await page.reload();
  await page.getByRole("button", { name: "Use the dark theme" }).waitFor();
  expect(await theme()).toBe("light");
});

/** The focused element as screen readers announce it. */
const focused = (page: Page): Promise<string> =>
  page.evaluate(() => {
    const { activeElement } = document;
    const name = activeElement?.getAttribute("aria-label") ?? activeElement?.textContent ?? "";
    return `${activeElement?.tagName.toLowerCase()} ${name.trim().replaceAll(/\s+/g, " ").slice(0, 40)}`;
  });

/** Presses Tab until this has the focus. */
async function tabTo(page: Page, wanted: string): Promise<void> {
  const passed: string[] = [];
  for (let presses = 0; presses < 40; presses++) {
    await page.keyboard.press("Tab");
    const now = await focused(page);
    if (now === wanted) return;
    passed.push(now);
  }
  expect.fail(`no '${wanted}' among ${passed.join(", ")}`);
}

const untilFocused = (page: Page, wanted: string) =>
  until(async () => (await focused(page)) === wanted, `the focus on '${wanted}'`);

for (const width of [1280, 390]) {
  test(`by keyboard alone, at ${width} pixels: a run is started, signalled, looked into and retried`, async () => {
    let isMended = false;
    const approval = approvalFlow({ refuses: (n) => n % 4 === 1 && !isMended });
    const numbers = checkFlow({ refuses: () => false });
    const { url, engine } = await testStudio({ flows: [approval, numbers] });
    const page = await openPage(url, { viewport: { width, height: 800 } });
    await page.getByText("No runs yet").waitFor();
    await tabTo(page, "button Run a flow");
    await page.keyboard.press("Enter");
    await page.getByRole("dialog").getByRole("button", { name: "approval" }).waitFor();
    await tabTo(page, "button approval3 nodes");
    await page.keyboard.press("Enter");
    await page.getByRole("button", { name: "Start the run" }).waitFor();
    await tabTo(page, "button Start the run");
    await page.keyboard.press("Enter");
    await page.locator('[data-node="approve"][data-state="deferred"]').waitFor();
    // The page of the run begins where the list was, not at the top of the window.
    await tabTo(page, "a Timeline");
    await tabTo(page, "a approveWaitingwait.signal0 done");
    await page.keyboard.press("Enter");
    await untilFocused(page, "aside Node approve");
    await page.getByRole("button", { name: "Send the signal" }).waitFor();
    await tabTo(page, "button Send the signal");
    await page.keyboard.press("Enter");
    await page.getByRole("dialog").waitFor();
    await page.keyboard.press("Escape");
    await page.locator("dialog").waitFor({ state: "detached" }); // by its role, a closed one is not found
    await untilFocused(page, "button Send the signal");
    await page.keyboard.press("Enter");
    await page.getByRole("dialog").getByLabel("by").waitFor();
    await tabTo(page, "input ");
    await page.keyboard.press("Space");
    await page.keyboard.press("Tab");
    await page.keyboard.type("Ada");
    await page.keyboard.press("Enter");
    await page.locator('.page-head [data-status="finished"]').first().waitFor();
    const [task] = (await engine.list()).items;
    expect(await engine.task(task?.id ?? "").result()).toEqual({ approve: { ok: true, by: "Ada" } });

    await page.keyboard.press("Escape");
    await page.getByRole("complementary").waitFor({ state: "detached" });
    await page.locator('[data-node="sort"]').focus();
    await page.keyboard.press("Enter");
    await untilFocused(page, "aside Node sort");
    await tabTo(page, "a Errors (2)");
    await page.keyboard.press("Enter");
    await page.getByText("2 batches were set aside").waitFor();
    await page.keyboard.press("Escape");
    await untilFocused(page, "a sortFinishedhandler7 done2 failed");
    isMended = true;
    await page.keyboard.press("Enter");
    await untilFocused(page, "aside Node sort");
    await page.getByRole("button", { name: "Retry failed batches" }).waitFor();
    await tabTo(page, "button Retry failed batches");
    await page.keyboard.press("Enter");
    await page.getByRole("dialog").getByText("2 batches that were set aside").waitFor();
    await tabTo(page, "button Start the retry");
    await page.keyboard.press("Enter");
    await page.getByRole("link", { name: `Retry of ${task?.id}` }).waitFor();
  });
}
