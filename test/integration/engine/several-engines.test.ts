import { resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { runProcess } from "../../helpers/run-process.ts";

/** In a process of its own: the detection of leaks in this one makes every promise dear. */
const runSeeds = (from: number, count: number) =>
  runProcess(process.execPath, [
    resolve("test/integration/engine/programs/random-graphs.ts"),
    String(from),
    String(count),
  ]);

describe("several engines on one store and one bus", () => {
  test("random graphs keep the engine's laws under random failures, and give the plain evaluation's results", async () => {
    const { exitCode, output } = await runSeeds(0, 120);
    const lines = output.trimEnd().split("\n");
    expect(lines.slice(0, -1), "what broke, by seed").toEqual([]);
    expect(exitCode).toBe(0);
    const totals = JSON.parse(lines.at(-1) ?? "") as Record<string, number>;
    expect(totals).toMatchObject({ broken: 0, finished: totals.tasks });
    // The world was as rough as it is meant to be.
    for (const what of ["tasks", "retries", "restarts", "stops"]) expect(totals[what], what).toBeGreaterThan(20);
  }, 60_000);
});
