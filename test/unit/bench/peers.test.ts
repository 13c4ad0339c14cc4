import { describe, expect, test } from "vitest";
import { memory as flowkit } from "../../../bench/peers/programs/flowkit.ts";
import { memory as plain } from "../../../bench/peers/programs/plain.ts";
import type { SuiteResults } from "../../../bench/peers/results.ts";
import { type ShapeName, shapes } from "../../../bench/peers/shapes.ts";
import { fullTables, shortTables } from "../../../bench/peers/tables.ts";

describe("the programs", () => {
  const inProcess: readonly ShapeName[] = ["chain", "fanOut", "tasks"];

  test.for(inProcess)("a plain loop has the expected result: %s", async (shape) => {
    const prepare = plain[shape];
    if (typeof prepare !== "function") throw new Error(`no program for ${shape}`);
    expect(await (await prepare()).run()).toEqual(shapes[shape].expected);
  });

  test("so does FlowKit", async () => {
    const prepare = flowkit.chain;
    if (typeof prepare !== "function") throw new Error("no program");
    const program = await prepare();
    expect(await program.run()).toEqual(shapes.chain.expected);
    await program.close?.();
  });
});

describe("the tables", () => {
  const run = (warm: number) => ({ cold: 10 * warm, warm, cpu: warm / 2 });
  const results: readonly SuiteResults[] = [
    {
      machine: { cpu: "a CPU", cores: 2, memoryGiB: 24, node: "v24.0.0", platform: "linux x64", load: 1.5 },
      loadAtEnd: 2,
      rounds: 3,
      warmMs: 1500,
      name: "process",
      title: "In process",
      servers: ["Some Server 1"],
      shapes: [
        {
          shape: "chain",
          outcomes: [
            { title: "FlowKit", version: "", runs: [run(10), run(40), run(20)] },
            { title: "Peer", version: "1.2.3", runs: [run(30), run(60), run(60)] },
            { title: "Other", version: "4.5.6", without: "has no chains" },
          ],
        },
      ],
      absent: { Third: "it needs a moon" },
    },
  ];

  test("have medians, spreads, and ratios of the same round", () => {
    const text = fullTables(results);
    expect(text).toContain("| FlowKit | 200 (100 to 400) | 20.0 (10.0 to 40.0) | 10.0 (5.00 to 20.0) |  |  |");
    // 3, 1.5 and 3 times: not the ratio of the medians
    expect(text).toContain(
      "| Peer 1.2.3 | 600 (300 to 600) | 60.0 (30.0 to 60.0) | 30.0 (15.0 to 30.0) | 3.00 (1.50 to 3.00) | 3.00 (1.50 to 3.00) |",
    );
  });

  test("say what is missing, and why", () => {
    const text = fullTables(results);
    expect(text).toContain("| Other 4.5.6 | has no chains |  |  |  |  |");
    expect(text).toContain("- Third is not measured: it needs a moon.");
    expect(text).toContain("load 1.5; Some Server 1. Load average 2 at the end. Medians of 3 rounds");
  });

  test("have no ratio to another library where FlowKit has no numbers", () => {
    const [suite] = results;
    const [chain] = suite?.shapes ?? [];
    if (suite === undefined || chain === undefined) throw new Error("no chain");
    const outcomes = [{ title: "FlowKit", version: "", without: "took too long" }, ...chain.outcomes.slice(1)];
    const text = fullTables([{ ...suite, shapes: [{ ...chain, outcomes }] }]);
    expect(text).toContain("| FlowKit | took too long |  |  |  |  |");
    expect(text).toContain("| Peer 1.2.3 | 600 (300 to 600) | 60.0 (30.0 to 60.0) | 30.0 (15.0 to 30.0) |  |  |");
  });

  test("are short in the README", () => {
    expect(shortTables(results).split("\n").slice(1, 6)).toEqual([
      "In process:",
      "",
      "| workload | FlowKit | Peer 1.2.3 | Other 4.5.6 |",
      "|---|--:|--:|--:|",
      "| a chain of 100 steps, us/step | 20.0 (10.0) | 60.0 (30.0) | none |",
    ]);
  });
});
