import { describe, expect, test } from "vitest";
import { cli, cliProject, squaresFlow } from "../../helpers/cli.ts";

describe("flowkit run", () => {
  test("prints the result to stdout, and everything else to stderr", async () => {
    const cwd = cliProject({ "flow.ts": squaresFlow });
    const { exitCode, stdout, stderr } = await cli(["run", "flow.ts"], { cwd });
    expect(exitCode, stderr).toBe(0);
    expect(JSON.parse(stdout)).toEqual({ square: [{ n: 1 }, { n: 4 }] });
    expect(stderr).toMatch(/numbers {2}running/);
    expect(stderr).toMatch(/square {2}finished, 2 batches/);
    expect(stderr).toContain("squaring 2\n"); // output of handlers does not mix with the result
  });

  test("--json prints the outcome as one document", async () => {
    const cwd = cliProject({ "flow.ts": squaresFlow });
    const { exitCode, stdout } = await cli(["run", "flow.ts", "--json"], { cwd });
    expect(exitCode).toBe(0);
    expect(JSON.parse(stdout)).toEqual({
      taskId: expect.any(String),
      name: "squares",
      status: "finished",
      result: { square: [{ n: 1 }, { n: 4 }] },
      createdAt: expect.any(Number),
      endedAt: expect.any(Number),
      nodes: [
        {
          nodeId: "numbers",
          type: "numbers",
          status: "finished",
          batches: 2,
          failedBatches: 0,
          failures: 0,
          metrics: {},
        },
        {
          nodeId: "square",
          type: "square",
          status: "finished",
          batches: 2,
          failedBatches: 0,
          failures: 0,
          metrics: {},
        },
      ],
    });
  });

  test("a failed run exits with 1 and prints the failure and the line of the flow that threw", async () => {
    const cwd = cliProject({ "flow.ts": squaresFlow });
    const { exitCode, stdout, stderr } = await cli(["run", "flow.ts", "--param", "count=14"], { cwd });
    expect(exitCode).toBe(1);
    expect(stdout).toBe("");
    expect(stderr).toMatch(
      /error TASK_FAILED: task \S+ failed at node 'square', batch '12': unexpected_error: thirteen is bad luck\n {2}at Object\.processBatch \(flow\.ts:17:25\)/,
    );
  });

  test("--json prints a failure too", async () => {
    const cwd = cliProject({ "flow.ts": squaresFlow });
    const { exitCode, stdout } = await cli(["run", "flow.ts", "-p", "count=14", "--json"], { cwd });
    expect(exitCode).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({
      status: "failed",
      failure: { nodeId: "square", batchUid: "12", reasonCode: "unexpected_error", message: "thirteen is bad luck" },
    });
  });

  describe("parameters", () => {
    const run = async (...args: string[]) => {
      const cwd = cliProject({ "flow.ts": squaresFlow, "params.json": { count: 1, who: "me" } });
      return await cli(["run", "flow.ts", "--json", ...args], { cwd });
    };
    const resultOf = ({ stdout }: { stdout: string }) => JSON.parse(stdout).result.square.length;
    const errorOf = ({ stdout }: { stdout: string }) => JSON.parse(stdout).error;

    test("are converted to the types of the flow's schema", async () => {
      expect(resultOf(await run("--param", "count=3", "--param", "who=3"))).toBe(3);
      expect(resultOf(await run("--param", "count:=4", "--param", 'deep={"a":1}'))).toBe(4);
    });

    test("come from a file, which the command line overrides", async () => {
      expect(resultOf(await run("--params", "params.json"))).toBe(1);
      expect(resultOf(await run("--params", "params.json", "--param", "count=5"))).toBe(5);
    });

    const wrong: readonly { readonly param: string; readonly message: string; readonly hint?: string }[] = [
      { param: "count=many", message: "invalid parameter 'count': expected an integer, got 'many'" },
      { param: "count=1.5", message: "invalid parameter 'count': expected an integer, got '1.5'" },
      { param: "cuont=1", message: "unknown parameter 'cuont'", hint: "Did you mean 'count'?" },
      { param: "zzz=1", message: "unknown parameter 'zzz'", hint: "Its parameters: count, who, deep" },
      {
        param: "count",
        message: "invalid --param 'count': expected name=value or name:=JSON",
      },
      {
        param: "who:=me",
        message: "invalid parameter 'who': 'me' is not valid JSON",
        hint: "To pass a string, write who=..., without the colon.",
      },
    ];
    test.each(wrong)("$param is refused", async ({ param, ...said }) => {
      const outcome = await run("--param", param);
      expect(outcome.exitCode).toBe(2);
      expect(errorOf(outcome)).toEqual({ code: "CLI_PARAM", ...said });
    });

    test("are refused together, whatever is wrong with each", async () => {
      const outcome = await run("--param", "count=many", "--param", "zzz=1", "--param", "cuont=1", "--param", "who:=3");
      expect(outcome.exitCode).toBe(2);
      expect(errorOf(outcome)).toEqual({
        code: "CLI_PARAM",
        message:
          "invalid parameter 'count': expected an integer, got 'many'; unknown parameter 'zzz'; unknown parameter 'cuont'; invalid parameter 'who': expected string, received number",
        hint: "Its parameters: count, who, deep\n  Did you mean 'count'?",
      });
    });

    test("of the right kind that the schema rejects are an error of the engine", async () => {
      const outcome = await run("--param", "who:=3");
      expect(outcome.exitCode).toBe(2);
      expect(errorOf(outcome)).toMatchObject({ code: "PARAMS_INVALID" });
    });
  });

  test("a graph JSON runs with the handlers of a file", async () => {
    const cwd = cliProject({ "flow.ts": squaresFlow });
    expect((await cli(["export", "flow.ts", "-o", "graph.json"], { cwd })).exitCode).toBe(0);
    const bare = await cli(["run", "graph.json", "--json"], { cwd });
    expect(bare.exitCode).toBe(2);
    expect(JSON.parse(bare.stdout).error).toEqual({
      code: "CLI_NO_HANDLERS",
      message: "missing handlers for the types of graph.json: numbers, square",
      hint: "Pass the file that exports them: --handlers handlers.ts",
    });
    const { exitCode, stdout } = await cli(["run", "graph.json", "--handlers", "flow.ts", "-p", "count=1"], { cwd });
    expect(exitCode).toBe(0);
    expect(JSON.parse(stdout)).toEqual({ square: [{ n: 1 }] });
  });

  test("two stores are an error", async () => {
    const cwd = cliProject({ "flow.ts": squaresFlow });
    const { exitCode, stderr } = await cli(["run", "flow.ts", "--store", "a.db", "--mongo", "mongodb://h/d"], { cwd });
    expect(exitCode).toBe(2);
    expect(stderr).toBe(
      "error CLI_CONFIG: two stores are configured: a SQLite file (--store) and a MongoDB database (--mongo)\n  Remove one of them.\n",
    );
  });

  test("a key without a store is an error", async () => {
    const cwd = cliProject({ "flow.ts": squaresFlow });
    const { exitCode, stderr } = await cli(["run", "flow.ts", "--idempotency-key", "k"], { cwd });
    expect(exitCode).toBe(2);
    expect(stderr).toContain(
      "error CLI_USAGE: --idempotency-key requires a store\n  Pass --store FILE, --store postgres://... or --mongo URL.\n",
    );
  });
});
