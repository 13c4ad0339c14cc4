import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { cli, cliProject, squaresFlow, startCli } from "../../helpers/cli.ts";

/** Records in a file what it processes; from the third number on it waits for the file `go`. */
const loggedFlow = `
import { appendFileSync, existsSync } from "node:fs";
import { defineHandler, flow } from "flowkit";
import * as z from "zod";

const count = defineHandler("count", {
  output: z.int(),
  *iterBatches() {
    for (const n of [1, 2, 3, 4]) yield { uid: "n" + n, payload: n };
  },
});
const double = defineHandler("double", {
  input: z.int(),
  output: z.int(),
  async processBatch(n, ctx) {
    while (n > 2 && !existsSync("go")) {
      ctx.signal.throwIfAborted();
      await new Promise((done) => setTimeout(done, 10));
      console.log("waits at", n); // a turn later: what was done before is committed
    }
    appendFileSync("done.txt", n + "\\n");
    return 2 * n;
  },
});
export const logged = flow("logged").node("count", count).then("double", double);
`;

const keep = ["--store", "runs.db", "--idempotency-key", "today"];

describe("flowkit run --store", () => {
  test("continues where a killed process stopped", async () => {
    const cwd = cliProject({ "flow.ts": loggedFlow });
    const first = startCli(["run", "flow.ts", ...keep], { cwd });
    await first.printed("waits at 3");
    first.child.kill("SIGKILL");
    await first.outcome;
    expect(readFileSync(join(cwd, "done.txt"), "utf8")).toBe("1\n2\n");
    writeFileSync(join(cwd, "go"), "");
    const { exitCode, stdout, stderr } = await cli(["run", "flow.ts", ...keep, "--json"], { cwd });
    expect(exitCode, stderr).toBe(0);
    const { taskId, result } = JSON.parse(stdout);
    expect(result).toEqual({ double: [2, 4, 6, 8] });
    expect(readFileSync(join(cwd, "done.txt"), "utf8")).toBe("1\n2\n3\n4\n"); // nothing that was stored is computed again
    // The same key again: the task has ended, so nothing runs.
    const third = await cli(["run", "flow.ts", ...keep, "--json"], { cwd });
    expect(JSON.parse(third.stdout)).toMatchObject({ taskId, result });
    expect(readFileSync(join(cwd, "done.txt"), "utf8")).toBe("1\n2\n3\n4\n");
  });

  test("runs its own task only, and shows the status of a killed one", async () => {
    const cwd = cliProject({ "flow.ts": loggedFlow });
    const first = startCli(["run", "flow.ts", "--store", "runs.db"], { cwd });
    await first.printed("waits at 3");
    first.child.kill("SIGKILL");
    const { stderr: said } = await first.outcome;
    const killed = /task (\S+) in runs\.db/.exec(said)?.[1] ?? "";
    const shown = async (command: string) =>
      (await cli(["tasks", command, killed, "--store", "runs.db"], { cwd })).stdout;
    expect(await shown("show")).toMatch(
      /double +double +running +[\d:]{8} .* 2 batches +lost its worker: worker-\S+ has ended; a coordinator will queue it again, but no live worker serves 'double'\n/,
    );
    expect(await shown("explain")).toMatch(/^double lost its worker: worker-\S+ has ended; /m);
    const { stdout: listed } = await cli(["tasks", "list", "--store", "runs.db"], { cwd });
    expect(listed).toMatch(/ running {2}\S+ \S+ {2}double lost its worker: worker-\S+ has ended; /);
    writeFileSync(join(cwd, "go"), "");
    writeFileSync(join(cwd, "done.txt"), "");
    const second = await cli(["run", "flow.ts", "--store", "runs.db", "--json"], { cwd });
    expect(second.exitCode, second.stderr).toBe(0);
    expect(JSON.parse(second.stdout).taskId).not.toBe(killed);
    expect(readFileSync(join(cwd, "done.txt"), "utf8")).toBe("1\n2\n3\n4\n");
    expect(await shown("show")).toMatch(/double +double +(running|queued) .* 2 batches/);
  });

  test("rejects a key that was used for another flow, a changed one, or other parameters", async () => {
    const squares = ["run", "squares.ts", "--store", "runs.db", "--idempotency-key", "today"];
    const cwd = cliProject({ "squares.ts": squaresFlow, "flow.ts": loggedFlow });
    const first = await cli([...squares, "--param", "count=2"], { cwd });
    expect(first.exitCode).toBe(0);
    expect(await cli([...squares, "--param", "count=2"], { cwd })).toMatchObject({ exitCode: 0, stdout: first.stdout });
    const other = await cli(["run", "flow.ts", ...keep], { cwd });
    expect(other).toMatchObject({ exitCode: 2, stdout: "" });
    expect(other.stderr).toMatch(
      /^error TASK_EXISTS: idempotency key 'today' belongs to task \S+ of 'squares', which has different input: graph differs, /m,
    );
    const asked = await cli([...squares, "--param", "count=3"], { cwd });
    expect(asked).toMatchObject({ exitCode: 2, stdout: "" });
    expect(asked.stderr).toContain("different input: params differ (count); use a new key");
    expect(asked.stderr).not.toContain("graph differs");
    writeFileSync(join(cwd, "squares.ts"), squaresFlow.replace('.then("square"', '.then("squared"'));
    const changed = await cli([...squares, "--param", "count=2"], { cwd });
    expect(changed).toMatchObject({ exitCode: 2, stdout: "" });
    expect(changed.stderr).toContain("different input: graph differs; a new version of a flow needs a new key");
    expect((await cli([...squares.slice(0, -1), "", "--param", "count=2"], { cwd })).stderr).toContain(
      "error ENGINE_OPTIONS: idempotencyKey must be a non-empty string",
    );
  });

  test("SIGTERM stops it and leaves the task for another process", async () => {
    const cwd = cliProject({ "flow.ts": loggedFlow });
    const first = startCli(["run", "flow.ts", ...keep, "--grace", "0"], { cwd });
    await first.printed("waits at 3");
    first.child.kill("SIGTERM");
    const { exitCode, stderr } = await first.outcome;
    expect(stderr).toMatch(/stopped; task \S+ remains in runs\.db: run it with the same key to continue\n$/);
    expect(exitCode).toBe(143);
    writeFileSync(join(cwd, "go"), "");
    const second = await cli(["run", "flow.ts", ...keep], { cwd });
    expect(JSON.parse(second.stdout)).toEqual({ double: [2, 4, 6, 8] });
  });

  test("SIGTERM lets the last batch end, and prints the result", async () => {
    const cwd = cliProject({ "flow.ts": loggedFlow.replace("[1, 2, 3, 4]", "[1, 2, 3]") });
    const run = startCli(["run", "flow.ts", ...keep, "--grace", "200"], { cwd });
    await run.printed("waits at 3");
    run.child.kill("SIGTERM");
    writeFileSync(join(cwd, "go"), "");
    const { exitCode, stdout, stderr } = await run.outcome;
    expect(stderr).not.toContain("remains in");
    expect(JSON.parse(stdout)).toEqual({ double: [2, 4, 6] });
    expect(exitCode).toBe(0);
  });

  test("Ctrl-C cancels it, with plain output", async () => {
    const cwd = cliProject({ "flow.ts": loggedFlow });
    const run = startCli(["run", "flow.ts", ...keep, "--json"], { cwd });
    await run.printed("waits at 3");
    run.child.kill("SIGINT");
    const { exitCode, stdout, stderr } = await run.outcome;
    expect(exitCode).toBe(130);
    expect(stderr).toContain("double  cancelled\n");
    expect(JSON.parse(stdout)).toMatchObject({ status: "cancelled", cancelReason: "Ctrl-C" });
  });

  test("rejects a file that is not a FlowKit store", async () => {
    const cwd = cliProject({
      "flow.ts": loggedFlow,
      "runs.db": "this is not a database, but it is long enough to inspect",
    });
    const { exitCode, stderr } = await cli(["run", "flow.ts", ...keep], { cwd });
    expect(stderr).toMatch(/^error STORE_\w+: /);
    expect(exitCode).not.toBe(0);
  });
});
