import { expect, test } from "vitest";
import { describeFailure } from "../../scripts/sim-report.ts";
import { type SimulationMode, simulate } from "../../src/testing/index.ts";
import { keptSeeds } from "./kept-seeds.ts";

/** Other seeds at each run: a test that always looks at the same ones finds nothing new. */
const fresh = Date.now() % 1_000_000_000;
const freshSeeds = { chaos: 150, calm: 100 } as const;

async function failuresOf(mode: SimulationMode, seeds: Iterable<number>): Promise<string[]> {
  const failures: string[] = [];
  for (const seed of seeds) {
    const outcome = await simulate({ seed, mode });
    if (outcome.violations.length > 0) failures.push(describeFailure(outcome));
  }
  return failures;
}

function* range(from: number, count: number): Generator<number> {
  for (let seed = from; seed < from + count; seed++) yield seed;
}

test.each(["chaos", "calm"] as const)(`fresh %s seeds from ${fresh}`, { timeout: 120_000 }, async (mode) => {
  expect(await failuresOf(mode, range(fresh, freshSeeds[mode]))).toEqual([]);
});

test.each(["chaos", "calm"] as const)("%s seeds that once failed", { timeout: 120_000 }, async (mode) => {
  expect(await failuresOf(mode, keptSeeds[mode])).toEqual([]);
});

test("a seed is one run: the same choices, the same end", async () => {
  for (const mode of ["chaos", "calm"] as const) {
    for (const seed of range(fresh, 8)) {
      const [first, second] = [await simulate({ seed, mode }), await simulate({ seed, mode })];
      expect(second).toEqual(first);
    }
  }
});

test("tasks finish, fail and are cancelled; leases are lost, outputs restarted, artifacts late", async () => {
  const seen = new Set<string>();
  const counts = { requeued: 0, restarts: 0, released: 0 };
  for (const seed of range(1, 40)) {
    const outcome = await simulate({ seed });
    for (const status of outcome.tasks) seen.add(status);
    for (const name of ["requeued", "restarts", "released"] as const) counts[name] += outcome.counts[name];
  }
  expect(seen).toEqual(new Set(["finished", "failed", "cancelled"]));
  expect(Math.min(...Object.values(counts))).toBeGreaterThan(0);
});

test("a run leaves a trace that people can read", async () => {
  const { trace } = await simulate({ seed: 1, trace: true });
  expect(trace.some((line) => /w1#1\s+claim .*epoch=1/.test(line))).toBe(true);
});
