import type { CDPSession, Page } from "playwright-core";
import { expect, test } from "vitest";
import { Gate, until } from "../helpers/waiting.ts";
import { useBrowser } from "./helpers/browser.ts";
import { checkFlow, wideFlow } from "./helpers/flows.ts";
import { testStudio } from "./helpers/studio.ts";

/*
 * Times depend on the machine and are only noted. What is checked are counts: elements, requests, layouts, and calls of
 * the page's functions, as V8 counts them.
 */

const openPage = useBrowser();

/** A page whose clock stands still: otherwise rows of open runs would be redrawn each second. */
async function openStill(url: string): Promise<{ readonly page: Page; readonly counters: Counters }> {
  const page = await openPage("about:blank");
  await page.addInitScript(() => Object.assign(window, { setInterval: () => 0 }));
  const session = await page.context().newCDPSession(page);
  await session.send("Performance.enable");
  await session.send("Profiler.enable");
  await session.send("Profiler.startPreciseCoverage", { callCount: true, detailed: false });
  await page.goto(url);
  return { page, counters: new Counters(session) };
}

class Counters {
  readonly #session: CDPSession;

  constructor(session: CDPSession) {
    this.#session = session;
  }

  /** Calls of functions of the page's scripts since the last call of this function. */
  async calls(): Promise<number> {
    const { result } = await this.#session.send("Profiler.takePreciseCoverage");
    const scripts = result.filter(({ url }) => url.includes("/assets/"));
    const counts = scripts.flatMap(({ functions }) => functions.map(({ ranges: [whole] }) => whole?.count ?? 0));
    return counts.reduce((sum, count) => sum + count, 0);
  }

  /** Since the page was loaded. */
  async layouts(): Promise<number> {
    const { metrics } = await this.#session.send("Performance.getMetrics");
    return metrics.find(({ name }) => name === "LayoutCount")?.value ?? 0;
  }
}

/** Counts the elements of `selector` in which anything changes, or which are new, from now on. */
const watchChanges = (page: Page, selector: string) =>
  page.evaluate((within) => {
    const changed = new Set<Element>();
    new MutationObserver((records) => {
      for (const { target, addedNodes } of records) {
        for (const node of [target, ...addedNodes]) {
          const element = node instanceof Element ? node : node.parentElement;
          const found = element?.closest(within);
          if (found != null) changed.add(found);
        }
      }
    }).observe(document.body, { subtree: true, childList: true, attributes: true, characterData: true });
    Object.assign(window, { changed });
  }, selector);
const changes = (page: Page): Promise<number> =>
  page.evaluate(() => (window as unknown as { readonly changed: Set<Element> }).changed.size);

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

test("10,000 runs: the list draws what is in view, and scrolls to the oldest", async ({ annotate }) => {
  const numbers = checkFlow({ refuses: () => false });
  const { url, engine } = await testStudio({ flows: [numbers] });
  const count = 10_000;
  const dueAt = Date.now() + 86_400_000;
  for (let n = 0; n < count; n++) await engine.run(numbers, { params: { rows: 1 }, notBefore: dueAt });
  const { page, counters } = await openStill(url);
  const requests: string[] = [];
  page.on("request", (request) => requests.push(request.url()));
  await page.locator(".runs tbody tr").first().waitFor();
  const paintMs = await page.evaluate(() => performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? 0);
  const shownMs = await page.evaluate(() => performance.now());

  const jumps = await scroll(page, { screens: 20, last: count + 1, most: Number.POSITIVE_INFINITY });
  expect(await page.getByTestId("run-count").textContent()).toBe("10,000");
  // Each page of 200 is read once; again are those that were read before changes were listened to.
  const pages = requests.filter((address) => address.includes("/api/tasks?"));
  expect(new Set(pages).size).toBe(count / 200);
  expect(pages.length).toBeLessThanOrEqual(3 + count / 200);

  await page.evaluate(() => document.querySelector(".runs")?.scrollTo(0, 0));
  await page.locator('tr[aria-rowindex="2"]').waitFor();
  await counters.calls();
  const layouts = await counters.layouts();
  const frames = await scroll(page, { screens: 0.2, last: count + 1, most: 30 });
  const [calls, laidOut] = [(await counters.calls()) / frames.length, (await counters.layouts()) - layouts];
  // Rows that come into view take about 6,500 calls a frame. To draw all rows in view again, or to measure all, takes 25,000.
  expect(calls).toBeLessThan(12_000);
  // One per frame: more would be forced layouts that are thrown away.
  expect(laidOut).toBeLessThan(1.5 * frames.length + 5);
  expect(Math.max(...[...frames, ...jumps].map((frame) => frame.rows))).toBeLessThan(80);

  // Only the row of a run that changes is redrawn.
  await page.evaluate(() => document.querySelector(".runs")?.scrollTo(0, 0));
  await page.locator('tr[aria-rowindex="2"]').waitFor();
  const [first = ""] = await page.locator(".runs tbody a").allTextContents();
  await watchChanges(page, ".runs tbody tr");
  await engine.task(first).cancel({ reason: "the wrong file" });
  await page.getByText("the wrong file").waitFor();
  expect(await changes(page)).toBe(1);

  const sorted = frames.map(({ ms }) => ms).toSorted((a, b) => a - b);
  const at = (share: number): string => `${Math.round(sorted[Math.floor((sorted.length - 1) * share)] ?? 0)} ms`;
  await annotate(
    `first paint after ${Math.round(paintMs)} ms, rows after ${Math.round(shownMs)} ms; ${frames.length} frames while scrolling: median ${at(0.5)}, longest ${at(1)}; a frame: ${Math.round(calls)} calls, ${(laidOut / frames.length).toFixed(2)} layouts`,
  );
});

test("500 nodes: a batch of one of them redraws only that one", async ({ annotate }) => {
  const gates = [new Gate(), new Gate(), new Gate()];
  const { graph, handlers } = wideFlow(
    500,
    gates.map((gate) => (signal) => gate.pass(signal)),
  );
  const { url, engine } = await testStudio({ handlers });
  const task = await engine.run(graph);
  const { page, counters } = await openStill(`${url}#/runs/${task.id}`);
  await until(async () => (await page.locator("[data-node]").count()) === 500, "all nodes are drawn");
  await page.locator('[data-node="n0"][data-state="running"]').waitFor();
  gates[0]?.open();
  await page.locator('[data-node="n0"]').getByText("1 done").waitFor();

  await watchChanges(page, "[data-node], .react-flow__edge");
  await counters.calls();
  gates[1]?.open();
  await page.locator('[data-node="n0"]').getByText("2 done").waitFor();
  const calls = await counters.calls();
  await annotate(`${calls} calls for a batch`);
  // With the rates of the edges to its children.
  expect(await changes(page)).toBe(1 + 3);
  // About 48,000; if all nodes and edges are drawn, 267,000.
  expect(calls).toBeLessThan(110_000);
});
