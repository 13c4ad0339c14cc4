import { expect, test } from "vitest";
import { runProcess } from "../helpers/run-process.ts";

test("flows of users, simulated", { timeout: 120_000 }, async () => {
  const run = await runProcess("vitest", ["run", "--config", "vitest.sim.config.ts"], { timeoutMs: 110_000 });
  expect(run.exitCode, run.output).toBe(0);
});
