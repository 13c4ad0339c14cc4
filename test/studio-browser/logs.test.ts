import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import * as z from "zod";
import { memoryStore } from "../../src/adapters/memory/index.ts";
import { createEngine } from "../../src/engine/engine.ts";
import { defineHandler, flow } from "../../src/index.ts";
import { RecordingLogger } from "../helpers/recording-logger.ts";
import { Gate, until } from "../helpers/waiting.ts";
import { useBrowser } from "./helpers/browser.ts";
import { hostile } from "./helpers/flows.ts";
import { fileWith, reportOf } from "./helpers/report.ts";
import { testStudio } from "./helpers/studio.ts";

const openPage = useBrowser();

/** Logs before and after the first gate; behind the second its first attempt fails, and the next logs more than is kept. */
function chattyFlow(first: Gate, second: Gate) {
  let attempts = 0;
  const chatty = defineHandler("chatty", {
    output: z.int(),
    async *iterBatches(_, ctx) {
      attempts++;
      ctx.logger.info({ attempt: attempts, request: { path: "/rows" } }, hostile);
      await first.pass(ctx.signal);
      ctx.logger.info({}, "asking");
      await second.pass(ctx.signal);
      if (attempts === 1) {
        ctx.logger.error({}, "no answer");
        throw new Error("the first attempt fails");
      }
      for (let n = 0; n < 260; n++) ctx.logger.info({}, `step ${n}`);
      ctx.logger.warn({}, "slow");
      yield { payload: 1 };
    },
  });
  return flow("chat").node("chatty", chatty, { retry: { max: 1, backoffSec: 0 } });
}

const lines = (page: Page) => page.locator(".log > li");
const count = (page: Page) => page.getByTestId("log-count").textContent();

test("log lines of a node appear while it runs, by attempt and level, and say how many are missing", async () => {
  const [first, second] = [new Gate(), new Gate()];
  const chat = chattyFlow(first, second);
  const { url, engine } = await testStudio({ flows: [chat] });
  const task = await engine.run(chat);
  const page = await openPage(`${url}#/runs/${task.id}?node=chatty`);
  await page.getByRole("link", { name: "Logs" }).click();
  await lines(page).filter({ hasText: hostile }).waitFor();
  expect(await page.locator(".log img").count()).toBe(0);
  expect(await count(page)).toBe("1 line");
  const begins = lines(page).first();
  expect(await begins.textContent()).toContain("Attempt 1");
  expect(await begins.textContent()).toContain("attempt=1");
  await begins.getByRole("button", { name: "request" }).click();
  await begins.getByText('"/rows"').waitFor();
  // Nothing else of the run changes with this line.
  first.open();
  await lines(page).filter({ hasText: "asking" }).waitFor();

  const requests: string[] = [];
  page.on("request", (request) => requests.push(new URL(request.url()).search));
  second.open();
  await task.wait();
  await lines(page).filter({ hasText: "slow" }).waitFor();
  expect(await count(page)).toBe("253 lines");
  // The second attempt logged 263 lines, of which the first 13 are not kept.
  await page.getByText("13 lines are missing here.").waitFor();
  await page.getByText("13 older lines of this run were dropped").waitFor();
  expect(await lines(page).filter({ hasText: "step 10" }).first().textContent()).toContain("Attempt 2");
  // The end is in view, since nobody has scrolled away from it.
  await until(
    async () =>
      (await lines(page)
        .last()
        .boundingBox()
        .then((box) => box?.y ?? 9_999)) < 760,
    "the end is seen",
  );
  // Each line is read once: all requests say where to continue.
  const reads = requests.filter((query) => query.includes("limit=200"));
  expect(reads.length).toBeGreaterThan(0);
  for (const query of reads) expect(query).toMatch(/cursor=\d/);

  await page.getByLabel("Level").selectOption("Errors");
  expect(await count(page)).toBe("1 line");
  expect(await lines(page).textContent()).toContain("no answer");
  await page.reload();
  await lines(page).filter({ hasText: "no answer" }).waitFor();
  expect(await lines(page).locator('[data-level="error"]').textContent()).toBe("Error");
  await page.getByLabel("Level").selectOption("Warnings and errors");
  expect(await lines(page).locator("[data-level]").allTextContents()).toEqual(["Error", "Warning"]);
});

test("a report has the newest log lines, and says what it leaves out", async () => {
  const open = new Gate();
  open.open();
  const chat = chattyFlow(open, open);
  const store = memoryStore();
  await using engine = await createEngine({ store, logger: new RecordingLogger(), handlers: chat.handlers });
  const task = await engine.run(chat);
  await task.wait();
  const whole = await reportOf(store, task.id);
  expect(whole.nodes.chatty?.logs).toMatchObject({ items: { length: 253 }, dropped: 13, hasMore: false });
  const page = await openPage(`${await fileWith(whole)}#/?node=chatty&section=logs`);
  expect(await count(page)).toBe("253 lines");
  await page.getByText("13 lines are missing here.").waitFor();
  expect(await page.locator(".log img").count()).toBe(0);

  const short = await reportOf(store, task.id, 20_000);
  expect(short.omitted).toContain("all but the newest 50 log lines of each node");
  expect(short.nodes.chatty?.logs.items.map(({ message }) => message).at(-1)).toBe("slow");
  expect(short.nodes.chatty?.logs.items).toHaveLength(50);
  expect(Buffer.byteLength(JSON.stringify(short))).toBeLessThan(20_000);
});
