import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { cli, cliProject, startCli } from "../../helpers/cli.ts";

const store = ["--store", "runs.db"];
const loggingFlow = `
import { existsSync } from "node:fs";
import { defineHandler, flow } from "flowkit";
import * as z from "zod";

const count = defineHandler("count", {
  output: z.int(),
  *iterBatches(_, ctx) {
    ctx.logger.info({ rows: 2 }, "counting");
    yield { payload: 1 };
  },
});
const check = defineHandler("check", {
  input: z.int(),
  output: z.int(),
  async processBatch(n, ctx) {
    ctx.logger.warn({ n }, "looks odd");
    while (!existsSync("go")) await new Promise((done) => setTimeout(done, 10));
    ctx.logger.info({ n }, "goes on");
    return n;
  },
});
export const logging = flow("logging").node("count", count).then("check", check);
`;

test("flowkit tasks logs prints what handlers have logged, and follows a task to its end", async () => {
  const cwd = cliProject({ "flow.ts": loggingFlow });
  const run = startCli(["run", "flow.ts", ...store, "--json"], { cwd });
  await vi.waitUntil(async () => (await cli(["tasks", "list", ...store], { cwd })).stdout.includes("logging"), 60_000);
  const [taskId = ""] = (await cli(["tasks", "list", ...store], { cwd })).stdout.split(" ");
  const following = startCli(["tasks", "logs", taskId.slice(0, 8), ...store, "--follow"], { cwd });
  await following.printed("looks odd");
  expect(following.texts.stdout).not.toContain("goes on");
  writeFileSync(join(cwd, "go"), "");
  const time = String.raw`\d{4}-\d\d-\d\dT[\d:.]{12}Z`;
  const { exitCode, stdout, stderr } = await following.outcome;
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
  expect(stdout).toMatch(
    new RegExp(
      `^${time} count#1 info counting rows=2\n${time} check#1 warn looks odd batchUid="0" n=1\n${time} check#1 info goes on batchUid="0" n=1\n$`,
    ),
  );
  expect((await run.outcome).exitCode).toBe(0);
  const json = await cli(["tasks", "logs", taskId, ...store, "--node", "check", "--level", "warn", "--json"], {
    cwd,
  });
  expect(
    json.stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line)),
  ).toEqual([
    expect.objectContaining({
      nodeId: "check",
      level: "warn",
      message: "looks odd",
      fields: { batchUid: "0", n: 1 },
    }),
  ]);
  const other = await cli(["tasks", "logs", taskId, ...store, "--node", "none"], { cwd });
  expect(other).toMatchObject({ exitCode: 2, stderr: expect.stringContaining("has no node 'none'") });
});
