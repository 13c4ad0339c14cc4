import { expect, test } from "vitest";
import { runProcess } from "../../helpers/run-process.ts";

test("500 random graphs: a graph, its source, and the graph again", { timeout: 600_000 }, async () => {
  // In a process of its own, where Node alone loads what is written.
  const program = ["--import", "./test/helpers/flowkit-from-source.ts", "test/unit/codegen/programs/round-trip.ts"];
  const { exitCode, output } = await runProcess("node", program, { timeoutMs: 590_000 });
  expect(exitCode, output).toBe(0);
  const { inBuildersWords } = JSON.parse(output) as { readonly inBuildersWords: number };
  expect(inBuildersWords).toBeGreaterThan(200);
});
