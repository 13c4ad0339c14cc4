import { writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { cli, cliProject, type RunningCli, startCli } from "../../helpers/cli.ts";
import { until } from "../../helpers/waiting.ts";

/** Its second batch waits for the file `go`. */
const slowFlow = `
import { existsSync, writeFileSync } from "node:fs";
import { defineHandler, flow } from "flowkit";
import * as z from "zod";

export const count = defineHandler("count", {
  output: z.int(),
  *iterBatches() {
    for (const n of [1, 2, 3]) yield { uid: "n" + n, payload: n };
  },
});
export const slow = defineHandler("slow", {
  input: z.int(),
  output: z.int(),
  async processBatch(n, ctx) {
    if (n === 2) writeFileSync("waits", "");
    while (n === 2 && !existsSync("go")) await new Promise((done) => setTimeout(done, 10));
    ctx.logger.info({ n }, "done");
    return n * n;
  },
});
export const slowly = flow("slowly").node("count", count).then("slow", slow, { startWhen: "first_batch" });
`;
/** A client that starts the flow and prints the task id. */
const client = `
import { Client } from "flowkit/engine";
import { sqliteStore } from "flowkit/adapters/sqlite";
import { slowly } from "./flow.ts";

await using client = new Client({ store: sqliteStore("runs.db"), handlers: slowly.handlers });
await client.start();
console.log("task", (await client.run(slowly)).id);
export {};
`;
const patience = 60_000;
const shared = ["--handlers", "flow.ts", "--store", "runs.db", "--http-port", "0"];
const project = () => cliProject({ "flow.ts": slowFlow, "client.ts": client });

/** The URL of its probes, once it is up. */
async function probesOf(part: RunningCli): Promise<(path: string) => Promise<{ status: number; body: string }>> {
  await part.printed("/metrics at http://");
  const url = /at (http:\/\/[\d.:]+)/.exec(part.texts.stderr)?.[1];
  return async (path) => {
    const response = await fetch(`${url}${path}`);
    return { status: response.status, body: await response.text() };
  };
}

const startTask = async (cwd: string): Promise<string> => {
  const { stderr } = await cli(["run", "client.ts"], { cwd }); // it has no flow: only its own code counts
  return /task (\S+)/.exec(stderr)?.[1] ?? "";
};
const isFinished = async (cwd: string, task: string): Promise<boolean> =>
  (await cli(["tasks", "show", task, "--store", "runs.db"], { cwd })).stdout.includes(") finished");

test("a coordinator and workers share a task; a stopped worker releases it to another", async () => {
  const cwd = project();
  const coordinator = startCli(["coordinator", ...shared], { cwd });
  const worker = startCli(["worker", ...shared, "--capacity", "4", "--log-format", "json", "--grace", "0"], { cwd });
  const [ofCoordinator, ofWorker] = [await probesOf(coordinator), await probesOf(worker)];
  expect(await ofCoordinator("/ready")).toEqual({ status: 200, body: '{"ready":true}\n' });
  expect(await ofWorker("/ready")).toEqual({ status: 200, body: '{"ready":true}\n' });
  expect(JSON.parse((await ofWorker("/health")).body)).toMatchObject({
    status: "alive",
    state: "running",
    ready: true,
    store: { status: "ok" },
    bus: { status: "ok" },
    running: 0,
    capacity: 4,
  });
  expect(await ofWorker("/")).toEqual({ status: 404, body: "not found: try /health, /ready or /metrics\n" });

  const task = await startTask(cwd);
  await until(async () => (await ofWorker("/metrics")).body.includes("flowkit_claims_in_use 1\n"), "a claim", patience);
  await until(async () => (await ofWorker("/metrics")).body.includes('stored_total{type="slow"} 1\n'), "1", patience);
  worker.child.kill("SIGTERM");
  const ended = await worker.outcome;
  expect(ended.exitCode).toBe(0);
  const lines = ended.stderr
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
  expect(lines).toMatchObject([
    { level: "info", msg: expect.stringMatching(/^worker on runs\.db: count, slow; 4 slots; \/ready/) },
    { level: "info", msg: "a task started", taskId: task, flow: "slowly" },
    { time: expect.any(String), level: "info", msg: "done", taskId: task, nodeId: "slow", n: 1 },
    { level: "info", msg: "stopping; send the signal again to exit immediately" },
    { level: "info", msg: "stopped" },
  ]);

  writeFileSync(join(cwd, "go"), "");
  const next = startCli(["worker", ...shared, "--roles", "slow"], { cwd });
  const ofNext = await probesOf(next);
  await until(() => isFinished(cwd, task), "the end", patience);
  const metrics = (await ofNext("/metrics")).body;
  expect(metrics).toContain('flowkit_attempts_ended_total{type="slow",outcome="finished"} 1\n');
  expect(metrics).toContain('flowkit_batches_stored_total{type="slow"} 2\n'); // the first one was already stored
  expect(metrics).toContain('flowkit_attempt_duration_seconds_count{type="slow"} 1\n');
  expect(metrics).toMatch(/^process_resident_memory_bytes \d+/m);
  const planned = (await ofCoordinator("/metrics")).body;
  expect(planned).toContain('flowkit_tasks_ended_total{status="finished"} 1\n');
  expect(planned).toContain('flowkit_nodes_dispatched_total{type="slow"} 1\n');
  expect(planned).not.toContain("claims_in_use");
  expect(planned).not.toMatch(/leases_expired_total\{/); // released: no lease had to expire
  for (const part of [coordinator, next]) part.child.kill("SIGINT");
  expect(await coordinator.outcome).toMatchObject({ exitCode: 0, stdout: "" });
  expect(await next.outcome).toMatchObject({ exitCode: 0, stdout: "" });
});

test("it is not ready while stopping; a second signal exits immediately", async () => {
  const cwd = project();
  const up = startCli(["up", "flow.ts", ...shared.slice(2), "--grace", "600"], { cwd });
  const probe = await probesOf(up);
  expect(await probe("/ready")).toMatchObject({ status: 200 });
  await startTask(cwd);
  await until(async () => (await probe("/metrics")).body.includes('stored_total{type="slow"} 1\n'), "1", patience);
  up.child.kill("SIGTERM");
  await up.printed("stopping; send the signal again to exit immediately");
  expect(await probe("/ready")).toEqual({ status: 503, body: '{"ready":false,"reason":"stopping"}\n' });
  expect((await probe("/health")).status).toBe(200);
  up.child.kill("SIGTERM");
  expect((await up.outcome).exitCode).toBe(143);
});

test("it is not ready until it has reached Kafka, and reports that", async () => {
  const closed = createServer().listen(0, "127.0.0.1");
  await new Promise((done) => closed.once("listening", done));
  const { port } = closed.address() as AddressInfo;
  await new Promise((done) => closed.close(done));
  const worker = startCli(["worker", ...shared, "--kafka-brokers", `127.0.0.1:${port}`], { cwd: project() });
  const probe = await probesOf(worker);
  const reason = "bus not yet connected";
  expect(await probe("/ready")).toEqual({ status: 503, body: `${JSON.stringify({ ready: false, reason })}\n` });
  worker.child.kill("SIGTERM");
  expect((await worker.outcome).exitCode).toBe(0);
});

test("passwords in settings never appear in output, even if a handler prints them", async () => {
  const cwd = cliProject({
    "flow.ts": `
import { defineHandler, flow } from "flowkit";
import * as z from "zod";
const leak = defineHandler("leak", {
  output: z.string(),
  processBatch(_args, ctx) {
    const { MONGODB_URL, KAFKA_SASL_PASSWORD: password } = process.env;
    console.log("printed", MONGODB_URL, decodeURIComponent(MONGODB_URL ?? ""), password);
    ctx.logger.info({ password }, "logged");
    return "";
  },
});
export const leaks = flow("leaks").node("leak", leak);
`,
    "client.ts": client.replaceAll("slowly", "leaks"),
  });
  const env = { MONGODB_URL: "mongodb://ann:s3cret%40url@db/shop", KAFKA_SASL_PASSWORD: 's3cret"kafka' };
  for (const format of ["text", "json"]) {
    await startTask(cwd);
    const up = startCli(["up", "flow.ts", "--store", "runs.db", "--log-format", format], { cwd, env });
    await up.printed("logged");
    up.child.kill("SIGTERM");
    const { stdout, stderr } = await up.outcome;
    expect(stderr).toContain("printed mongodb://ann:****@db/shop mongodb://ann:****@db/shop ****");
    expect(`${stdout}${stderr}`).not.toContain("s3cret");
  }
});

test("probes answer on 127.0.0.1 only, unless another address is given", async () => {
  const cwd = project();
  const urlOf = async (...args: string[]) => {
    const worker = startCli(["worker", ...shared, ...args], { cwd });
    await worker.printed("/metrics at http://");
    return /at (http:\S+)/.exec(worker.texts.stderr)?.[1] ?? "";
  };
  const own = await urlOf();
  expect(own).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
  expect((await fetch(`${own}/health`)).status).toBe(200);
  // Another address of this machine, which other machines would use.
  await expect(fetch(`${own.replace("127.0.0.1", "127.0.0.2")}/health`)).rejects.toThrow("fetch failed");
  const open = await urlOf("--http-host", "0.0.0.0");
  expect(open).toMatch(/^http:\/\/0\.0\.0\.0:\d+$/);
  expect((await fetch(`${open.replace("0.0.0.0", "127.0.0.1")}/health`)).status).toBe(200);
});

test("a used port is reported, and nothing starts", async () => {
  const cwd = project();
  const other = createServer().listen(0, "127.0.0.1");
  await new Promise((done) => other.once("listening", done));
  onTestFinished(() => void other.close());
  const { port } = other.address() as AddressInfo;
  const args = ["worker", "--handlers", "flow.ts", "--store", "runs.db"];
  const { exitCode, stderr } = await cli([...args, "--http-port", String(port)], { cwd });
  expect(stderr).toMatch(new RegExp(`^error CLI_PORT_UNAVAILABLE: cannot listen on 127.0.0.1, port ${port}: `));
  expect(stderr).toContain("\n  Choose another port; 0 is any free one.\n");
  expect(exitCode).toBe(2);
});
