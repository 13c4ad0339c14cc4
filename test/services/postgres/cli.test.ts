import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Client } from "flowkit/engine";
import { expect, inject, onTestFinished, test } from "vitest";
import { postgresStore } from "../../../src/adapters/postgres/index.ts";
import { cli, cliProject, squaresFlow, startCli } from "../../helpers/cli.ts";
import { graphOf, node } from "../../helpers/graphs.ts";
import { until } from "../../helpers/waiting.ts";
import { needsServices } from "../services.ts";
import { freshSchema, openStore, testPool } from "./postgres-world.ts";

needsServices("postgres");

const patience = 60_000;

/** What the command calls the database: never the user or the password. */
const databaseName = (): string => {
  const { host, pathname } = new URL(inject("postgresUrl"));
  return `PostgreSQL (${pathname.slice(1)} at ${host})`;
};

test("the command stores and finds runs in PostgreSQL, and keeps its password to itself", async () => {
  const url = inject("postgresUrl");
  const cwd = cliProject({ "flow.ts": squaresFlow });
  const env = { FLOWKIT_POSTGRES_SCHEMA: freshSchema() };
  const key = ["--idempotency-key", "monday"];
  const first = await cli(["run", "flow.ts", "--json", "--store", url, ...key], { cwd, env });
  expect(first.exitCode, first.stderr).toBe(0);
  const { taskId, result } = JSON.parse(first.stdout);
  expect(result).toEqual({ square: [{ n: 1 }, { n: 4 }] });
  expect(first.stderr).toContain(`task ${taskId} in ${databaseName()}\n`);

  writeFileSync(
    join(cwd, "flowkit.json"),
    JSON.stringify({ store: url, postgres: { schema: env.FLOWKIT_POSTGRES_SCHEMA } }),
  );
  const config = ["--config", "flowkit.json"];
  const again = await cli(["run", "flow.ts", "--json", "--store", url, ...key], { cwd, env });
  expect(JSON.parse(again.stdout)).toMatchObject({ taskId, result });
  const listed = await cli(["tasks", "list", "--json", ...config], { cwd });
  expect(JSON.parse(listed.stdout).items).toMatchObject([{ id: taskId, status: "finished" }]);
  expect((await cli(["artifacts", taskId, "square", ...config], { cwd })).stdout).toBe('{"n":1}\n{"n":4}\n');

  const printed = await cli(["worker", "--print-config", ...config], { cwd });
  expect(printed.stdout).toMatch(/^store +"postgres:\/\/\*\*\*\*@127\.0\.0\.1:\d+\/postgres" +flowkit\.json:1:/m);
  const doctor = await cli(["doctor", "--json", ...config], { cwd });
  expect(JSON.parse(doctor.stdout).findings).toMatchObject([
    { check: "settings", verdict: "ok" },
    { check: "store", verdict: "ok" },
    { check: "clock", verdict: "ok" },
    { check: "workers", verdict: "ok", message: "0 live workers" },
    { check: "tasks", verdict: "ok", message: "0 open tasks" },
    { check: "bus", verdict: "ok", message: "the database notifies of messages" },
  ]);

  const up = startCli(["up", "flow.ts", ...config], { cwd });
  await up.printed(`up on ${databaseName()}: numbers, square; 8 slots\n`);
  up.child.kill("SIGTERM");
  expect((await up.outcome).exitCode).toBe(0);

  const wrong = new URL(url);
  wrong.password = "not the password";
  const refused = await cli(["tasks", "list", "--store", wrong.href], { cwd });
  expect(refused).toEqual({
    exitCode: 1,
    stdout: "",
    stderr: expect.stringMatching(/^error STORE_UNAVAILABLE: .*password authentication failed for user "postgres"\n$/),
  });
});

test("doctor only looks: it neither creates tables nor updates older ones", async () => {
  const [schema, pool] = [freshSchema(), testPool()];
  const cwd = cliProject({});
  const doctor = async () => {
    const args = ["doctor", "--json", "--store", inject("postgresUrl")];
    const { exitCode, stdout } = await cli(args, { cwd, env: { FLOWKIT_POSTGRES_SCHEMA: schema } });
    return { exitCode, findings: JSON.parse(stdout).findings.slice(1) };
  };
  const found = (message: string) => ({ check: "store", verdict: "warning", message, hint: expect.any(String) });
  expect(await doctor()).toEqual({ exitCode: 0, findings: [found("the store responds, and has no tables yet")] });
  expect((await pool.query("SELECT to_regnamespace($1) AS oid", [schema])).rows).toEqual([{ oid: null }]);

  await openStore({ url: inject("postgresUrl"), schema });
  const older = `DROP TABLE "${schema}".bus_messages, "${schema}".bus_groups; UPDATE "${schema}".layout SET version = 1`;
  await pool.query(older);
  const message = "the store responds, and has layout 1, which is older than that of this version";
  expect(await doctor()).toEqual({ exitCode: 0, findings: [found(message)] });
  expect((await pool.query(`SELECT version FROM "${schema}".layout`)).rows).toEqual([{ version: 1 }]);
});

/** Records what it processes; its third batch waits for the file `go`. */
const handlersFile = `
import { appendFileSync, existsSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { defineHandler } from "flowkit";
import * as z from "zod";

export const count = defineHandler("count", {
  output: z.int(),
  *iterBatches() {
    for (const n of [1, 2, 3, 4]) yield { uid: "n" + n, payload: n };
  },
});
export const square = defineHandler("square", {
  input: z.int(),
  output: z.int(),
  async processBatch(n, ctx) {
    appendFileSync("processed", process.pid + ":" + n + " ");
    while (n === 3 && !existsSync("go")) await sleep(10, undefined, { signal: ctx.signal });
    return n * n;
  },
});
`;

test("coordinators and workers share a database; those that are killed are replaced by the others", async () => {
  const schema = freshSchema();
  const cwd = cliProject({
    "handlers.ts": handlersFile,
    "graph.json": graphOf(node("count"), node("square", ["count"])),
    "flowkit.json": { store: inject("postgresUrl"), postgres: { schema }, leaseMs: 2_000, sweepMs: 500 },
  });
  const started = (command: string) => startCli([...command.split(" "), "--config", "flowkit.json"], { cwd });
  const coordinators = [started("coordinator --types count,square"), started("coordinator --types count,square")];
  const workers = [started("worker --handlers handlers.ts"), started("worker --handlers handlers.ts")];
  for (const each of coordinators) await each.printed(`coordinator on ${databaseName()}: count, square\n`);
  for (const each of workers) await each.printed(`worker on ${databaseName()}: count, square; 8 slots\n`);

  const args = ["tasks", "start", "graph.json", "--handlers", "handlers.ts", "--config", "flowkit.json"];
  const { exitCode, stdout, stderr } = await cli(args, { cwd });
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
  const client = new Client({
    store: postgresStore({ url: inject("postgresUrl"), schema }),
    workerTypes: ["count", "square"],
  });
  onTestFinished(() => client.stop());
  await client.start();
  const processed = () => readFileSync(join(cwd, "processed"), "utf8").trim().split(" ");
  await until(
    () => {
      try {
        return processed().some((entry) => entry.endsWith(":3"));
      } catch {
        return false;
      }
    },
    "the third batch",
    patience,
  );
  const holder = Number(
    processed()
      .find((entry) => entry.endsWith(":3"))
      ?.split(":")[0],
  );
  workers.find(({ child }) => child.pid === holder)?.child.kill("SIGKILL");
  coordinators[0]?.child.kill("SIGKILL");
  writeFileSync(join(cwd, "go"), "");
  expect(await client.task(stdout.trimEnd()).result()).toEqual({ square: [1, 4, 9, 16] });
  expect(new Set(processed().map((entry) => entry.split(":")[0])).size).toBe(2);
  const left = [coordinators[1], workers.find(({ child }) => child.pid !== holder)];
  for (const each of left) each?.child.kill("SIGTERM");
  for (const each of left) expect(await each?.outcome).toMatchObject({ exitCode: 0, stdout: "" });
});
