import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { cli, cliProject } from "../../helpers/cli.ts";

/** A flow of which `first` is done, and `second` waits. */
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
  expect(await diff()).toEqual({ exitCode: 0, stdout: "", stderr: "1 open task, all of which can go on\n" });

  writeFileSync(join(cwd, "flow.ts"), flowOf(handler("{ factor: z.int() }", "{ n: z.int() }", "other")));
  expect(await diff()).toEqual({
    exitCode: 1,
    stdout: `task ${taskId}\n  ! b: there is no handler 'second' any more\n`,
    stderr: "1 open task, of which 1 would fail\n",
  });

  // The file's own flow is right; that of the task has the arguments of before.
  const renamed = flowOf(handler("{ times: z.int() }", "{ n: z.int() }")).replace("factor: 2", "times: 2");
  writeFileSync(join(cwd, "flow.ts"), renamed);
  const args = JSON.parse((await diff("--json")).stdout);
  expect(args).toMatchObject({ compatible: false, checked: 1, tasks: [{ taskId, flow: "work" }] });
  expect(args.tasks[0].findings[0]).toMatchObject({
    nodeId: "b",
    message: "node 'b': handler 'second' does not accept argument 'factor'",
  });

  const usage = await cli(["diff", "flow.ts"], { cwd });
  expect(usage).toMatchObject({ exitCode: 2, stderr: expect.stringContaining("either a second graph or --running") });
});
