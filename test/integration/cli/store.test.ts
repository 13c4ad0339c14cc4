import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test, vi } from "vitest";
import { sqliteStore } from "../../../src/adapters/sqlite/index.ts";
import { Client } from "../../../src/engine/index.ts";
import { cli, cliProject, squaresFlow, startCli } from "../../helpers/cli.ts";

/** Fails at the third number unless the file `fine` exists; waits for the file `go` if `slow` exists. */
const fragileFlow = `
import { existsSync } from "node:fs";
import { defineHandler, flow, PermanentError } from "flowkit";
import * as z from "zod";

const count = defineHandler("count", {
  output: z.object({ n: z.int() }),
  *iterBatches() {
    for (const n of [1, 2, 3]) yield { uid: "n" + n, payload: { n } };
  },
});
const check = defineHandler("check", {
  input: z.object({ n: z.int() }),
  output: z.object({ n: z.int() }),
  errors: ["too_many"],
  async processBatch({ n }, ctx) {
    while (existsSync("slow") && !existsSync("go")) {
      ctx.signal.throwIfAborted();
      await new Promise((done) => setTimeout(done, 10));
    }
    if (n === 3 && !existsSync("fine")) throw new PermanentError("too_many", "three is too many\\nto count");
    return { n };
  },
});
export const fragile = flow("fragile").node("count", count).then("check", check);
`;
const store = ["--store", "runs.db"];
const explained = "count finished\ncheck failed at batch 'n3': too_many: three is too many\n";

/** A project with one failed task. */
async function failed() {
  const cwd = cliProject({ "flow.ts": fragileFlow });
  const run = await cli(["run", "flow.ts", ...store, "--json"], { cwd });
  expect(run.exitCode).toBe(1);
  const { taskId } = JSON.parse(run.stdout);
  const json = async (...args: readonly string[]) => {
    const { exitCode, stdout, stderr } = await cli([...args, ...store, "--json"], { cwd });
    expect(stderr).toBe("");
    return { exitCode, body: JSON.parse(stdout) };
  };
  const words = (...args: readonly string[]) => cli([...args, ...store], { cwd });
  return { cwd, taskId, json, words };
}

describe("flowkit tasks", () => {
  test("show prints what a failed batch consisted of", async () => {
    const { taskId, json, words } = await failed();
    const shown = await words("tasks", "show", taskId, "--node", "check", "--input");
    expect(shown.stdout).toBe("batch 'n3' of check: too_many: three is too many\ninput { \"n\": 3 }\n");
    const { body } = await json("tasks", "show", taskId, "--input", "--batch", "n3");
    const message = "three is too many\nto count";
    expect(body.inputs).toEqual([{ nodeId: "check", uid: "n3", reasonCode: "too_many", message, input: { n: 3 } }]);
    expect((await words("tasks", "show", taskId, "--node", "count", "--input")).stderr).toBe("no failed batches\n");
    const both = await words("tasks", "show", taskId, "--input", "--node", "check", "--attempts");
    expect(both.stdout).toMatch(
      /^batch 'n3' of check: too_many: .*\ninput .*\n .* check +attempt 1 +dispatch .*\n.* claim .*\n.* fail .*\n$/,
    );
    const ofCheck = (await json("tasks", "show", taskId, "--input", "--node", "check", "--attempts")).body;
    expect(ofCheck).toMatchObject({ inputs: [{ uid: "n3" }], attempts: [{}, {}, { nodeId: "check", cause: "fail" }] });
    for (const [args, error] of [
      [["--input", "--batch", "n9"], "no failed batch 'n9' in this task"],
      [["--input", "--node", "chekc"], "has no node 'chekc'"],
      [["--node", "check"], "--node and --batch choose what --input prints"],
    ] as const) {
      const wrong = await words("tasks", "show", taskId, ...args);
      expect(wrong.exitCode).toBe(2);
      expect(wrong.stderr).toContain(error);
    }
  });

  test("are shown with how often the failed batch was tried", async () => {
    const cwd = cliProject({
      "flow.ts": fragileFlow
        .replace('new PermanentError("too_many", ', "new Error(")
        .replace('.then("check", check)', '.then("check", check, { retry: { max: 2, backoffSec: 0 } })'),
    });
    const run = await cli(["run", "flow.ts", ...store, "--json"], { cwd });
    const { stdout } = await cli(["tasks", "show", JSON.parse(run.stdout).taskId, ...store], { cwd });
    expect(stdout).toContain("1 failure  batch 'n3' after 3 tries: unexpected_error: three is too many (flow.ts:");
  });

  test("are listed, shown and explained", async () => {
    const { taskId, json, words } = await failed();
    const { body } = await json("tasks", "list");
    expect(body).toEqual({ items: [expect.objectContaining({ id: taskId, name: "fragile", status: "failed" })] });
    expect((await words("tasks", "list")).stdout).toMatch(
      new RegExp(
        `^${taskId} {2}fragile {2}failed {2}\\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\d {2}at 'check': too_many\n$`,
      ),
    );
    expect((await words("tasks", "list", "--status", "running")).stderr).toBe("no tasks\n");
    const shown = await words("tasks", "show", taskId);
    expect(shown.stdout).toMatch(
      /^task \S+ \(fragile\) failed, created \d{4}-\d\d-\d\d [\d:]+, took [\d.]+ s {2}at 'check': too_many\n/,
    );
    expect(shown.stdout).toMatch(/ {2}count {2}count {2}finished {2}[\d:]{8} {2}[\d.]+ s .* {2}3 batches\n/);
    expect(shown.stdout).toMatch(
      / {2}check {2}check {2}failed {4}[\d:]{8} {2}[\d.]+ s .* {2}2 batches {2}1 failure {2}batch 'n3': too_many: three is too many \(flow\.ts:\d+:\d+\)\n/,
    );
    const times = { startedAt: expect.any(Number), endedAt: expect.any(Number) };
    expect((await json("tasks", "show", taskId)).body).toMatchObject({
      id: taskId,
      nodes: [
        { nodeId: "count", ...times },
        { nodeId: "check", ...times },
      ],
    });
    const history = (await words("tasks", "show", taskId, "--attempts")).stdout.split("\n").slice(3, -1);
    expect(
      history.map((line) =>
        line
          .replaceAll(/ {2,}/g, "  ")
          .replace(/^ {2}[\d:.]{12}/, "AT")
          .replace(/worker-\S+/, "W"),
      ),
    ).toEqual([
      "AT  count  attempt 1  dispatch  queued",
      "AT  count  attempt 1  claim  running  W",
      "AT  count  attempt 1  complete  finished  W",
      "AT  check  attempt 1  dispatch  queued",
      "AT  check  attempt 1  claim  running  W",
      "AT  check  attempt 1  fail  failed  W  too_many: three is too many",
    ]);
    expect((await json("tasks", "show", taskId, "--attempts")).body.attempts).toHaveLength(6);
    expect((await words("tasks", "explain", taskId)).stdout).toBe(explained);
    const why = { reasonCode: "too_many", message: "three is too many\nto count", batchUid: "n3" };
    expect((await json("tasks", "explain", taskId)).body).toMatchObject({
      id: taskId,
      status: "failed",
      nodes: [{}, { nodeId: "check", why }],
    });
  });

  test("are retried from their finished nodes, in a long-running process", async () => {
    const { cwd, taskId, json, words } = await failed();
    writeFileSync(join(cwd, "fine"), "");
    const { body } = await json("tasks", "retry", taskId);
    expect(body).toEqual({ taskId: expect.any(String), retryOf: taskId });
    const up = startCli(["up", "flow.ts", ...store], { cwd });
    await up.printed("up on runs.db: count, check; 8 slots\n");
    const watched = await words("tasks", "watch", body.taskId);
    expect(watched.exitCode).toBe(0);
    expect(watched.stdout).toMatch(new RegExp(`fragile\\) finished.*\nretry of ${taskId}\n`));
    expect(watched.stdout).toMatch(/ {2}check {2}check {2}finished .* {2}3 batches, 2 carried\n/);
    expect(watched.stderr).toContain("  check  queued, 2 batches carried\n");
    up.child.kill("SIGTERM");
    const { exitCode, stderr } = await up.outcome;
    expect(exitCode).toBe(0);
    expect(stderr.replaceAll(/^\d{4}-\d\d-\d\dT[\d:.]{12}Z /gm, "AT ").split("\n")).toEqual([
      "up on runs.db: count, check; 8 slots",
      `AT info a task finished taskId="${body.taskId}" flow="fragile"`,
      "stopping; send the signal again to exit immediately",
      "stopped",
      "",
    ]);
    expect((await words("tasks", "watch", taskId)).exitCode).toBe(1);
  });

  test("are started for a long-running process, from a flow or its graph", async () => {
    const { cwd, json, words } = await failed();
    writeFileSync(join(cwd, "fine"), "");
    await cli(["export", "flow.ts", "-o", "graph.json"], { cwd });
    const { stdout, stderr, exitCode } = await words("tasks", "start", "flow.ts", "--idempotency-key", "today");
    expect({ stderr, exitCode }).toEqual({ stderr: "", exitCode: 0 });
    const id = stdout.trimEnd();
    expect((await words("tasks", "start", "flow.ts", "--idempotency-key", "today")).stdout).toBe(stdout);
    const ofGraph = await json("tasks", "start", "graph.json");
    expect(ofGraph.body).toEqual({ taskId: expect.any(String) });
    expect((await json("tasks", "show", id)).body).toMatchObject({ name: "fragile", nodes: [{ batches: 0 }, {}] });
    const up = startCli(["up", "flow.ts", ...store], { cwd });
    for (const task of [id, ofGraph.body.taskId]) {
      expect((await words("tasks", "watch", task)).exitCode).toBe(0);
      expect((await words("artifacts", task, "check")).stdout).toBe('{"n":1}\n{"n":2}\n{"n":3}\n');
    }
    up.child.kill("SIGTERM");
    expect((await up.outcome).exitCode).toBe(0);
    for (const task of [id, ofGraph.body.taskId]) {
      const log = up.texts.stderr.split("\n").filter((line) => line.includes(` task `) && line.includes(task));
      expect(log.map((line) => line.replace(/^\S+ /, ""))).toEqual(
        ["started", "finished"].map((what) => `info a task ${what} taskId="${task}" flow="fragile"`),
      );
    }
    const other = ["--store", "other.db"]; // which does not exist yet
    const first = (await cli(["tasks", "start", "flow.ts", ...other], { cwd })).stdout.trimEnd();
    expect((await cli(["tasks", "list", ...other], { cwd })).stdout).toMatch(new RegExp(`^${first} .*\n$`));
    writeFileSync(join(cwd, "squares.ts"), squaresFlow);
    expect(await words("tasks", "start", "squares.ts", "--idempotency-key", "today")).toMatchObject({
      exitCode: 2,
      stderr: expect.stringMatching(
        /^error TASK_EXISTS: idempotency key 'today' belongs to task \S+ of 'fragile', which has different input: graph differs/,
      ),
    });
    expect(await words("tasks", "start", "squares.ts", "--param", "count=many")).toMatchObject({
      exitCode: 2,
      stderr: "error CLI_PARAM: invalid parameter 'count': expected an integer, got 'many'\n",
    });
  });

  test("start later", async () => {
    const { json, words } = await failed();
    const startsAt = async (notBefore: string): Promise<number> => {
      const started = await json("tasks", "start", "flow.ts", "--not-before", notBefore);
      return (await json("tasks", "show", started.body.taskId)).body.startsAt;
    };
    const from = Date.now();
    const inTwoDays = await startsAt("+2d");
    expect(inTwoDays).toBeGreaterThanOrEqual(from + 2 * 86_400_000);
    expect(inTwoDays).toBeLessThan(Date.now() + 2 * 86_400_000);
    const inAYear = new Date(Math.trunc(from / 1_000) * 1_000 + 365 * 86_400_000);
    const local = inAYear.toISOString().replace("Z", "+00:00");
    // The store keeps the remaining time, which it adds to its own clock.
    expect(Math.abs((await startsAt(local)) - inAYear.getTime())).toBeLessThan(60_000);
    expect(await words("tasks", "start", "flow.ts", "--not-before", "2026-12-01 03:00")).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining("expected a time with its zone, such as 2026-12-01T03:00:00Z, or a number of"),
    });
  });

  test("name what failed while they ended", async () => {
    const cwd = cliProject({
      "flow.ts": `
import { defineHandler, flow, PermanentError } from "flowkit";
import * as z from "zod";
const fails = (code: string) => () => {
  throw new PermanentError(code, "no luck");
};
const pay = defineHandler("pay", { output: z.int(), errors: ["declined"], iterBatches: fails("declined") });
const undo = defineHandler("undo", {
  input: z.object({ nodeId: z.string() }),
  output: z.null(),
  errors: ["stuck"],
  processBatch: fails("stuck"),
});
export const order = flow("order")
  .node("pay", pay)
  .then("undo", undo, { startWhen: "ended", input: { adapter: "pull.outcomes" } });
`,
    });
    const ran = await cli(["run", "flow.ts", ...store], { cwd });
    expect(ran.exitCode).toBe(1);
    const then = "then at node 'undo', batch 'pay': stuck: no luck";
    expect(ran.stderr).toContain(`failed at node 'pay', in iterBatches: declined: no luck; ${then}\n`);
    const { items } = JSON.parse((await cli(["tasks", "list", ...store, "--json"], { cwd })).stdout);
    const shown = await cli(["tasks", "show", items[0].id, ...store], { cwd });
    expect(shown.stdout).toMatch(
      /^task \S+ \(order\) failed, created .* {2}at 'pay': declined; then at 'undo': stuck\n/,
    );
    const view = JSON.parse((await cli(["tasks", "show", items[0].id, ...store, "--json"], { cwd })).stdout);
    expect(view.laterFailures).toMatchObject([{ nodeId: "undo", reasonCode: "stuck", batchUid: "pay" }]);
    const again = await cli(["run", "flow.ts", "--json"], { cwd });
    expect(JSON.parse(again.stdout).laterFailures).toMatchObject([{ nodeId: "undo" }]);
  });

  test("are cancelled while another process runs them", async () => {
    const cwd = cliProject({ "flow.ts": fragileFlow, slow: "" });
    const run = startCli(["run", "flow.ts", ...store], { cwd });
    await run.printed("check  running");
    const { stdout } = await cli(["tasks", "list", ...store, "--json"], { cwd });
    const [{ id }] = JSON.parse(stdout).items;
    const cancelled = await cli(["tasks", "cancel", id, "--reason", "wrong day", ...store], { cwd });
    expect(cancelled).toEqual({ exitCode: 0, stdout: `task ${id} is being cancelled\n`, stderr: "" });
    const { exitCode, stderr } = await run.outcome;
    expect(exitCode).toBe(1);
    expect(stderr).toContain("error TASK_CANCELLED:");
    const again = await cli(["tasks", "cancel", id, ...store, "--json"], { cwd });
    expect(JSON.parse(again.stdout)).toEqual({ taskId: id, outcome: "terminal" });
    expect((await cli(["tasks", "list", ...store], { cwd })).stdout).toMatch(/cancelled .* wrong day\n$/);
  });

  test("may be named by the beginning of their id", async () => {
    const { cwd, taskId, words } = await failed();
    expect((await words("tasks", "explain", taskId.slice(0, 8))).stdout).toBe(explained);
    expect((await words("artifacts", taskId.slice(0, 8), "check")).stdout).toBe('{"n":1}\n{"n":2}\n');
    await using client = new Client({ store: sqliteStore(join(cwd, "runs.db")), workerTypes: ["count"] });
    await client.start();
    const nodes = [{ node_id: "count", type: "count", depends_on: [] }];
    const ids = [taskId];
    while (ids.length < 17) ids.push((await client.run({ schema_version: "1.0", nodes, edges: [] })).id);
    // Ids begin with one of 16 digits, so two of these begin with the same one.
    const [digit, alike] = [...Map.groupBy(ids, (id) => id.charAt(0))].find(([, same]) => same.length > 1) ?? ["", []];
    const { exitCode, stdout, stderr } = await words("tasks", "show", digit);
    expect(stderr).toMatch(new RegExp(`^error CLI_USAGE: ${alike.length} tasks begin with '${digit}': `));
    expect(stderr).toMatch(/\n {2}Pass more of the id\.\n$/);
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: "" });
  });

  test("that do not exist are reported, as is a missing store", async () => {
    const { cwd, words } = await failed();
    const { exitCode, stderr } = await words("tasks", "show", "unknown");
    expect(stderr).toMatch(/^error TASK_UNKNOWN: .*unknown/);
    expect(exitCode).toBe(2);
    expect(await cli(["tasks", "list", "--store", "rums.db"], { cwd })).toEqual({
      exitCode: 2,
      stdout: "",
      stderr: "error CLI_FILE_NOT_FOUND: file not found: rums.db\n  Did you mean runs.db?\n",
    });
    expect(await cli(["tasks", "list"], { cwd })).toMatchObject({
      exitCode: 2,
      stderr: "error CLI_USAGE: missing store\n  Pass --store FILE, --store postgres://... or --mongo URL.\n",
    });
  });
});

test("flowkit artifacts prints one line per artifact", async () => {
  const { cwd, taskId, words } = await failed();
  expect(await words("artifacts", taskId, "check")).toEqual({ exitCode: 0, stdout: '{"n":1}\n{"n":2}\n', stderr: "" });
  const { stdout } = await cli(["artifacts", taskId, "count", ...store, "--json"], { cwd });
  expect(stdout.split("\n")[2]).toBe('{"shard":0,"seq":2,"uid":"n3","meta":{"n":3},"metrics":{}}');
  expect(await words("artifacts", taskId, "chekc")).toEqual({
    exitCode: 2,
    stdout: "",
    stderr: "error CLI_USAGE: node not found: 'chekc'\n  Did you mean 'check'?\n",
  });
});

test("flowkit schedules puts, lists, pauses, resumes and deletes", async () => {
  const { json, words } = await failed();
  expect(await words("schedules", "list")).toEqual({ exitCode: 0, stdout: "", stderr: "no schedules\n" });
  const put = (...more: readonly string[]) =>
    words("schedules", "put", "nightly", "flow.ts", "--time-zone", "Europe/Berlin", ...more);
  expect((await put("--cron", "0 3 * * *", "--overlap", "queue", "--catch-up", "7")).stdout).toMatch(
    /^nightly {2}fragile {2}0 3 \* \* \* {2}Europe\/Berlin {2}\d{4}-\S+T0[12]:00:00\.000Z\n$/,
  );
  expect((await json("schedules", "list")).body.items).toMatchObject([{ id: "nightly", overlap: "queue", catchUp: 7 }]);
  expect((await json("schedules", "pause", "nightly")).body).toMatchObject({ paused: true });
  expect((await words("schedules", "list")).stdout).toMatch(/paused\n$/);
  expect((await json("schedules", "resume", "nightly")).body).toMatchObject({ paused: false });
  expect((await json("schedules", "next", "nightly", "--count", "3")).body.next).toHaveLength(3);
  expect(await put("--cron", "0 25 * * *")).toEqual({
    exitCode: 2,
    stdout: "",
    stderr: "error SCHEDULE_INVALID: cron '0 25 * * *' is not valid: Invalid value for hour: 25\n",
  });
  expect((await json("schedules", "delete", "nightly")).body).toEqual({ deleted: "nightly" });
  expect(await words("schedules", "pause", "nightly")).toEqual({
    exitCode: 2,
    stdout: "",
    stderr: "error SCHEDULE_UNKNOWN: there is no schedule 'nightly'\n",
  });
});

test("flowkit dlq lists, shows and removes letters", async () => {
  const { cwd, json, words } = await failed();
  expect(await words("dlq", "list")).toEqual({ exitCode: 0, stdout: "", stderr: "no dead letters\n" });
  const file = sqliteStore(join(cwd, "runs.db"));
  await file.open();
  await file.addDeadLetter({ id: "l1", topic: "cmd.check.v1", key: "k", body: "{not json", reason: "no JSON" });
  await file.addDeadLetter({ id: "l2", topic: "signals.v1", key: "k", body: "{}", reason: "no kind" });
  await file.close();
  expect((await words("dlq", "list")).stdout).toMatch(
    /^l2 {2}signals\.v1 {4}\S+ {2}no kind\nl1 {2}cmd\.check\.v1 {2}\S+ {2}no JSON\n$/,
  );
  expect((await json("dlq", "list", "--limit", "1")).body).toMatchObject({
    items: [{ id: "l2" }],
    cursor: expect.any(String),
  });
  expect((await words("dlq", "show", "l1")).stdout).toMatch(/^cmd\.check\.v1 k {2}\S+\nno JSON\n\n\{not json\n$/);
  expect((await json("dlq", "remove", "l1")).body).toEqual({ removed: "l1" });
  expect(await words("dlq", "remove", "l1")).toMatchObject({
    exitCode: 2,
    stderr: expect.stringContaining("CLI_USAGE: dead letter not found: 'l1'"),
  });
  expect((await json("dlq", "list")).body.items).toHaveLength(1);
});

describe("flowkit batches", () => {
  test("lists and shows what a node has set aside", async () => {
    const cwd = cliProject({
      "flow.ts": fragileFlow.replace('"check", check)', '"check", check, { onBatchFailure: "setAside" })'),
    });
    const run = await cli(["run", "flow.ts", ...store, "--json"], { cwd });
    expect(run.exitCode).toBe(0);
    const { taskId } = JSON.parse(run.stdout);
    const words = (...args: readonly string[]) => cli([...args, ...store], { cwd });
    expect((await words("tasks", "show", taskId)).stdout).toMatch(/check +check +finished .* 2 batches +1 set aside\n/);
    const list = ["batches", "list", taskId, "check"];
    expect((await words(...list)).stdout).toBe("n3  1 try  too_many: three is too many\n");
    expect(JSON.parse((await words(...list, "--json")).stdout)).toMatchObject({ uid: "n3", input: { n: 3 } });
    const { stdout } = await words("batches", "show", taskId, "check", "n3");
    expect(stdout).toMatch(/^batch n3 failed after 1 try: too_many: three is too many\n/);
    expect(stdout).toMatch(/\ninput \{ "n": 3 \}\n$/);
    expect((await words("batches", "list", taskId, "count")).stderr).toBe("no failed batches\n");
    writeFileSync(join(cwd, "fine"), "");
    const retried = await words("batches", "retry", taskId, "check");
    const [, again = ""] = /^task (\S+) retries the failed batches of /.exec(retried.stdout) ?? [];
    expect((await words("tasks", "show", again)).stdout).toContain(`retry of ${taskId}\n`);
    expect((await words("batches", "retry", taskId, "check", "n1")).stderr).toBe(
      `error BATCH_UNKNOWN: node 'check' of task ${taskId} has no failed batch 'n1'\n`,
    );
    expect((await words("batches", "show", taskId, "check", "n1")).stderr).toBe(
      `error CLI_USAGE: no failed batch 'n1' in node 'check'\n  List them with flowkit batches list ${taskId} check.\n`,
    );
  });
});

test("flowkit dlq retry reports that a SQLite file has no bus", async () => {
  const { cwd } = await failed();
  const file = sqliteStore(join(cwd, "runs.db"));
  await file.open();
  await file.addDeadLetter({ id: "l1", topic: "cmd.check.v1", key: "k", body: "{}", reason: "no kind" });
  await file.close();
  const retry = (...args: readonly string[]) => cli(["dlq", "retry", ...args, ...store], { cwd });
  expect(await retry("l1")).toEqual({
    exitCode: 2,
    stdout: "",
    stderr:
      "error CLI_USAGE: missing Kafka brokers\n  Pass --kafka-brokers. Without Kafka, no message is needed: remove letters with flowkit dlq remove.\n",
  });
  expect((await retry()).stderr).toBe("error CLI_USAGE: pass letter ids or --all\n");
  expect((await retry("l1", "--all")).stderr).toBe("error CLI_USAGE: pass letter ids or --all\n");
  expect((await retry("l2")).stderr).toBe("error CLI_USAGE: dead letter not found: 'l2'\n");
});

describe("flowkit up", () => {
  /** A process that runs a task whose batch waits for the file `go`. */
  async function working(...args: readonly string[]) {
    const { cwd, taskId, json, words } = await failed();
    for (const name of ["slow", "fine"]) writeFileSync(join(cwd, name), "");
    const { body } = await json("tasks", "retry", taskId);
    const up = startCli(["up", "flow.ts", ...store, ...args], { cwd });
    await vi.waitUntil(
      async () => (await words("tasks", "explain", body.taskId)).stdout.includes("check has been running"),
      100_000,
    );
    return { cwd, up, words, retryId: body.taskId };
  }

  test("stopped during a batch, leaves it to the next process", async () => {
    const { cwd, up, words, retryId } = await working("--grace", "0");
    up.child.kill("SIGTERM");
    expect((await up.outcome).exitCode).toBe(0);
    writeFileSync(join(cwd, "go"), "");
    const next = startCli(["up", "flow.ts", ...store], { cwd });
    const watched = await words("tasks", "watch", retryId);
    expect(watched.stdout).toContain("(fragile) finished");
    next.child.kill("SIGINT");
    expect((await next.outcome).exitCode).toBe(0);
  });

  test("exits immediately at the second signal", async () => {
    const { up } = await working();
    up.child.kill("SIGINT");
    await up.printed("stopping; send the signal again to exit immediately");
    up.child.kill("SIGINT");
    expect((await up.outcome).exitCode).toBe(130);
  });

  test("requires a store and files with handlers", async () => {
    const cwd = cliProject({ "flow.ts": fragileFlow, "empty.ts": "export {};" });
    expect((await cli(["up", "flow.ts"], { cwd })).exitCode).toBe(2);
    const { exitCode, stderr } = await cli(["up", "flow.ts", "empty.ts", ...store], { cwd });
    expect(stderr).toContain("error CLI_NO_HANDLERS: empty.ts exports no handler");
    expect(exitCode).toBe(2);
    expect((await cli(["up", "flow.ts", ...store, "--capacity", "none"], { cwd })).stderr).toBe(
      "error CLI_CONFIG: --capacity: invalid capacity 'none': expected a number\n",
    );
  });
});

describe("a task that waits for a signal", () => {
  const graph = {
    schema_version: "1.1",
    name: "approval",
    nodes: [
      { node_id: "count", type: "count", depends_on: [] },
      {
        node_id: "approve",
        type: "coordinator_fn",
        depends_on: ["count"],
        timeout_sec: 86_400,
        io: {
          fn: "wait.signal",
          fn_args: { payload: { type: "object", properties: { ok: { type: "boolean" } }, required: ["ok"] } },
        },
      },
    ],
  };

  /** A store with `up`, and a task that waits. */
  async function waiting(env: Readonly<Record<string, string>> = {}) {
    const cwd = cliProject({ "flow.ts": fragileFlow, "graph.json": JSON.stringify(graph) });
    const up = startCli(["up", "flow.ts", ...store, "--http-port", "0", "--http-host", "127.0.0.1"], { cwd, env });
    await up.printed("/metrics at http://");
    const url = /at (http:\/\/[\d.:]+)/.exec(up.texts.stderr)?.[1] ?? "";
    const start = await cli(["tasks", "start", "graph.json", "--handlers", "flow.ts", ...store], { cwd });
    expect(start.stderr).toBe("");
    const id = start.stdout.trim();
    const words = async (...args: readonly string[]) => cli([...args, ...store], { cwd });
    const shown = async (what: string) => (await words("tasks", what, id)).stdout;
    await vi.waitFor(async () => expect(await shown("show")).toContain("waits for a signal"), patience);
    const send = (payload: string, headers: Readonly<Record<string, string>> = {}, node = "approve") =>
      fetch(`${url}/tasks/${id}/signals/${node}`, {
        method: "POST",
        headers: { "content-type": "application/json", ...headers },
        body: payload,
      });
    return { cwd, id, up, words, shown, send };
  }
  const patience = { timeout: 60_000, interval: 50 };

  test("is shown, paused and resumed, and gets it from the command line", async () => {
    const { id, words, shown, up, cwd } = await waiting();
    expect(await shown("show")).toMatch(
      /approve +function +deferred +0 batches +waits for a signal, for [\d.]+ s of 24 h/,
    );
    expect(await shown("explain")).toContain("approve waits for a signal, for ");
    expect((await words("tasks", "pause", id)).stdout).toBe(`task ${id} was paused\n`);
    expect((await words("tasks", "pause", id)).stdout).toBe(`task ${id} was already paused\n`);
    expect((await words("tasks", "list")).stdout).toMatch(/ paused /);
    expect(await shown("show")).toMatch(/\) paused, created/);
    expect(await shown("show")).toMatch(
      /approve +function +paused +0 batches +waits for a signal, for [\d.]+ s of 24 h/,
    );
    expect(await shown("explain")).toContain("approve is paused with its task, and continues when the task is resumed");
    const signal = (...args: readonly string[]) => words("tasks", "signal", id, ...args);
    expect(await signal("approve", "--json", '{"ok": 1}')).toMatchObject({
      exitCode: 1,
      stdout: expect.stringContaining("SIGNAL_INVALID"),
    });
    expect(await signal("approve")).toMatchObject({ exitCode: 2, stderr: expect.stringContaining("--json or --file") });
    writeFileSync(join(cwd, "answer.json"), '{"ok": true}');
    expect((await signal("approve", "--file", "answer.json")).stdout).toBe(
      `node approve of task ${id} has the signal\n`,
    );
    expect(JSON.parse((await signal("approve", "--json", '{"ok": false}')).stdout)).toEqual({
      taskId: id,
      nodeId: "approve",
      outcome: "already",
    });
    expect((await words("tasks", "resume", id)).stdout).toBe(`task ${id} was resumed\n`);
    await vi.waitFor(async () => expect(await shown("show")).toContain(") finished"), patience);
    expect((await words("tasks", "resume", id)).stdout).toBe(`task ${id} has already ended, or is ending\n`);
    up.child.kill("SIGTERM");
    await up.outcome;
  });

  test("gets it by HTTP from this machine, as JSON only", async () => {
    const { shown, send, up } = await waiting();
    expect((await send('{"ok": true}', { "content-type": "text/plain" })).status).toBe(415);
    expect((await send('{"ok": true}', { "x-forwarded-for": "10.0.0.9" })).status).toBe(403);
    expect((await send("{")).status).toBe(400);
    expect((await send('{"ok": 1}')).status).toBe(400);
    expect((await send('{"ok": true}', {}, "other")).status).toBe(404);
    const accepted = await send('{"ok": true}');
    expect({ status: accepted.status, body: await accepted.json() }).toMatchObject({
      status: 200,
      body: { nodeId: "approve", outcome: "accepted" },
    });
    expect((await send('{"ok": false}')).status).toBe(409);
    await vi.waitFor(async () => expect(await shown("show")).toContain(") finished"), patience);
    up.child.kill("SIGTERM");
    await up.outcome;
  });

  test("gets it by HTTP with the token only, if there is one", async () => {
    const { send, up } = await waiting({ FLOWKIT_HTTP_TOKEN: "s3cret" });
    expect((await send('{"ok": true}')).status).toBe(401);
    expect((await send('{"ok": true}', { authorization: "Bearer other" })).status).toBe(401);
    expect((await send('{"ok": true}', { authorization: "Bearer s3cret" })).status).toBe(200);
    up.child.kill("SIGTERM");
    expect((await up.outcome).stderr).not.toContain("s3cret");
  });
});
