import { symlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { cli, cliProject, flowkitBin, node, squaresFlow } from "../../helpers/cli.ts";
import { runProcess } from "../../helpers/run-process.ts";

describe("flowkit complete", () => {
  const wordsIn =
    (cwd: string) =>
    async (...typed: readonly string[]) => {
      const { exitCode, stdout, stderr } = await cli(["complete", "--", ...typed], { cwd });
      expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
      return stdout.split("\n").slice(0, -1);
    };

  test("offers commands, options and choices, with what they mean", async () => {
    const words = wordsIn(cliProject({}));
    expect(await words("ta")).toEqual(["tasks\tmanage the tasks of a store"]);
    expect((await words("tasks", "")).map((line) => line.split("\t")[0])).toContain("signal");
    expect(await words("tasks", "list", "--st")).toEqual([
      "--store\tSQLite file or postgres:// URL of the database that stores tasks",
      "--status\tonly tasks with this status",
    ]);
    expect(await words("tasks", "list", "--status", "f")).toEqual(["finished", "failed"]);
    expect(await words("completion", "")).toEqual(["bash", "zsh", "fish"]);
  });

  test("leaves names of files to the shell", async () => {
    const words = wordsIn(cliProject({ "flow.ts": squaresFlow }));
    expect(await words("run", "fl")).toEqual([]);
    expect(await words("tasks", "list", "--store", "")).toEqual([]);
    expect(await words("nonsense", "more", "")).toEqual([]);
  });

  test("offers what is in the store, and nothing if there is none", async () => {
    const cwd = cliProject({ "flow.ts": squaresFlow });
    const words = wordsIn(cwd);
    expect(await words("tasks", "show", "")).toEqual([]);
    expect(await words("tasks", "show", "--store", "no.db", "")).toEqual([]);
    const started = await cli(["run", "flow.ts", "--store", "runs.db", "--param", "count=2", "--json"], { cwd });
    const { taskId, name, nodes } = JSON.parse(started.stdout);
    expect(await words("tasks", "show", "--store", "runs.db", "")).toEqual([`${taskId}\t${name} finished`]);
    expect(await words("artifacts", taskId, "--store", "runs.db", "")).toEqual(
      nodes.map(({ nodeId, type }: Record<string, string>) => `${nodeId}\t${type}`),
    );
    const ofOption = ["tasks", "logs", taskId.slice(0, 8), "--store", "runs.db", "--node", "s"];
    expect(await words(...ofOption)).toEqual(["square\tsquare"]);
    expect(await words("flows", "pause", "--store", "runs.db", "")).toEqual([name]);
    expect(await words("schedules", "pause", "--store", "runs.db", "")).toEqual([]);
  });
});

test("the script for bash passes what is typed as it is", async () => {
  const cwd = cliProject({});
  symlinkSync(flowkitBin, join(cwd, "flowkit"));
  const line = `source <(flowkit completion bash)
    try() { COMP_WORDS=(flowkit "$@"); COMP_CWORD=$(($# )); _flowkit; echo "\${COMPREPLY[*]}"; }
    try tasks s
    try tasks list --status c
    try run '$(touch evaluated)' ''
    ls`;
  const { exitCode, output } = await runProcess("bash", ["-c", `PATH=${cwd}:${dirname(node)}:$PATH; ${line}`], { cwd });
  expect(exitCode, output).toBe(0);
  expect(output).toMatch(/^show start signal\ncancelling cancelled\n\n/);
  expect(output).not.toContain("evaluated");
});
