import { resolve } from "node:path";
import { createEngine } from "flowkit/engine";
import { expect, test } from "vitest";
import { crawl } from "../../../examples/crawl/flow.ts";
import { startSite } from "../../../examples/crawl/site.ts";
import { busyAtFirst, entries, moved } from "../../../examples/crawl/solar-system.ts";
import { startProcess } from "../../helpers/run-process.ts";
import { until } from "../../helpers/waiting.ts";

async function startCrawl(
  params: { readonly path?: string; readonly mostPages?: number; readonly patienceMs?: number } = {},
) {
  // Long enough for every page that responds, on a busy machine.
  const { path = "", mostPages = 200, patienceMs = 4_000 } = params;
  const site = await startSite();
  const engine = await createEngine({ handlers: crawl.handlers, inputAdapters: crawl.inputAdapters });
  const task = await engine.run(crawl, { params: { start: `${site.url}${path}`, patienceMs, mostPages } });
  return {
    site,
    task,
    at: (path: string) => `${site.url}${path}`,
    timesOf: (path: string) => site.requests.filter((request) => request.path === path).map(({ at }) => at),
    async [Symbol.asyncDispose]() {
      await engine.stop();
      await site[Symbol.asyncDispose]();
    },
  };
}

test("finds each broken link and the pages that contain it", async () => {
  await using crawling = await startCrawl();
  const { at, site, task } = crawling;
  const { report, sums } = await task.result();
  expect(report[0]?.broken.toSorted((a, b) => (a.why + a.url < b.why + b.url ? -1 : 1))).toEqual([
    { url: at("planet-nine"), why: "404 Not Found", on: [at("neptune")] },
    { url: at("vulcan"), why: "404 Not Found", on: [at("mercury")] },
    { url: site.deadUrl, why: "ECONNREFUSED", on: [at("earth")] },
    { url: at("probes/pioneer-10"), why: "no answer within 4 s", on: [at("jupiter")] },
    { url: at("uranus#rings"), why: "no such section", on: [at("neptune")] },
  ]);
  expect(report[0]?.moved).toEqual([
    { url: at("luna"), to: at("moons/moon"), on: [at("earth")] },
    { url: at("pluto"), to: at("dwarf-planets/pluto"), on: [at(""), at("moons/charon")] },
  ]);
  expect(report[0]?.left).toEqual([at("people/christy")]);
  expect(report[0]?.pages).toBe(entries.length - 1);
  expect(sums.metrics).toMatchObject({ page: entries.length - 1, moved: 2, broken: 4 });
});

test("requests each page once, a busy one again after its delay, six concurrently", async () => {
  await using crawling = await startCrawl();
  const { site, task, timesOf } = crawling;
  const { status, nodes } = await task.wait();
  expect(status).toBe("finished");
  const failuresOf = (nodeId: string) => nodes.find((node) => node.nodeId === nodeId)?.failures ?? 0;
  // A busy page is requested again by itself: no attempt fails because of it.
  expect(["visit", "click1.visit", "click2.visit", "click3.visit"].map(failuresOf)).toEqual([0, 0, 0, 0]);

  const isFound = new Set(site.requests.map(({ path }) => path));
  expect(isFound.size).toBe(entries.length - 1 + Object.keys(moved).length + 3);
  const oneClick = [...(entries[0]?.text.matchAll(/\((\/\S+?)\)/g) ?? [])].map(([, path = ""]) => path);
  expect(oneClick).toHaveLength(10);
  expect(["/", ...oneClick].map((path) => timesOf(path).length)).toEqual(Array(11).fill(1));
  // Pages of the second click, beside those that were busy.
  expect(["/vulcan", "/people/galileo"].map((path) => timesOf(path).length)).toEqual([1, 1]);
  for (const path of busyAtFirst) {
    const [first = 0, second = 0] = timesOf(path);
    expect(second - first).toBeGreaterThanOrEqual(2_000);
  }
  expect(site.mostAtOnce).toBeGreaterThan(3);
  expect(site.mostAtOnce).toBeLessThanOrEqual(6);
});

test("requests at most the given number of pages and lists the others", async () => {
  await using crawling = await startCrawl({ mostPages: 5 });
  const { at, site, task } = crawling;
  const { report } = await task.result();
  expect(site.requests.map(({ path }) => path).sort()).toEqual(["/", "/earth", "/mercury", "/sun", "/venus"]);
  expect(report[0]?.pages).toBe(5);
  expect(report[0]?.left).toContain(at("neptune"));
  expect(report[0]?.left).toContain(at("people/galileo"));
});

test("a missing first page fails the crawl without a retry", async () => {
  await using crawling = await startCrawl({ path: "planet-nine" });
  const { failure } = await crawling.task.wait();
  expect(failure).toMatchObject({ nodeId: "visit", reasonCode: "no_site" });
  expect(failure?.message).toContain("404 Not Found");
  expect(crawling.timesOf("/planet-nine")).toHaveLength(1);
});

test("a cancelled crawl does not wait for a page that never responds", async () => {
  await using crawling = await startCrawl({ path: "jupiter", patienceMs: 600_000 });
  const { task, timesOf } = crawling;
  await until(() => timesOf("/probes/pioneer-10").length === 1);
  await task.cancel();
  expect((await task.wait()).status).toBe("cancelled");
});

const onSource = resolve("test/helpers/flowkit-from-source.ts");
const start = (...args: readonly string[]) =>
  startProcess(process.execPath, ["--import", onSource, resolve("examples/crawl/main.ts"), ...args]);

test("the program prints pages as they arrive, and its report", async () => {
  const { exitCode, output } = await start("--patience", "8000").outcome; // every page that answers does so by then
  expect({ exitCode, output }).toMatchObject({ exitCode: 0 });
  expect(output).toMatch(/✔ +\d+ ms {2}\/moons\/europa +Europa, 11 words\n/);
  expect(output).toContain("26 pages, ");
  expect(output).toMatch(/^5 broken links\n(.*\n)+ {2}\/vulcan +404 Not Found\n +on \/mercury\n/m);
});

test("an invalid URL is reported", async () => {
  const { exitCode, output } = await start("saturn").outcome;
  expect(output).toBe("\ninvalid task parameters: .start: Invalid URL\n");
  expect(exitCode).toBe(1);
});

test("Ctrl-C stops it immediately and reports it", async () => {
  const program = start();
  await program.printed("moved to"); // pages slower than this one are still pending
  program.signal("SIGINT");
  const { exitCode, output } = await program.outcome;
  expect(output).toContain("Ctrl-C");
  expect(output).not.toContain("broken links");
  expect(exitCode).toBe(130);
});
