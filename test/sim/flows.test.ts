import { expect, test } from "vitest";
import { runProcess } from "../helpers/run-process.ts";

test("flows of users, simulated", async () => {
  const run = await runProcess("vitest", ["run", "--config", "vitest.sim.config.ts"]);
  expect(run.exitCode, run.output).toBe(0);
});
