import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { expect, test } from "vitest";
import { cli, cliProject, startCli } from "../../helpers/cli.ts";

const store = ["--store", "runs.db"];

/** Waits in its only batch until it is killed. */
const slowFlow = `
import { defineHandler, flow } from "flowkit";
import * as z from "zod";
const slow = defineHandler("slow", {
  output: z.null(),
  async *iterBatches() {
    console.log("waits");
    await new Promise((done) => setTimeout(done, 300_000));
    yield { payload: null };
  },
});
export const waiting = flow("waiting").node("load", slow);
`;

const otherHandlers = `
import { defineHandler } from "flowkit";
import * as z from "zod";
export const other = defineHandler("other", { output: z.null(), processBatch: () => null });
`;

/** As if the leases of the killed process had ended by now, and its announcement. */
function passLeases(path: string): void {
  const database = new DatabaseSync(path, { timeout: 5_000 });
  const past = Date.now() - 19_000;
  database.exec(
    `UPDATE shards SET state = json_set(state, '$.lease.deadline', ${past}), expires_at = ${past}
       WHERE expires_at IS NOT NULL;
     UPDATE registry SET until = ${past} WHERE kind = 'worker' AND value LIKE '%slow%'`,
  );
  database.close();
}

test("a worker that was killed is named where its task is listed, shown and explained", async () => {
  const cwd = cliProject({ "flow.ts": slowFlow, "other.ts": otherHandlers });
  const id = (await cli(["tasks", "start", "flow.ts", ...store], { cwd })).stdout.trimEnd();
  // Keeps the file open, so that no command takes the leases for those of a process that has ended.
  const other = startCli(["worker", "--handlers", "other.ts", ...store], { cwd });
  await other.printed("worker on");
  const up = startCli(["up", "flow.ts", ...store], { cwd });
  await up.printed("waits");
  up.child.kill("SIGKILL");
  await up.outcome;
  passLeases(join(cwd, "runs.db"));
  const sentence =
    /lost its worker: worker-\S+ was not heard from for [\d.]+ \w+; its lease ended [\d.]+ \w+ ago; a coordinator will queue it again, but no live worker serves 'slow'\n/;
  for (const args of [["list"], ["show", id], ["explain", id]]) {
    const { stdout, exitCode } = await cli(["tasks", ...args, ...store], { cwd });
    expect(stdout).toMatch(sentence);
    expect(exitCode).toBe(0);
  }
});
