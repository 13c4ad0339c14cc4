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

const mailsFlow = `
import { defineHandler, flow } from "flowkit";
import * as z from "zod";

const each = { timeoutSec: 5 } as const;
const ask = defineHandler("ask", { external: "reads", output: z.string(), *iterBatches() { yield { payload: "ann" }; } });
const guess = defineHandler("guess", { output: z.string(), *iterBatches() { yield { payload: "bob" }; } });
const mail = defineHandler("mail", { external: "writes", input: z.string(), output: z.null(), processBatch: () => null });
const count = defineHandler("count", { input: z.string(), output: z.null(), processBatch: () => null });

export const mails = flow("mails")
  .node("ask", ask, { ...each, retry: { max: 0 } })
  .node("askAgain", ask, each)
  .node("guess", guess, { ...each, retry: { max: 0 } })
  .node("mail", mail, { ...each, after: ["ask", "askAgain"], fanIn: "any" })
  .node("mailAll", mail, { ...each, after: ["ask", "guess"] })
  .node("mailTwice", mail, { ...each, after: ["ask", "guess"], fanIn: "count:1" })
  .node("count", count, { ...each, after: ["ask", "guess"], fanIn: "any" });
`;

describe("flowkit lint", () => {
  test("prints its findings and exits with 1", async () => {
    const cwd = cliProject({ "graph.json": graph });
    const { exitCode, stdout, stderr } = await cli(["lint", "graph.json"], { cwd });
    expect(stdout.trimEnd().split("\n")).toEqual([
      "unused-output node 'index': no other node reads its output, and it is not a result of the task",
      "fan-out-without-limit node 'index': all 64 partitions may run concurrently: set limits.max_running (maxRunning in the builder)",
      "missing-timeout node 'index': a hanging attempt never ends: set timeout_sec (timeoutSec in the builder)",
      "unconnected-node node 'alone': has no edges: no parents and no children",
    ]);
    expect(stderr.trimEnd().split("\n")).toEqual([
      "4 findings; --off RULE disables a rule, --help explains the rules",
      "not checked without --handlers: external-without-retry, any-with-external-write",
    ]);
    expect(exitCode).toBe(1);
  });

  test("skips disabled rules", async () => {
    const cwd = cliProject({ "graph.json": graph });
    const off = ["unused-output", "fan-out-without-limit", "missing-timeout", "unconnected-node"];
    const { exitCode, stdout } = await cli(["lint", "graph.json", ...off.flatMap((rule) => ["--off", rule])], { cwd });
    expect(stdout).toBe("graph.json: no findings\n");
    expect(exitCode).toBe(0);
    const wrong = await cli(["lint", "graph.json", "--off", "missing-timeuot"], { cwd });
    expect(wrong).toEqual({
      exitCode: 2,
      stdout: "",
      stderr: "error CLI_USAGE: unknown rule 'missing-timeuot'\n  Did you mean 'missing-timeout'?\n",
    });
  });

  test("prints findings as JSON", async () => {
    const cwd = cliProject({ "flow.ts": squaresFlow });
    const { exitCode, stdout } = await cli(["lint", "flow.ts", "--json"], { cwd });
    expect(exitCode).toBe(1);
    expect(JSON.parse(stdout)).toEqual({
      file: "flow.ts",
      findings: ["numbers", "square"].map((node) => ({
        rule: "missing-timeout",
        node,
        message: "a hanging attempt never ends: set timeout_sec (timeoutSec in the builder)",
      })),
      off: [],
      notChecked: [],
    });
  });

  test("checks external effects of handlers, of a flow or of a graph with --handlers", async () => {
    const cwd = cliProject({ "mails.ts": mailsFlow });
    await cli(["export", "mails.ts", "-o", "mails.json"], { cwd });
    const found = [
      "external-without-retry node 'ask': its handler calls an external system, but a single failure fails the task: set retry_policy.max to 1 or more (retry.max in the builder)",
      "any-with-external-write node 'mail': its handler writes to an external system, but with fan_in 'any' it starts before all its parents have ended",
      "any-with-external-write node 'mailTwice': its handler writes to an external system, but with fan_in 'count:1' it starts before all its parents have ended",
    ];
    for (const args of [["mails.ts"], ["mails.json", "--handlers", "mails.ts"]]) {
      const { exitCode, stdout, stderr } = await cli(["lint", ...args], { cwd });
      expect(stdout.trimEnd().split("\n")).toEqual(found);
      expect(stderr).toBe("3 findings; --off RULE disables a rule, --help explains the rules\n");
      expect(exitCode).toBe(1);
    }
    const alone = await cli(["lint", "mails.json", "--off", "external-without-retry"], { cwd });
    expect(alone).toEqual({
      exitCode: 0,
      stdout: "mails.json: no findings\n",
      stderr: "not checked without --handlers: any-with-external-write\n",
    });
  });

  test("considers what functions read", async () => {
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
