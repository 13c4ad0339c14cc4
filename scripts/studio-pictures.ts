/*
 * Takes the pictures of the studio for the README and the docs: `npm run studio:pictures`. Runs the flights example
 * with the built command, once unchanged and once with a missing file, and opens both runs in Chromium.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { type Browser, chromium, type Page } from "playwright-core";
import { datasetFiles } from "../examples/flights/dataset.ts";

const root = (path: string): string => fileURLToPath(new URL(`../${path}`, import.meta.url));
const out = root("docs/images");
const programs = [process.env.CHROMIUM_PATH, "/usr/bin/chromium", "/usr/bin/google-chrome"];

/** Removes the path of the clone from the pictures. */
const withoutRoot = `
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const text = texts.currentNode;
    text.data = text.data.replaceAll("file://" + ${JSON.stringify(root(""))}, "").replaceAll(${JSON.stringify(root(""))}, "");
  }`;

const executablePath = programs.find((path) => path !== undefined && existsSync(path));
if (executablePath === undefined) throw new Error("install Chromium, or set CHROMIUM_PATH to its program");
mkdirSync(out, { recursive: true });
const folder = mkdtempSync(join(tmpdir(), "flowkit-pictures-"));
const rows = Array.from({ length: 900 }, (_, n) => ({
  date: "2001/01/14 21:55",
  delay: n % 5 === 0 ? 14 : "n/a",
  distance: 480,
  origin: "SAN",
  destination: "SFO",
}));
writeFileSync(join(folder, "yesterday.json"), JSON.stringify(rows));
const { server, url } = await startStudio();
const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
try {
  const failed = await start({ ...datasetFiles, flights: "yesterday.json" });
  const running = await start(datasetFiles);
  const light = await open(browser, "light");
  await light.goto(`${url}#/runs/${running}`);
  await light.locator('[data-node="join"][data-state="running"]').waitFor();
  await light.locator('[data-connection="live"]').waitFor();
  await light.getByText("waiting").first().waitFor();
  await picture(light, "run");
  await light.locator('.page-head [data-status="finished"]').waitFor();
  await light.goto(`${url}#/runs/${running}?tab=timeline&node=join`);
  await light.locator(".look-done").first().waitFor();
  await light.getByText("Settings").waitFor();
  await picture(light, "timeline");
  const dark = await open(browser, "dark");
  await dark.goto(`${url}#/runs/${failed}?node=clean&section=errors`);
  await dark.getByLabel("Stack").waitFor();
  await picture(dark, "failure");
} finally {
  await browser.close();
  server.kill();
  rmSync(folder, { recursive: true, force: true });
}

async function startStudio(): Promise<{ readonly server: ChildProcess; readonly url: string }> {
  const args = ["up", root("examples/flights/flow.ts"), "--store", "runs.db", "--studio"];
  const env = { ...process.env, FLOWKIT_STUDIO_PORT: "0", NO_COLOR: "1" };
  const server = spawn(process.execPath, [root("dist/cli/main.js"), ...args], {
    cwd: folder, // which contains the file of bad rows and the store
    env,
    stdio: ["ignore", "pipe", "pipe"],
  });
  const lines: string[] = [];
  const address = new Promise<string>((resolve, reject) => {
    for (const stream of [server.stdout, server.stderr]) {
      createInterface(stream).on("line", (line) => {
        lines.push(line);
        const [found] = /http:\/\/\S+?\/(?=$|\s)/.exec(line) ?? [];
        if (found !== undefined && line.includes("studio")) resolve(found);
      });
    }
    server.on("exit", () => reject(new Error(`the studio ended:\n${lines.join("\n")}`)));
  });
  return { server, url: await address };
}

async function start({ flights, airports }: { readonly flights: string; readonly airports: string }): Promise<string> {
  const body = JSON.stringify({ flow: "flights", params: { flights, airports } });
  const headers = { "content-type": "application/json" };
  const answer = await fetch(new URL("api/tasks", url), { method: "POST", headers, body });
  const { taskId, message } = (await answer.json()) as { readonly taskId?: string; readonly message?: string };
  if (taskId === undefined) throw new Error(message);
  return taskId;
}

async function open(browser: Browser, colorScheme: "light" | "dark"): Promise<Page> {
  return browser.newPage({ viewport: { width: 1120, height: 640 }, colorScheme, reducedMotion: "reduce" });
}

async function picture(page: Page, name: string): Promise<void> {
  await page.evaluate(withoutRoot);
  await page.screenshot({ path: join(out, `studio-${name}.png`) });
  console.log(`docs/images/studio-${name}.png`);
}
