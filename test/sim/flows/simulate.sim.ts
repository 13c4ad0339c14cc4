import { readFile } from "node:fs/promises";
import { defineHandler, flow, param } from "flowkit";
import { describeOutcome, simulate, simulateMany } from "flowkit/testing";
import { expect, test } from "vitest";
import * as z from "zod";
import { load, Row, sink, squareBy, squares } from "./flows.ts";

const seeds = 40;

test("a correct flow gives its result under every seed", async () => {
  const sums: number[] = [];
  const { failures, seeds: ran } = await simulateMany({
    seeds,
    flow: squares,
    expect: ({ results }) => {
      sums.push(results.sum.sum);
    },
  });
  expect(failures.map((outcome) => describeOutcome(outcome))).toEqual([]);
  expect(ran).toBe(seeds);
  expect(new Set(sums)).toEqual(new Set([30]));
});

test("a seed reproduces its run", async () => {
  const options = { flow: squares, faults: { cancels: false } } as const;
  const [first, second] = [await simulate({ seed: 11, ...options }), await simulate({ seed: 11, ...options })];
  expect(first).toMatchObject({ violations: [], hash: second.hash, steps: second.steps });
  expect(first.run?.outputs.square).toEqual([{ n: 1 }, { n: 4 }, { n: 9 }, { n: 16 }]);
  expect((await simulate({ seed: 12, ...options })).hash).not.toBe(first.hash);
});

test("a sink that is not idempotent writes twice, and an idempotent one does not", async () => {
  const loads = (seeds: number, insert: (rows: Map<string, number>, n: number, key: string) => void) =>
    simulateMany({
      seeds,
      flow: load,
      faults: { cancels: false }, // a retried task has its own keys
      outside: () => ({ rows: new Map<string, number>() }),
      handlers: ({ call, outside }) => [sink((n, key) => call("insert", () => insert(outside.rows, n, key)))],
      compare: ({ outside }) => [...outside.rows.values()].sort(),
    });
  const { failures } = await loads(50 * seeds, (rows, n) => rows.set(String(rows.size), n)); // stops at the first failure
  const [failure] = failures;
  expect(failure?.violations[0]).toMatch(/^not as in a calm run: the value of compare is \[.*\], not \[1,2,3,4\]$/);
  expect(failure?.timeline.filter((line) => line.includes("calls insert")).length).toBeGreaterThan(4);

  expect((await loads(seeds, (rows, n, key) => rows.set(key, n))).failures).toEqual([]);
});

test("state that a handler keeps between runs is detected without faults", async () => {
  let seen = 0;
  const count = defineHandler("square", { input: Row, output: Row, processBatch: ({ n }) => ({ n: n + ++seen }) });
  const { violations } = await simulate({ seed: 1, flow: squares, handlers: [count] });
  expect(violations[0]).toMatch(/^not as in another calm run, so without any fault: .*node 'square': it stored/);
});

test("state that a handler keeps between attempts is detected, because a crash loses it", async () => {
  const { failures } = await simulateMany({
    seeds: 10 * seeds, // stops at the first failure
    flow: squares,
    handlers: () => {
      let seen = 0;
      return [defineHandler("square", { input: Row, output: Row, processBatch: () => ({ n: ++seen }) })];
    },
  });
  expect(failures[0]?.violations[0]).toMatch(/^not as in a calm run: node 'square': it stored/);
});

test("a task that was cancelled and retried gives the same result", async () => {
  const tried: string[] = [];
  for (let seed = 1; seed <= 60; seed++) {
    const { run, violations, trace } = await simulate({ seed, flow: squares, trace: true });
    expect(violations).toEqual([]);
    if (run !== undefined && trace.some((line) => line.includes("RETRY"))) tried.push(run.status);
    if (run?.status === "finished") expect(run.outputs.sum).toEqual([{ n: 1 }, { n: 4 }, { n: 9 }, { n: 16 }]);
  }
  expect(tried).toContain("finished");
});

test("errors thrown by expect and invariant are violations", async () => {
  const { failures } = await simulateMany({
    seeds: 3,
    maxFailures: 3,
    flow: squares,
    faults: { cancels: false },
    expect: ({ results, seed }) => {
      if (results.sum.sum === 30 && seed > 2) throw new Error("thirty");
    },
    invariant: ({ status, seed }) => {
      if (seed > 2) throw new Error(`it is ${status}`);
    },
  });
  expect(failures.map(({ seed, violations }) => ({ seed, violations }))).toEqual([
    { seed: 3, violations: ["expect: thirty", "invariant: it is finished"] },
  ]);
});

test("a failed task is a violation unless mayFail is set", async () => {
  const broken = squareBy(async (n) => {
    if (n === 3) throw new TypeError("three");
  });
  const options = { seed: 4, flow: squares, handlers: [broken], faults: { cancels: false } } as const;
  const { violations } = await simulate(options);
  expect(violations).toContain("the task failed: node 'square': unexpected_error: three");
  const { run, violations: none } = await simulate({ ...options, mayFail: true });
  expect(none).toEqual([]);
  expect(run).toMatchObject({ status: "failed", failure: { batchUid: expect.any(String) } });
});

test("handlers use the clock of their process", async () => {
  const outcome = await simulate({
    seed: 5,
    flow: squares,
    faults: { cancels: false },
    handlers: ({ sleep, random }) => [squareBy((n) => sleep(60_000 * n * (1 + random())))],
  });
  expect(outcome.violations).toEqual([]);
  expect(outcome.virtualMs).toBeGreaterThan(10 * 60_000);
});

const realWaits: readonly (readonly [string, RegExp, () => Promise<unknown>])[] = [
  ["a timer", /something real \(Timeout\)/, () => new Promise((resolve) => setTimeout(resolve, 30))],
  ["a file", /something real \(FSReqPromise\)/, () => readFile("package.json")],
  ["other threads", /something outside/, () => crypto.subtle.digest("SHA-256", new Uint8Array(1_000))],
];

test.each(realWaits)("a handler that waits for a real resource is reported: %s", async (_what, words, wait) => {
  const run = simulate({ seed: 6, flow: squares, handlers: [squareBy(wait)] });
  await expect(run).rejects.toMatchObject({ code: "SIMULATION_REAL_TIME", message: expect.stringMatching(words) });
  await expect(run).rejects.toThrow("processBatch of handler 'square' (node 'square', batch '0')");
});

test("parameters and graph JSON are validated before anything runs", async () => {
  const days = flow("days", { params: z.object({ day: z.iso.date() }) }).node(
    "days",
    defineHandler("days", {
      args: z.object({ day: z.string() }),
      output: z.object({ day: z.string() }),
      *iterBatches({ day }) {
        yield { payload: { day } };
      },
    }),
    { args: { day: param("day") } },
  );
  await expect(simulate({ seed: 1, flow: days, params: { day: "now" } })).rejects.toThrow("day");
  const { run } = await simulate({ seed: 1, flow: days, params: { day: "2026-11-24" }, faults: { cancels: false } });
  expect(run?.outputs.days).toEqual([{ day: "2026-11-24" }]);
  const graph = { nodes: [{ node_id: "a", type: "unknown" }] };
  await expect(simulate({ seed: 1, flow: graph })).rejects.toMatchObject({ code: "GRAPH_INVALID" });
});

test("disabled faults do not occur", async () => {
  const none = {
    store: false,
    messages: false,
    crashes: false,
    stops: false,
    pauses: false,
    cancels: false,
    clocks: false,
  };
  const { run, violations, trace } = await simulate({ seed: 3, flow: load, faults: none, trace: true });
  expect(violations).toEqual([]);
  expect(run?.status).toBe("finished");
  expect(
    trace.filter((line) => /CRASH|STOP|CANCEL|wall clock| lost$/.test(line.split("the faults are over")[0] ?? "")),
  ).toEqual(trace.filter((line) => /grace 0 ms/.test(line)));
});
