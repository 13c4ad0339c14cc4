import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { expect, onTestFinished, test, vi } from "vitest";
import { datasetFiles } from "../../../examples/flights/dataset.ts";
import { startProcess } from "../../helpers/run-process.ts";
import { tempFolder } from "../../helpers/temp-folder.ts";

/** The demo over the first flights. */
function startDemo(...args: readonly string[]) {
  const out = tempFolder();
  const file = join(out, "flights.json");
  const rows: unknown[] = JSON.parse(readFileSync(datasetFiles.flights, "utf8"));
  writeFileSync(file, JSON.stringify(rows.slice(0, 600)));
  const demo = startProcess(process.execPath, [resolve("examples/flights/main.ts"), "--out", out, ...args, file]);
  onTestFinished(() => demo.signal("SIGTERM"));
  return { out, demo };
}

test("ends with the address of a page on which the run can be looked at", async () => {
  const { out, demo } = startDemo();
  const { exitCode, output } = await demo.outcome;
  const page = join(out, "run.html");
  expect(output.trimEnd().split("\n").at(-1)).toBe(
    `the run in the studio (npm run demo -- --studio serves it): ${pathToFileURL(page)}`,
  );
  expect(exitCode).toBe(0);
  expect(readFileSync(page, "utf8")).toContain("flights.tally_origins");
  expect(statSync(page).size).toBeLessThan(2_000_000);
  expect(readdirSync(out)).toEqual(expect.arrayContaining(["graph.json", "report.html", "results.json"]));
});

test("with --studio serves the run that just ended, until it is stopped", async () => {
  vi.stubEnv("FLOWKIT_STUDIO_PORT", "0");
  onTestFinished(() => void vi.unstubAllEnvs());
  const { demo } = startDemo("--studio");
  const output = await demo.printed("#/runs/");
  const [, address = "", id = ""] =
    /^the run in the studio, until Ctrl-C: (http:\S+)#\/runs\/(\S+)$/m.exec(output) ?? [];
  const page = await fetch(address);
  expect(page.status).toBe(200);
  expect(await page.text()).toContain("FlowKit Studio");
  const run = await fetch(`${address}api/tasks/${id}`);
  expect(await run.json()).toMatchObject({ live: { state: "finished" } });
  demo.signal("SIGTERM");
  expect(await demo.outcome).toMatchObject({ exitCode: 0 });
  await expect(fetch(address)).rejects.toThrow("fetch failed");
});
