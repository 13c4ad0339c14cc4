import { expect, test } from "vitest";
import { runProcess } from "../../helpers/run-process.ts";

test("the source of a graph compiles to the same graph, for 300 random graphs", { timeout: 600_000 }, async () => {
  // In a separate process, where Node loads the source without Vitest.
  const program = ["--import", "./test/helpers/flowkit-from-source.ts", "test/unit/codegen/programs/round-trip.ts"];
  const { exitCode, output } = await runProcess("node", program, { timeoutMs: 590_000 });
  expect(exitCode, output).toBe(0);
  const { inBuildersWords } = JSON.parse(output) as { readonly inBuildersWords: number };
  expect(inBuildersWords).toBeGreaterThan(100); // about half of them, which vary from run to run
});
