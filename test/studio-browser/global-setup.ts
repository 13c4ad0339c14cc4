import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { type BrowserServer, chromium } from "playwright-core";
import type { TestProject } from "vitest/node";

/** The address of a browser, or what to install. */
export type BrowserAddress = { readonly address: string } | { readonly missing: string };

declare module "vitest" {
  interface ProvidedContext {
    readonly browser: BrowserAddress;
    /** The folder with the current page, built for these tests. */
    readonly studioPage: string;
  }
}

const root = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));
const here = root("test/studio-browser/");
const candidates = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

/** Builds the page and starts one browser for all files, if some file of this run needs them. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const outDir = root(".cache/studio-page");
  project.provide("studioPage", outDir);
  if (!project.vitest.state.getPaths().some((path) => path.startsWith(here))) {
    project.provide("browser", { missing: "no file of this run requires it" });
    return async () => {};
  }
  for (const mode of ["production", "report"]) await buildPage(mode, outDir);
  const browser = await startBrowser();
  project.provide("browser", browser === undefined ? { missing } : { address: browser.wsEndpoint() });
  return async () => browser?.close();
}

/** In a separate process, because `NODE_ENV` is `test` in this one, for which Vite builds for development. */
async function buildPage(mode: string, outDir: string): Promise<void> {
  const args = [root("node_modules/vite/bin/vite.js"), "build", "--config", root("studio/vite.config.ts")];
  const env = { ...process.env, NODE_ENV: "production" };
  await promisify(execFile)(process.execPath, [...args, "--mode", mode, "--outDir", outDir], { env });
}

const missing =
  "Chromium is not installed: run 'apt-get install chromium', or set CHROMIUM_PATH to the program of a Chromium or Chrome";

async function startBrowser(): Promise<BrowserServer | undefined> {
  const { CHROMIUM_PATH } = process.env;
  const executablePath = CHROMIUM_PATH ?? candidates.find((path) => existsSync(path));
  if (executablePath === undefined) return undefined;
  // The sandbox is not available to root; the pages are trusted.
  return chromium.launchServer({ executablePath, args: ["--no-sandbox"] });
}
