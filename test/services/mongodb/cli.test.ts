import { randomUUID } from "node:crypto";
import { expect, inject, onTestFinished, test } from "vitest";
import { cli, cliProject, squaresFlow, startCli } from "../../helpers/cli.ts";
import { needsServices } from "../services.ts";
import { testClient } from "./mongo-world.ts";

needsServices("mongodb");

test("the command stores and finds runs in MongoDB", async () => {
  const name = `flowkit_cli_${randomUUID().slice(0, 8)}`;
  const client = testClient();
  onTestFinished(async () => {
    await client.db(name).dropDatabase();
  });
  const url = new URL(inject("mongodbUrl"));
  url.pathname = name;
  const cwd = cliProject({ "flow.ts": squaresFlow });
  const key = ["--idempotency-key", "monday"];
  const first = await cli(["run", "flow.ts", "--json", "--mongo", url.href, ...key], { cwd });
  expect(first.exitCode, first.stderr).toBe(0);
  const { taskId, result } = JSON.parse(first.stdout);
  expect(result).toEqual({ square: [{ n: 1 }, { n: 4 }] });
  expect(first.stderr).toContain(`task ${taskId} in MongoDB (${name} at ${url.host})\n`);

  const env = { FLOWKIT_MONGO_URL: url.href };
  const again = await cli(["run", "flow.ts", "--json", ...key], { cwd, env });
  expect(JSON.parse(again.stdout)).toMatchObject({ taskId, result });
  const listed = await cli(["tasks", "list", "--json"], { cwd, env });
  expect(JSON.parse(listed.stdout).items).toMatchObject([{ id: taskId, status: "finished" }]);
  expect((await cli(["artifacts", taskId, "square"], { cwd, env })).stdout).toBe('{"n":1}\n{"n":4}\n');

  const up = startCli(["up", "flow.ts"], { cwd, env });
  await up.printed(`up on MongoDB (${name} at ${url.host}): numbers, square; 8 slots\n`);
  up.child.kill("SIGTERM");
  expect((await up.outcome).exitCode).toBe(0);
});
