import { resolve } from "node:path";
import { expect, test } from "vitest";
import { runProcess } from "../../helpers/run-process.ts";

test("a hundred thousand batches through three nodes: none is lost, and a worker keeps only a few pages in memory", async () => {
  const [count, pageSize] = [100_000, 256];
  const program = resolve("test/integration/engine/programs/many-batches.ts");
  const { exitCode, output } = await runProcess(process.execPath, [
    "--expose-gc",
    program,
    String(count),
    String(pageSize),
  ]);
  expect({ exitCode, output }).toMatchObject({ exitCode: 0 });
  const told = JSON.parse(output) as {
    sink: { batches: number; alive: number };
    mid: { sum: number };
    mostPayloads: number;
    mostArtifacts: number;
    misplaced: number;
    read: number;
  };
  expect(told.sink.batches).toBe(count);
  expect(told).toMatchObject({ misplaced: 0, read: count, mid: { sum: (count * (count - 1)) / 2 } });
  expect(told.mostPayloads).toBeLessThan(4 * pageSize);
  // Two consumers and a `totals`: each has a page in memory, and perhaps the previous one, not yet collected.
  expect(told.mostArtifacts).toBeLessThan(8 * pageSize);
  expect(told.sink.alive).toBeLessThan(4 * pageSize);
});
