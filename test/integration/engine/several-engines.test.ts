import { resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { runProcess } from "../../helpers/run-process.ts";

/** In a separate process: leak detection makes every promise expensive in this one. */
const runSeeds = (world: "rough" | "calm", parts: Parts, count: number) =>
  runProcess(process.execPath, [
    resolve("test/integration/engine/programs/random-graphs.ts"),
    world,
    "0",
    String(count),
    parts,
  ]);

async function runAndCheck(
  world: "rough" | "calm",
  parts: Parts,
  count: number,
): Promise<Readonly<Record<string, number>>> {
  const { exitCode, output } = await runSeeds(world, parts, count);
  const lines = output.trimEnd().split("\n");
  expect(lines.slice(0, -1), "what broke, by seed").toEqual([]);
  expect(exitCode).toBe(0);
  const totals = JSON.parse(lines.at(-1) ?? "") as Record<string, number>;
  expect(totals).toMatchObject({ broken: 0, finished: totals.tasks });
  return totals;
}

const worlds = { engines: "several engines", apart: "coordinators and workers with different roles" } as const;
type Parts = keyof typeof worlds;

describe.each(Object.keys(worlds) as Parts[])(
  "random graphs obey all invariants and match a plain evaluation: %s on one store and one bus",
  (parts) => {
    test("with failing handlers, lost messages, an unreliable store, and parts that start and stop", async () => {
      const totals = await runAndCheck("rough", parts, 80);
      // The faults did occur. Timing is real, so their number differs from run to run: some 160 retries, 35 restarts, 28
      // stops.
      for (const what of ["tasks", "retries", "restarts", "stops"]) expect(totals[what], what).toBeGreaterThan(0);
    });

    test("with failing handlers and without sweeps that would recover a lost wake-up", async () => {
      const totals = await runAndCheck("calm", parts, 60);
      expect(totals.retries).toBeGreaterThan(20);
    });
  },
);
