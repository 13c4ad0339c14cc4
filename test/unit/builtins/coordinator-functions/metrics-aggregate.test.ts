import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Metrics } from "../../../../src/definitions/index.ts";
import { artifact, call } from "./fake-context.ts";

const aggregate = (batches: readonly Metrics[], args: object = {}, finalize: Metrics = {}) =>
  call(
    "metrics.aggregate",
    { node_id: "src", ...args },
    { finalize, artifacts: { src: batches.map((metrics, seq) => artifact("src", seq, {}, metrics)) } },
  );

describe("metrics.aggregate", () => {
  const batches = [{ rows: 4, bad: 2 }, { rows: 4 }, { rows: 3, bad: 0 }];

  it.each([
    ["sum", { rows: 11, bad: 2 }],
    ["mean", { rows: 11 / 3, bad: 1 }],
    ["min", { rows: 3, bad: 0 }],
    ["max", { rows: 4, bad: 2 }],
    ["last", { rows: 3, bad: 0 }],
  ])("%s is over the batches that recorded the metric", async (mode, metrics) => {
    expect(await aggregate(batches, { mode })).toEqual({ node_id: "src", mode, batches: 3, metrics, finalize: {} });
  });

  it("sums unless told otherwise", async () => {
    expect(await aggregate(batches)).toMatchObject({ mode: "sum", metrics: { rows: 11 } });
  });

  it("keeps what finalize recorded apart, in every mode", async () => {
    for (const mode of ["sum", "mean", "min", "max", "last"]) {
      expect(await aggregate([{ rows: 1 }], { mode }, { rows: 100, files: 2 })).toMatchObject({
        metrics: { rows: 1 },
        finalize: { rows: 100, files: 2 },
      });
    }
  });

  it("counts batches that recorded nothing, and has no metrics without batches", async () => {
    expect(await aggregate([{}, {}])).toMatchObject({ batches: 2, metrics: {} });
    expect(await aggregate([], { mode: "mean" })).toMatchObject({ batches: 0, metrics: {} });
  });

  it("takes negative numbers and zero for what they are", async () => {
    expect(await aggregate([{ t: -5 }, { t: 0 }, { t: -1 }], { mode: "max" })).toMatchObject({ metrics: { t: 0 } });
    expect(await aggregate([{ t: -5 }, { t: 0 }, { t: -1 }], { mode: "min" })).toMatchObject({ metrics: { t: -5 } });
    expect(await aggregate([{ t: 0 }, { t: 0 }], { mode: "last" })).toMatchObject({ metrics: { t: 0 } });
  });

  it("takes any name for a metric", async () => {
    expect(await aggregate([{ constructor: 1, toString: 2 } as unknown as Metrics])).toMatchObject({
      metrics: { constructor: 1, toString: 2 },
    });
  });

  it("agrees with the plain definitions", async () => {
    const metric = fc.array(fc.integer({ min: -1e6, max: 1e6 }), { minLength: 1, maxLength: 30 });
    await fc.assert(
      fc.asyncProperty(metric, async (values) => {
        const of = async (mode: string) =>
          (
            (await aggregate(
              values.map((n) => ({ n })),
              { mode },
            )) as { metrics: { n: number } }
          ).metrics.n;
        const sum = values.reduce((a, b) => a + b, 0);
        expect(await of("sum")).toBe(sum);
        expect(await of("mean")).toBe(sum / values.length);
        expect(await of("min")).toBe(Math.min(...values));
        expect(await of("max")).toBe(Math.max(...values));
        expect(await of("last")).toBe(values.at(-1));
      }),
      { numRuns: 30 },
    );
  });

  it("refuses a mode it doesn't have", async () => {
    await expect(aggregate(batches, { mode: "median" })).rejects.toThrow();
  });
});
