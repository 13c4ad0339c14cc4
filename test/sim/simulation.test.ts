import { existsSync } from "node:fs";
import { expect, test } from "vitest";
import type { SimulationMode } from "../../src/testing/cluster/fault-rates.ts";
import { runProcess } from "../helpers/run-process.ts";
import { keptSeeds } from "./kept-seeds.ts";

/*
 * Runs in several separate processes: promises of a crashed simulated process never settle, by design, and must not
 * stay in the memory of a process that runs other tests.
 */

/**
 * New seeds in each run, since the same ones would find nothing new. Their number is what a run of all tests can
 * afford; runs add up, and `npm run sim` runs any number.
 */
const fresh = Date.now() % 1_000_000_000;
const seeds = { chaos: 100, calm: 50 } as const;
/** Most objects die young: with room for more of them, a run computes a tenth less. */
const node = ["--max-semi-space-size=64"] as const;
const modes = ["chaos", "calm"] as const;

async function sim(mode: SimulationMode, ...options: readonly string[]): Promise<string> {
  const calm = mode === "calm" ? ["--calm"] : [];
  const { exitCode, output } = await runProcess("node", [...node, "scripts/sim.ts", ...calm, ...options], {
    timeoutMs: 590_000,
  });
  // The output contains each failed seed with the command that replays it.
  expect(exitCode, output).toBe(0);
  return output;
}

/** Runs seeds from 1, the same each time, until all these counts are above 0. */
async function covers(names: readonly string[], mode: SimulationMode, ...options: readonly string[]): Promise<void> {
  const until = names.flatMap((name) => ["--until", name]);
  const output = await sim(mode, ...options, "--from", "1", "--json", ...until);
  const { counts } = JSON.parse(output.trim().split("\n").at(-1) ?? "");
  for (const name of names) expect(counts[name], `${mode}: ${name} in ${output}`).toBeGreaterThan(0);
}

const slow = { timeout: 600_000 };

test.each(modes)(`fresh %s seeds from ${fresh}`, slow, async (mode) => {
  const output = await sim(mode, "--seeds", String(seeds[mode]), "--from", String(fresh));
  expect(output).toContain(`${seeds[mode]} seeds, 0 failed`);
});

test.each(modes)(`%s seeds from ${fresh}, compared with SQLite at each step`, slow, async (mode) => {
  const output = await sim(mode, "--sqlite", "--seeds", "20", "--from", String(fresh));
  expect(output).toContain("20 seeds, 0 failed");
});

test.each(modes)(`%s seeds from ${fresh}, in a store that drops artifacts once read`, slow, async (mode) => {
  const output = await sim(mode, "--drop", "--seeds", "100", "--from", String(fresh));
  expect(output).toContain("100 seeds, 0 failed");
});

test.each(keptSeeds)("$mode seed $seed, which once found: $found", slow, async ({ mode, seed, test: directed }) => {
  expect(await sim(mode, "--seed", String(seed))).toContain("1 seeds, 0 failed");
  expect(existsSync(directed), directed).toBe(true);
});

test("a seed reproduces its run: the same choices, the same end", slow, async () => {
  for (const mode of modes) await sim(mode, "--twice", "--seeds", "8", "--from", String(fresh));
});

test("the simulation covers all outcomes of tasks and all kinds of faults", slow, async () => {
  const output = await sim("chaos", "--seeds", "300", "--from", "1", "--json");
  const { tasks, counts } = JSON.parse(output.trim().split("\n").at(-1) ?? "");
  expect(Object.keys(tasks).sort()).toEqual(["cancelled", "failed", "finished"]);
  const { behindDropped, ...others } = counts;
  expect(behindDropped, "dropped by a store that keeps all artifacts").toBe(0);
  for (const count of Object.values(others)) expect(count, output).toBeGreaterThan(0);
});

test("a store that drops artifacts has dropped what consumers lie behind", slow, async () => {
  for (const mode of modes) await covers(["behindDropped"], mode, "--drop", "--seeds", "40");
});

test("calm mode covers retries, a clock that is set, and totals in finalize", slow, async () => {
  const waits = ["requeued", "earlyLooks", "deferredInSweep", "releasedAfterFailure"];
  await covers([...waits, "setForward", "setBack", "totalsChecked", "totalsOverPages"], "calm", "--seeds", "60");
});

test("a replay shows every step and ends like the original run", slow, async () => {
  const output = await sim("chaos", "--from", "3", "--replay");
  expect(output).toMatch(/\tclaim .*epoch=1/);
  expect(output).toMatch(/\nseed 3: .*, hash \d+\n/);
});
