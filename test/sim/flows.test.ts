import { expect, test } from "vitest";
import { runProcess } from "../helpers/run-process.ts";

test("simulated user flows", async () => {
  const run = await runProcess("vitest", ["run", "--config", "vitest.sim.config.ts"]);
  expect(run.exitCode, run.output).toBe(0);
});
