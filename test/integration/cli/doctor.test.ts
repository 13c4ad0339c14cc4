import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, expect, test } from "vitest";
import { cli, cliProject, squaresFlow, startCli } from "../../helpers/cli.ts";

const store = ["--store", "runs.db"];

/** Waits in its only batch until it is killed. */
const stuckFlow = `
import { defineHandler, flow } from "flowkit";
import * as z from "zod";
const stuck = defineHandler("stuck", {
  output: z.null(),
  async *iterBatches() {
    console.log("waits");
    await new Promise((done) => setTimeout(done, 300_000));
    yield { payload: null };
  },
});
export const waiting = flow("waiting").node("stuck", stuck);
`;

/** The files of a folder, byte by byte; without the index of the log, which processes share and no crash keeps. */
const filesIn = (folder: string) =>
  Object.fromEntries(
    readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isFile() && !entry.name.endsWith("-shm"))
      .map(({ name }) => [name, readFileSync(join(folder, name), "base64")]),
  );

function inDatabase(path: string, statements: string): void {
  const database = new DatabaseSync(path);
  database.exec(statements);
  database.close();
}

const healthy = [
  "ok  settings  store (--store)",
  "ok  store     the store responds, and has the layout of this version",
  "ok  clock     this machine's clock agrees with the store's",
  "ok  workers   0 live workers",
  "ok  tasks     0 open tasks",
  "",
];

describe("flowkit doctor", () => {
  test("finds nothing wrong, and changes nothing", async () => {
    const cwd = cliProject({ "flow.ts": squaresFlow });
    await cli(["run", "flow.ts", ...store, "--param", "count=2"], { cwd });
    const before = filesIn(cwd);
    for (const _ of [1, 2]) {
      const { exitCode, stdout, stderr } = await cli(["doctor", ...store], { cwd });
      expect(stdout.split("\n")).toEqual(healthy);
      expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
    }
    expect(filesIn(cwd)).toEqual(before);
    expect(readdirSync(cwd)).not.toContain("runs.db-shm");
  });

  test("does not update a file of an older layout", async () => {
    const cwd = cliProject({});
    const layout = resolve("test/unit/adapters/sqlite/layouts/1.sql");
    inDatabase(join(cwd, "runs.db"), readFileSync(layout, "utf8"));
    const before = filesIn(cwd);
    const { exitCode, stdout } = await cli(["doctor", ...store], { cwd });
    expect(stdout).toBe(
      `ok       settings  store (--store)
warning  store     the store responds, and has layout 1, which is older than that of this version
  flowkit updates it when it is opened: up, coordinator and worker do when they start.
`,
    );
    expect(exitCode).toBe(0);
    expect(filesIn(cwd)).toEqual(before);
  });

  test("names the handler that an open task needs, and its worker once there is one", async () => {
    const cwd = cliProject({ "flow.ts": stuckFlow });
    const id = (await cli(["tasks", "start", "flow.ts", ...store], { cwd })).stdout.trimEnd();
    const lacking = {
      check: "workers",
      verdict: "error",
      message: `no live worker serves 'stuck', which 1 open task needs, such as ${id}`,
      hint: expect.stringContaining("flowkit up FILE"),
    };
    const { exitCode, stdout } = await cli(["doctor", ...store, "--json"], { cwd });
    expect(JSON.parse(stdout).findings).toContainEqual(lacking);
    expect(exitCode).toBe(1);
    const up = startCli(["up", "flow.ts", ...store], { cwd });
    await up.printed("waits");
    const served = await cli(["doctor", ...store], { cwd });
    expect(served.stdout).toMatch(
      /^ok {2}workers {3}\d live workers?, for functions, stuck\nok {2}tasks {5}1 open task\n/m,
    );
    expect(served.exitCode).toBe(0);
    up.child.kill("SIGKILL");
    await up.outcome;
    const crashed = filesIn(cwd);
    expect(Object.keys(crashed)).toContain("runs.db-wal");
    await cli(["doctor", ...store], { cwd });
    expect(filesIn(cwd)).toEqual(crashed); // the leases of the dead process are unchanged
    await cli(["tasks", "list", ...store], { cwd }); // ends those leases, at an unknown time
    const ended = await cli(["doctor", ...store], { cwd });
    expect(ended.stdout).toContain(lacking.message);
    expect(ended.stdout).not.toContain("no coordinator");
    const past = Date.now() - 90_000;
    inDatabase(
      join(cwd, "runs.db"),
      `UPDATE shards SET state = json_set(state, '$.lease.deadline', ${past}), expires_at = ${past};
       UPDATE registry SET until = ${past} WHERE kind = 'worker'`,
    );
    const expired = filesIn(cwd);
    const lost = await cli(["doctor", ...store], { cwd });
    expect(filesIn(cwd)).toEqual(expired);
    expect(lost.stdout).toContain(lacking.message);
    expect(lost.stdout).toMatch(
      new RegExp(
        `^error {2}tasks {5}no coordinator seems to run: a worker of task ${id} was lost over 60 s ago, .*\n {2}Start one: `,
        "m",
      ),
    );
  });

  test("reports what cannot be read or reached", async () => {
    const cwd = cliProject({ "flow.ts": squaresFlow });
    await cli(["run", "flow.ts", ...store, "--param", "count=2"], { cwd });
    const first = async (args: readonly string[], env: Readonly<Record<string, string>> = {}) => {
      const { exitCode, stdout } = await cli(["doctor", "--json", ...args], { cwd, env });
      expect(exitCode).toBe(1);
      return JSON.parse(stdout).findings.find(({ verdict }: { verdict: string }) => verdict === "error");
    };
    expect(await first([])).toMatchObject({ check: "store", message: "CLI_USAGE: missing store" });
    expect(await first(["--store", "rums.db"])).toMatchObject({ check: "store", hint: "Did you mean runs.db?" });
    expect(readdirSync(cwd)).not.toContain("rums.db");
    writeFileSync(join(cwd, "flowkit.json"), '{ "storee": "runs.db" }');
    expect(await first(["--config", "flowkit.json"])).toEqual({
      check: "settings",
      verdict: "error",
      message: "CLI_CONFIG: flowkit.json:1:13: unknown setting 'storee'; did you mean 'store'?",
    });
    const unreachable = { FLOWKIT_MONGO_URL: "mongodb://127.0.0.1:9", FLOWKIT_MONGO_TIMEOUT_MS: "500" };
    expect(await first([], unreachable)).toMatchObject({
      message: expect.stringMatching(/^STORE_UNAVAILABLE: .*REFUSED/),
    });
    expect(await first(store, { KAFKA_BROKERS: "127.0.0.1:9" })).toEqual({
      check: "kafka",
      verdict: "error",
      message: expect.stringMatching(/^BUS_UNAVAILABLE: could not look up the topics: .*REFUSED/),
    });
  });
});
