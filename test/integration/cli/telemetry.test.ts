import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { cli, cliProject, squaresFlow, startCli } from "../../helpers/cli.ts";
import { until } from "../../helpers/waiting.ts";

interface Posted {
  readonly path: string;
  readonly text: string;
}

/** Keeps what it receives as OTLP/JSON. */
async function receiver(): Promise<{ readonly posted: readonly Posted[]; readonly env: Record<string, string> }> {
  const posted: Posted[] = [];
  const server = createServer(async (request, response) => {
    let text = "";
    for await (const chunk of request.setEncoding("utf8")) text += chunk;
    posted.push({ path: request.url ?? "", text });
    response.setHeader("content-type", "application/json").end("{}");
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  onTestFinished(() => new Promise((done) => server.close(() => done(undefined))));
  const { port } = server.address() as AddressInfo;
  return { posted, env: { OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}` } };
}

const namesIn = (posted: readonly Posted[], path: string): string[] =>
  posted.flatMap((each) =>
    each.path === path ? [...each.text.matchAll(/"name":"([^"]+)"/g)].map(([, name]) => name ?? "") : [],
  );

test("run --telemetry sends the spans and metrics of its task before it exits", async () => {
  const { posted, env } = await receiver();
  const cwd = cliProject({ "flow.ts": squaresFlow });
  const { exitCode, stdout } = await cli(["run", "flow.ts", "--telemetry"], { cwd, env });
  expect({ exitCode, stdout }).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('"square"') });
  expect(namesIn(posted, "/v1/traces")).toEqual(
    expect.arrayContaining(["create squares", "process numbers", "process square", "batch square", "task squares"]),
  );
  expect(namesIn(posted, "/v1/metrics")).toContain("flowkit.attempts.ended");
  expect(posted[0]?.text).toContain('{"key":"service.name","value":{"stringValue":"flowkit"}}');
});

test("up is configured by the standard variables, and sends what is left when it stops", async () => {
  const { posted, env } = await receiver();
  const cwd = cliProject({ "flow.ts": squaresFlow, "flowkit.json": { telemetry: true, store: "runs.db" } });
  await cli(["tasks", "start", "flow.ts", "--store", "runs.db"], { cwd });
  const given = { OTEL_SERVICE_NAME: "orders", OTEL_METRICS_EXPORTER: "none", OTEL_BSP_SCHEDULE_DELAY: "10" };
  const up = startCli(["up", "flow.ts", "--config", "flowkit.json"], { cwd, env: { ...env, ...given } });
  await until(() => namesIn(posted, "/v1/traces").includes("process square"), "the span");
  up.child.kill("SIGTERM");
  expect(await up.outcome).toMatchObject({ exitCode: 0 });
  expect(namesIn(posted, "/v1/traces")).toContain("task squares");
  expect(posted.map(({ path }) => path)).not.toContain("/v1/metrics");
  expect(posted[0]?.text).toContain('{"key":"service.name","value":{"stringValue":"orders"}}');
});

test("a coordinator and a worker send one trace of a task that another command created", async () => {
  const { posted, env } = await receiver();
  const cwd = cliProject({ "flow.ts": squaresFlow });
  const given = { ...env, OTEL_BSP_SCHEDULE_DELAY: "10" };
  const shared = ["--handlers", "flow.ts", "--store", "runs.db", "--telemetry"];
  const parts = ["coordinator", "worker"].map((name) =>
    startCli([name, ...shared], { cwd, env: { ...given, OTEL_SERVICE_NAME: name } }),
  );
  for (const part of parts) await part.printed(" on runs.db");
  const taskId = (await cli(["tasks", "start", "flow.ts", "--store", "runs.db"], { cwd })).stdout.trimEnd();
  await until(() => namesIn(posted, "/v1/traces").includes("task squares"), "the span of the task");
  for (const part of parts) part.child.kill("SIGTERM");
  for (const part of parts) expect(await part.outcome).toMatchObject({ exitCode: 0 });
  const of = (service: string) =>
    posted.filter(({ path, text }) => path === "/v1/traces" && text.includes(`"stringValue":"${service}"`));
  expect(namesIn(of("coordinator"), "/v1/traces")).toContain("task squares");
  expect(namesIn(of("worker"), "/v1/traces")).toEqual(expect.arrayContaining(["process numbers", "process square"]));
  const traces = [...of("coordinator"), ...of("worker")].flatMap(
    ({ text }) => text.match(/"traceId":"[0-9a-f]+"/g) ?? [],
  );
  expect(new Set(traces)).toEqual(new Set([`"traceId":"${taskId.replaceAll("-", "")}"`]));
});

test("an unreachable receiver causes a warning and nothing else", async () => {
  const cwd = cliProject({ "flow.ts": squaresFlow });
  const env = { OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:1", OTEL_EXPORTER_OTLP_TIMEOUT: "200" };
  const { exitCode, stdout, stderr } = await cli(["run", "flow.ts", "--telemetry"], { cwd, env });
  expect({ exitCode, stdout }).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('"square"') });
  expect(stderr).toMatch(/^warn could not send the last spans and metrics .*ECONNREFUSED/m);
});

test("a missing package or an unsupported setting is an error before anything runs", async () => {
  const cwd = cliProject({ "flow.ts": squaresFlow });
  const grpc = await cli(["run", "flow.ts", "--telemetry"], { cwd, env: { OTEL_EXPORTER_OTLP_PROTOCOL: "grpc" } });
  expect(grpc).toEqual({
    exitCode: 2,
    stdout: "",
    stderr: "error CLI_CONFIG: OTEL_EXPORTER_OTLP_PROTOCOL is 'grpc': only http/json and http/protobuf are supported\n",
  });
  const hidden = `import { registerHooks } from "node:module";
    registerHooks({ resolve: (name, context, next) => next(name === "@opentelemetry/resources" ? name + "-gone" : name, context) });`;
  const NODE_OPTIONS = `--import "data:text/javascript,${encodeURIComponent(hidden)}"`;
  const missing = await cli(["run", "flow.ts", "--telemetry"], { cwd, env: { NODE_OPTIONS } });
  expect(missing).toMatchObject({ exitCode: 2, stdout: "" });
  const [onPage] =
    /^npm install @opentelemetry\/api@[\s\S]*?(?=\nOTEL)/m.exec(readFileSync("docs/telemetry.md", "utf8")) ?? [];
  const install = onPage?.replaceAll(/ \\\n */g, " ");
  expect(missing.stderr).toBe(
    `error CLI_IMPORT_FAILED: missing package: @opentelemetry/resources-gone, which telemetry requires\n  Install what is missing: ${install}\n`,
  );
  const off = await cli(["run", "flow.ts", "--telemetry"], { cwd, env: { OTEL_SDK_DISABLED: "true" } });
  expect(off).toMatchObject({
    exitCode: 0,
    stderr: expect.stringContaining("telemetry is off: OTEL_SDK_DISABLED is true\n"),
  });
});

test("the setting keepLogs says which lines of handlers are kept", async () => {
  const logging = squaresFlow.replace(
    'console.log("squaring", n);',
    'ctx.logger.info({}, "squares"); ctx.logger.warn({}, "careful");',
  );
  const cwd = cliProject({ "flow.ts": logging.replace("processBatch({ n })", "processBatch({ n }, ctx)") });
  const kept = async (level: string): Promise<string> => {
    const store = `${level}.db`;
    const id = (await cli(["tasks", "start", "flow.ts", "--store", store], { cwd })).stdout.trim();
    const up = startCli(["up", "flow.ts", "--store", store, "--keep-logs", level], { cwd });
    await up.printed("a task finished");
    up.child.kill("SIGTERM");
    await up.outcome;
    return (await cli(["tasks", "logs", id, "--store", store], { cwd })).stdout;
  };
  const all = await kept("info");
  expect(all).toContain("squares");
  expect(all).toContain("careful");
  const warnings = await kept("warn");
  expect(warnings).not.toContain("squares");
  expect(warnings).toContain("careful");
  expect(await kept("none")).not.toContain("careful");
  const wrong = await cli(["up", "flow.ts", "--store", "runs.db", "--keep-logs", "loud"], { cwd });
  expect(wrong).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('invalid keepLogs "loud"') });
});
