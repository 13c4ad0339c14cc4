import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";
import { afterAll, beforeAll, expect, inject, onTestFinished } from "vitest";

/** Only bounds hanging tests: a busy machine is slow. */
const patienceMs = 120_000;

interface PageOptions extends BrowserContextOptions {
  /** Errors that the test provokes. */
  readonly mayReport?: RegExp;
}

/** Opens pages in the browser of this run; without one, each test fails and says what to install. */
export function useBrowser(): (url: string, options?: PageOptions) => Promise<Page> {
  let browser: Browser;
  beforeAll(async () => {
    const found = inject("browser");
    if ("missing" in found) throw new Error(found.missing);
    browser = await chromium.connect(found.address);
  });
  afterAll(async () => browser?.close());
  return async (url, { mayReport, ...options } = {}) => {
    const context = await browser.newContext({ viewport: { width: 1280, height: 760 }, ...options });
    context.setDefaultTimeout(patienceMs);
    const page = await context.newPage();
    const problems: string[] = [];
    page.on("pageerror", (error) => problems.push(error.message));
    page.on("console", (message) => {
      // The page itself shows a rejected or failed request.
      const isRequest = message.text().startsWith("Failed to load resource");
      if (message.type() === "error" && !isRequest) problems.push(message.text());
    });
    onTestFinished(async () => {
      await context.close();
      expect(
        problems.filter((text) => mayReport?.test(text) !== true),
        "errors of the page, such as of its content security policy",
      ).toEqual([]);
    });
    await page.goto(url);
    return page;
  };
}
