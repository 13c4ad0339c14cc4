import { readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import type { RunReport, Started, StudioInfo } from "../../../src/studio/api.ts";
import { cli, cliProject, type RunningCli, squaresFlow, startCli } from "../../helpers/cli.ts";
import { send } from "../../helpers/studio.ts";
import { until } from "../../helpers/waiting.ts";

const project = (files: Readonly<Record<string, string>> = {}) => cliProject({ "flow.ts": squaresFlow, ...files });

/** The URL of its studio, once it is up. */
async function studioOf(part: RunningCli): Promise<string> {
  await part.printed("at http://");
  return /at (http:\/\/[\d.:]+\/)/.exec(part.texts.stderr)?.[1] ?? "";
}

async function ask(url: string, path: string, asked: Parameters<typeof send>[2] = {}) {
  const response = await send(url, path, asked);
  let text = "";
  for await (const chunk of response.setEncoding("utf8")) text += chunk;
  return { status: response.statusCode, text };
}

const state = async (cwd: string, id: string): Promise<string> =>
  JSON.parse((await cli(["tasks", "show", id, "--store", "runs.db", "--json"], { cwd })).stdout).status;

test("up --studio serves the page, and runs what is started there", async () => {
  const cwd = project();
  const up = startCli(["up", "flow.ts", "--store", "runs.db", "--studio"], {
    cwd,
    env: { FLOWKIT_STUDIO_PORT: "0" },
  });
  const url = await studioOf(up);
  expect(await ask(url, "/")).toMatchObject({ status: 200, text: expect.stringMatching(/^<!doctype html>/i) });
  const info: StudioInfo = JSON.parse((await ask(url, "/api/info")).text);
  expect(info).toMatchObject({ store: "runs.db", runs: "engine", readOnly: false });
  const started = await ask(url, "/api/tasks", { body: { flow: "squares", params: { count: 3 } } });
  expect(started.status).toBe(201);
  const { taskId }: Started = JSON.parse(started.text);
  await until(async () => (await state(cwd, taskId)) === "finished", "the end");
  up.child.kill("SIGTERM");
  expect(await up.outcome).toMatchObject({ exitCode: 0, stderr: expect.stringContaining("studio: started a task") });
});

test("a coordinator serves the page too", async () => {
  const cwd = project();
  const args = ["coordinator", "--handlers", "flow.ts", "--store", "runs.db", "--studio"];
  const coordinator = startCli(args, { cwd, env: { FLOWKIT_STUDIO_PORT: "0", FLOWKIT_STUDIO_READ_ONLY: "true" } });
  const info = JSON.parse((await ask(await studioOf(coordinator), "/api/info")).text);
  expect(info).toMatchObject({ runs: "coordinator", readOnly: true });
  coordinator.child.kill("SIGINT");
  expect(await coordinator.outcome).toMatchObject({ exitCode: 0 });
});

test("studio shows a store, and stores what is started for others to run", async () => {
  const cwd = project();
  expect(await cli(["studio", "--store", "runs.db", "--port", "0"], { cwd })).toMatchObject({
    exitCode: 2,
    stderr: "error CLI_FILE_NOT_FOUND: file not found: runs.db\n",
  });
  const studio = startCli(["studio", "flow.ts", "--store", "runs.db", "--port", "0"], { cwd });
  const url = await studioOf(studio);
  const started = await ask(url, "/api/tasks", { body: { flow: "squares" } });
  const { taskId }: Started = JSON.parse(started.text);
  expect(await state(cwd, taskId)).toBe("queued");
  studio.child.kill("SIGINT");
  expect(await studio.outcome).toMatchObject({ exitCode: 0, stdout: "" });
});

test("studio --read-only starts and changes nothing", async () => {
  const cwd = project();
  await cli(["run", "flow.ts", "--store", "runs.db"], { cwd });
  const studio = startCli(["studio", "flow.ts", "--store", "runs.db", "--port", "0", "--read-only"], { cwd });
  const url = await studioOf(studio);
  expect(JSON.parse((await ask(url, "/api/info")).text)).toMatchObject({ readOnly: true });
  expect(await ask(url, "/api/tasks", { body: { flow: "squares" } })).toMatchObject({
    status: 403,
    text: expect.stringContaining("STUDIO_READ_ONLY"),
  });
});

test("other addresses require a token, which --auth makes, and which is not logged", async () => {
  const cwd = project();
  const args = ["studio", "flow.ts", "--store", "runs.db", "--host", "0.0.0.0", "--port", "0"];
  expect(await cli(args, { cwd })).toEqual({
    exitCode: 2,
    stdout: "",
    stderr:
      "error CLI_USAGE: a studio that other machines can reach, on 0.0.0.0, requires a token\n  Set FLOWKIT_STUDIO_TOKEN, or studio.token in the config file; flowkit studio --auth makes one.\n",
  });
  expect(await cli([...args, "--token", "short"], { cwd })).toMatchObject({
    exitCode: 2,
    stderr: expect.stringContaining("must have at least 16 characters"),
  });

  const made = startCli([...args, "--auth"], { cwd });
  const url = (await studioOf(made)).replace("0.0.0.0", "127.0.0.1");
  const token = /token of the studio: (\S{32})\n/.exec(made.texts.stderr)?.[1];
  expect((await ask(url, "/api/info")).status).toBe(401);
  expect((await ask(url, "/api/info", { headers: { authorization: `Bearer ${token}` } })).status).toBe(200);

  const secret = "a secret of sixteen or more";
  const own = startCli(args, { cwd, env: { FLOWKIT_STUDIO_TOKEN: secret } });
  const ownUrl = (await studioOf(own)).replace("0.0.0.0", "127.0.0.1");
  expect((await ask(ownUrl, "/api/info", { headers: { authorization: `Bearer ${secret}` } })).status).toBe(200);
  expect((await ask(ownUrl, "/api/session", { body: { token: `${secret}!` } })).status).toBe(401);
  own.child.kill("SIGINT");
  expect((await own.outcome).stderr).not.toContain(secret);
});

test("a port in use is an error, and up then runs nothing", async () => {
  const cwd = project();
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;
  const env = { FLOWKIT_STUDIO_PORT: String(port) };
  for (const args of [
    ["up", "flow.ts", "--store", "runs.db", "--studio"],
    ["studio", "flow.ts", "--store", "runs.db"],
  ]) {
    expect(await cli(args, { cwd, env })).toMatchObject({
      exitCode: 2,
      stderr: expect.stringMatching(
        /^error CLI_PORT_UNAVAILABLE: cannot listen on 127\.0\.0\.1, port \d+: .*EADDRINUSE/,
      ),
    });
  }
});

/** Stores more than a report may have, with text that would end a script. */
const hostileFlow = `
import { defineHandler, flow } from "flowkit";
import * as z from "zod";
const text = "</script><script>alert(1)</script><!--";
const many = defineHandler("many", {
  output: z.object({ text: z.string() }),
  *iterBatches() { for (let n = 0; n < 60; n++) yield { payload: { text: text + "x".repeat(60_000) } }; },
});
const Text = z.object({ text: z.string() });
const copy = defineHandler("copy", { input: Text, output: Text, processBatch: (batch) => batch });
const fails = defineHandler("fails", {
  input: z.object({ text: z.string() }), output: z.int(),
  processBatch({ text }) { throw new Error(text.slice(0, 40)); },
});
export const hostile = flow(text)
  .node("many", many)
  .then("more", copy)
  .then("fails", fails, { retry: { max: 0 } });
`;

test("report writes one file, of at most 2 MB, in which data stays data", async () => {
  const cwd = project({ "hostile.ts": hostileFlow });
  const run = await cli(["run", "hostile.ts", "--store", "runs.db"], { cwd });
  const id = /task (\S+) in runs\.db/.exec(run.stderr)?.[1] ?? "";
  const written = await cli(["report", id.slice(0, 8), "--store", "runs.db", "-o", "run.html"], { cwd });
  expect(written).toMatchObject({ exitCode: 0, stdout: "" });
  expect(written.stderr).toContain("wrote run.html\nleft out to keep the file small: all but ");
  const page = readFileSync(join(cwd, "run.html"), "utf8");
  expect(Buffer.byteLength(page)).toBeLessThanOrEqual(2_000_000);
  expect(page).not.toContain("<!--flowkit-data-->");
  const [, json = ""] = /<script type="application\/json" id="flowkit-report">(.*?)<\/script>/s.exec(page) ?? [];
  const report: RunReport = JSON.parse(json);
  expect(report).toMatchObject({
    kind: "run",
    info: { readOnly: true, store: "runs.db" },
    task: { id, live: { state: "failed", failure: { nodeId: "fails", reasonCode: "unexpected_error" } } },
    nodes: { fails: { detail: { failedInput: { value: { text: expect.stringContaining("</script>") } } } } },
  });
  expect(report.omitted.length).toBeGreaterThan(0);
  for (const node of ["many", "more"]) {
    const { items, stored = 0 } = report.nodes[node]?.artifacts ?? {};
    expect(stored).toBe(60);
    expect(items?.length).toBeGreaterThan(0);
    // A page of artifacts ends at 1 MiB, so that one node has room.
    expect(items?.length).toBeLessThan(17);
  }

  expect(await cli(["report", id, "--store", "runs.db", "-o", "run.html"], { cwd })).toMatchObject({
    exitCode: 2,
    stderr: expect.stringContaining("CLI_FILE_EXISTS"),
  });
  writeFileSync(join(cwd, "run.html"), "");
  expect(await cli(["report", id, "--store", "runs.db", "-o", "run.html", "--force"], { cwd })).toMatchObject({
    exitCode: 0,
  });
  expect(await cli(["report", "unknown", "--store", "runs.db"], { cwd })).toMatchObject({
    exitCode: 2,
    stderr: expect.stringContaining("TASK_UNKNOWN"),
  });
});
