import { expect, test } from "vitest";
import { runProcess } from "../helpers/run-process.ts";

/** Operations whose crash points must be covered. */
const crossed = [
  "createTask",
  "dispatch",
  "claim",
  "append",
  "completeAndClaim",
  "writeVars",
  "finishTask",
  "publish",
] as const;

test("a crash of the coordinator or the worker at any point of a run does not change its results", async () => {
  const program = ["--import", "./test/helpers/flowkit-from-source.ts", "test/sim/programs/crash-points.ts"];
  const { exitCode, output } = await runProcess("node", program);
  expect(exitCode, output).toBe(0);
  const { runs, broken, points } = JSON.parse(output) as {
    readonly runs: number;
    readonly broken: readonly string[];
    readonly points: readonly string[];
  };
  expect(broken).toEqual([]);
  expect(runs).toBeGreaterThan(300);
  expect(points).toEqual(expect.arrayContaining([...crossed]));
});
