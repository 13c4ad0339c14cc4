import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { sqliteStore } from "../../../src/adapters/sqlite/index.ts";
import { Coordinator, Worker } from "../../../src/engine/index.ts";
import { silentLogger } from "../../../src/index.ts";
import { cli, cliProject } from "../../helpers/cli.ts";
import { source } from "../../helpers/handlers.ts";

/** A flow whose node `first` has finished, and whose node `second` waits. */
const flowOf = (second: string) => `
import { defineHandler, flow } from "flowkit";
import * as z from "zod";

const first = defineHandler("first", { output: z.object({ n: z.int() }), iterBatches: () => [{ payload: { n: 1 } }] });
${second}
export const work = flow("work").node("a", first).then("b", second, { args: { factor: 2 } });
`;
const handler = (args: string, input: string, name = "second") =>
  `const second = defineHandler("${name}", { args: z.object(${args}), input: z.object(${input}), output: z.null(), processBatch: () => null });`;

test("flowkit diff --running says which open tasks the handlers of a file would break", async () => {
  const cwd = cliProject({ "flow.ts": flowOf(handler("{ factor: z.int() }", "{ n: z.int() }")) });
  const started = await cli(["tasks", "start", "flow.ts", "--store", "runs.db", "--json"], { cwd });
  expect(started.exitCode).toBe(0);
  const { taskId } = JSON.parse(started.stdout);
  const diff = async (...more: readonly string[]) => cli(["diff", "flow.ts", "--running", "runs.db", ...more], { cwd });
  expect(await diff()).toEqual({ exitCode: 0, stdout: "", stderr: "1 open task, all of which can continue\n" });

  writeFileSync(join(cwd, "flow.ts"), flowOf(handler("{ factor: z.int() }", "{ n: z.int() }", "other")));
  expect(await diff()).toEqual({
    exitCode: 1,
    stdout: `task ${taskId}\n  ! b: there is no longer a handler 'second'\n`,
    stderr: "1 open task, of which 1 would fail\n",
  });

  // The flow in the file is correct; the task's flow has the earlier arguments.
  const renamed = flowOf(handler("{ times: z.int() }", "{ n: z.int() }")).replace("factor: 2", "times: 2");
  writeFileSync(join(cwd, "flow.ts"), renamed);
  const args = JSON.parse((await diff("--json")).stdout);
  expect(args).toMatchObject({ compatible: false, checked: 1, tasks: [{ taskId, flow: "work" }] });
  expect(args.tasks[0].findings[0]).toMatchObject({
    nodeId: "b",
    message: "handler 'second' does not accept argument 'factor'",
  });

  const usage = await cli(["diff", "flow.ts"], { cwd });
  expect(usage).toMatchObject({ exitCode: 2, stderr: expect.stringContaining("either a second graph or --running") });
});

const versioned = (stores: string, accepts: string, then = "second") => `
import { defineHandler, flow } from "flowkit";
import * as z from "zod";

const first = defineHandler("first", { output: z.object({ n: ${stores} }), iterBatches: () => [] });
export const second = defineHandler("second", { input: z.object({ n: ${accepts} }), output: z.null(), processBatch: () => null });
const third = defineHandler("third", { input: z.object({ n: z.unknown() }), output: z.null(), processBatch: () => null });
export const work = flow("work").node("a", first).then("b", ${then});
`;

test("flowkit diff --running compares schemas, with what is stored and what will be", async () => {
  const cwd = cliProject({ "flow.ts": versioned("z.int()", "z.int()") });
  const { taskId } = JSON.parse(
    (await cli(["tasks", "start", "flow.ts", "--store", "runs.db", "--json"], { cwd })).stdout,
  );
  const diff = async (...[stores, accepts, then]: Parameters<typeof versioned>) => {
    writeFileSync(join(cwd, "flow.ts"), versioned(stores, accepts, then));
    return cli(["diff", "flow.ts", "--running", "runs.db"], { cwd });
  };
  const broken = (finding: string) => ({
    exitCode: 1,
    stdout: `task ${taskId}\n  ! ${finding}\n`,
    stderr: "1 open task, of which 1 would fail\n",
  });
  const fine = { exitCode: 0, stdout: "", stderr: "1 open task, all of which can continue\n" };
  // Its output no longer fits the next node in the task, which the flow in the file has replaced.
  expect(await diff("z.string()", "z.int()", "third")).toEqual(
    broken("b: edge 'a' -> 'b': .n is string, needs number"),
  );
  // Nothing is stored yet: both are new.
  expect(await diff("z.string()", "z.string()")).toEqual(fine);

  const store = sqliteStore(join(cwd, "runs.db"));
  const parts = { store, logger: silentLogger };
  const coordinator = new Coordinator({ ...parts, workerTypes: ["first", "second"] });
  const worker = new Worker({ ...parts, handlers: [source("first", [{ n: 1 }])] });
  await coordinator.start();
  await worker.start();
  await expect
    .poll(async () => (await coordinator.task(taskId).status()).nodes.map(({ status }) => status), { timeout: 20_000 })
    .toEqual(["finished", "queued"]);
  await worker.stop();
  await coordinator.stop();
  expect(await diff("z.string()", "z.string()")).toEqual(broken("b: edge 'a' -> 'b': .n is number, needs string"));
  expect(await diff("z.int()", "z.number()")).toEqual(fine);
});
