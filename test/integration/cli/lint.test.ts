import { describe, expect, test } from "vitest";
import { cli, cliProject, squaresFlow } from "../../helpers/cli.ts";

const graph = {
  nodes: [
    { node_id: "read", type: "reader", timeout_sec: 5 },
    { node_id: "index", type: "indexer", depends_on: ["read"], partitions: 64 },
    {
      node_id: "tell",
      type: "teller",
      depends_on: ["index"],
      timeout_sec: 5,
      io: { input_inline: { input_adapter: "pull.from_artifacts", input_args: { from_nodes: ["read"] } } },
    },
    { node_id: "alone", type: "reader", timeout_sec: 5 },
  ],
};

describe("flowkit lint", () => {
  test("tells what is worth a look, and ends with 1", async () => {
    const cwd = cliProject({ "graph.json": graph });
    const { exitCode, stdout, stderr } = await cli(["lint", "graph.json"], { cwd });
    expect(stdout.trimEnd().split("\n")).toEqual([
      "unused-output node 'index': other nodes wait for it, none of them reads what it stores, and it is no result of the run",
      "fan-out-without-limit node 'index': its 64 partitions may all run at once: set limits.max_running (maxRunning in the builder)",
      "missing-timeout node 'index': nothing ends an attempt that hangs: set timeout_sec (timeoutSec in the builder)",
      "unconnected-node node 'alone': it depends on no node, and no node depends on it",
    ]);
    expect(stderr).toBe("4 remarks; --off RULE leaves one out, --help tells why they are there\n");
    expect(exitCode).toBe(1);
  });

  test("leaves out what it is told to", async () => {
    const cwd = cliProject({ "graph.json": graph });
    const off = ["unused-output", "fan-out-without-limit", "missing-timeout", "unconnected-node"];
    const { exitCode, stdout } = await cli(["lint", "graph.json", ...off.flatMap((rule) => ["--off", rule])], { cwd });
    expect(stdout).toBe("graph.json: nothing to remark\n");
    expect(exitCode).toBe(0);
    const wrong = await cli(["lint", "graph.json", "--off", "missing-timeuot"], { cwd });
    expect(wrong).toEqual({
      exitCode: 2,
      stdout: "",
      stderr: "error CLI_USAGE: there is no rule 'missing-timeuot'\n  Did you mean 'missing-timeout'?\n",
    });
  });

  test("--json says what was not checked too", async () => {
    const cwd = cliProject({ "flow.ts": squaresFlow });
    const { exitCode, stdout } = await cli(["lint", "flow.ts", "--json"], { cwd });
    expect(exitCode).toBe(1);
    expect(JSON.parse(stdout)).toEqual({
      file: "flow.ts",
      findings: ["numbers", "square"].map((node) => ({
        rule: "missing-timeout",
        node,
        message: "nothing ends an attempt that hangs: set timeout_sec (timeoutSec in the builder)",
      })),
      off: [],
      notChecked: [
        { rule: "outside-call-without-retry", why: expect.any(String) },
        { rule: "any-with-side-effects", why: expect.any(String) },
      ],
    });
  });

  test("knows what functions read", async () => {
    const cwd = cliProject({
      "merged.json": {
        nodes: [
          { node_id: "a", type: "t", timeout_sec: 1 },
          { node_id: "b", type: "t", timeout_sec: 1, depends_on: ["a"] },
          {
            node_id: "m",
            type: "coordinator_fn",
            depends_on: ["b"],
            io: { fn: "metrics.aggregate", fn_args: { node_id: "b", mode: "sum" } },
          },
          {
            node_id: "n",
            type: "coordinator_fn",
            depends_on: ["m"],
            io: { fn: "merge.generic", fn_args: { from_nodes: ["a"], target: { key: "k" } } },
          },
        ],
      },
    });
    const nodes = async (file: string) =>
      JSON.parse((await cli(["lint", file, "--json"], { cwd })).stdout).findings.map(
        ({ rule, node }: { rule: string; node: string }) => `${rule} ${node}`,
      );
    expect(await nodes("merged.json")).toEqual(["unused-output m"]);
  });
});
