import { existsSync } from "node:fs";
import { availableParallelism } from "node:os";
import { expect, test } from "vitest";
import type { SimulationMode } from "../../src/testing/cluster/fault-rates.ts";
import { runProcess } from "../helpers/run-process.ts";
import { keptSeeds } from "./kept-seeds.ts";

/*
 * In processes of their own, several at once: what a crash of a simulated process leaves behind never settles, on purpose,
 * and must not stay in the memory of a process that tests something else.
 */

/**
 * Other seeds at each run: a test that always looks at the same ones finds nothing new. How many is what a run of all
 * tests can spare; runs add up, and `npm run sim` looks at as many as it is told.
 */
const fresh = Date.now() % 1_000_000_000;
const seeds = { chaos: 600, calm: 300 } as const;
/** Beyond that they are in each other's way, and others' on a shared machine. */
const mostJobs = 4;
const jobs = String(Math.min(mostJobs, availableParallelism()));
const modes = ["chaos", "calm"] as const;

async function sim(mode: SimulationMode, ...options: readonly string[]): Promise<string> {
  const calm = mode === "calm" ? ["--calm"] : [];
  const { exitCode, output } = await runProcess("node", ["scripts/sim.ts", ...calm, ...options], {
    timeoutMs: 590_000,
  });
  // What it printed has each seed that failed, with the command that replays it.
  expect(exitCode, output).toBe(0);
  return output;
}

const slow = { timeout: 600_000 };

test.each(modes)(`fresh %s seeds from ${fresh}`, slow, async (mode) => {
  const output = await sim(mode, "--seeds", String(seeds[mode]), "--from", String(fresh), "--jobs", jobs);
  expect(output).toContain(`${seeds[mode]} seeds, 0 failed`);
});

test.each(modes)(`%s seeds from ${fresh}, with SQLite asked the same at each step`, slow, async (mode) => {
  const output = await sim(mode, "--sqlite", "--seeds", "60", "--from", String(fresh));
  expect(output).toContain("60 seeds, 0 failed");
});

test.each(modes)(`%s seeds from ${fresh}, in a store that drops while they run`, slow, async (mode) => {
  const output = await sim(mode, "--drop", "--seeds", "300", "--from", String(fresh), "--json");
  const { failed, counts } = JSON.parse(output.trim().split("\n").at(-1) ?? "");
  expect(failed).toBe(0);
  expect(counts.behindDropped).toBeGreaterThan(100);
});

test.each(keptSeeds)("$mode seed $seed, which once found: $found", slow, async ({ mode, seed, test: directed }) => {
  expect(await sim(mode, "--seed", String(seed))).toContain("1 seeds, 0 failed");
  expect(existsSync(directed), directed).toBe(true);
});

test("a seed is one run: the same choices, the same end", slow, async () => {
  for (const mode of modes) await sim(mode, "--twice", "--seeds", "8", "--from", String(fresh));
});

test("the world has everything in it: all ends of tasks, all kinds of trouble", slow, async () => {
  const output = await sim("chaos", "--seeds", "200", "--from", "1", "--json");
  const { tasks, counts } = JSON.parse(output.trim().split("\n").at(-1) ?? "");
  expect(Object.keys(tasks).sort()).toEqual(["cancelled", "failed", "finished"]);
  const { behindDropped, ...others } = counts;
  expect(behindDropped, "dropped by a store that keeps all").toBe(0);
  for (const count of Object.values(others)) expect(count, output).toBeGreaterThan(0);
});

test(
  "a calm world has in it what only time tells, a clock that is set, and ends that add things up",
  slow,
  async () => {
    const output = await sim("calm", "--seeds", "200", "--from", "1", "--json");
    const { counts } = JSON.parse(output.trim().split("\n").at(-1) ?? "");
    const { requeued, earlyLooks, deferredInSweep, releasedAfterFailure } = counts;
    const { setForward, setBack, totalsChecked, totalsOverPages } = counts;
    const waits = [requeued, earlyLooks, deferredInSweep, releasedAfterFailure];
    for (const count of [...waits, setForward, setBack, totalsChecked, totalsOverPages]) {
      expect(count, output).toBeGreaterThan(0);
    }
  },
);

test("a replay shows every step, and ends as the run did", slow, async () => {
  const output = await sim("chaos", "--from", "1", "--replay");
  expect(output).toMatch(/\tclaim .*epoch=1/);
  expect(output).toMatch(/\nseed 1: .*, hash \d+\n/);
});
