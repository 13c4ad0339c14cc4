import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import fc from "fast-check";
import {
  canonicalGraph,
  type FlowDefinition,
  type Graph,
  graphHash,
  isBuiltInAdapter,
  parseGraph,
  toTypeScript,
} from "flowkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import * as z from "zod";
import "../../helpers/flowkit-from-source.ts";
import type { RawGraph } from "../graph/arbitrary-graph.ts";
import { builderGraphs, sourceGraphs } from "./arbitrary-source-graph.ts";

/*
 * Source that was written of a graph is imported, as its user would: what it exports compiles to the same graph.
 */

// By Node itself, which runs what is written: Vite would write it anew.
const load = createRequire(import.meta.url);

let folder: string;
let written = 0;

beforeAll(async () => {
  // Inside the repository: the source imports its packages.
  await mkdir(".cache", { recursive: true });
  folder = await mkdtemp(resolve(".cache/codegen-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** What the source compiles to. Not the flow itself: an asynchronous function must not return one. */
async function compiled(source: string): Promise<Graph> {
  const file = join(folder, `${written++}.ts`);
  await writeFile(file, source);
  const exported: Record<string, FlowDefinition> = load(file);
  const [flow, ...more] = Object.values(exported);
  if (flow === undefined || more.length > 0) throw new Error("the source exports one flow");
  return flow.compile();
}

/** With what `compile()` always writes out: the adapter, and the nodes that it reads from. */
function spelledOut(json: object): Graph {
  const args = z.looseObject({});
  const graph = parseGraph(json, {
    adapters: ["pull.column", "my adapter */"].map((name) => ({ name, args })),
    functions: ["note", "a\nb"].map((name) => ({ name, args })),
  });
  const nodes = graph.nodes.map((node) => {
    if (node.type === "coordinator_fn" || node.depends_on.length === 0) return node;
    const {
      input_adapter: adapter = "pull.from_artifacts",
      input_args: given = {},
      ...own
    } = node.io?.input_inline ?? {};
    const sources = isBuiltInAdapter(adapter) && given.from !== undefined ? {} : { from_nodes: node.depends_on };
    const inline = { input_adapter: adapter, input_args: { ...sources, ...given }, ...own };
    return { ...node, io: { ...node.io, input_inline: inline } };
  });
  return { ...graph, nodes };
}

/** @returns whether all of the graph is in the builder's words */
async function roundTrip(json: RawGraph): Promise<boolean> {
  const source = toTypeScript(json);
  const graph = await compiled(source);
  const isChain = /^export const \w+ = flow\(/m.test(source);
  // Nodes that stand as JSON are left as they are.
  expect(canonicalGraph(isChain ? graph : spelledOut(graph))).toStrictEqual(canonicalGraph(spelledOut(json)));
  expect(graphHash(isChain ? graph : spelledOut(graph))).toBe(graphHash(spelledOut(json)));
  expect(longLines(source)).toStrictEqual([]);
  return isChain;
}

describe("a graph, its source, and the graph again", { timeout: 300_000 }, () => {
  test("in the builder's words", async () => {
    let chains = 0;
    await fc.assert(
      fc.asyncProperty(builderGraphs, async (json) => {
        if (await roundTrip(json)) chains++;
      }),
      { numRuns: 300, endOnFailure: true },
    );
    expect(chains).toBeGreaterThan(200);
  });

  test("with what the builder has no words for", async () => {
    await fc.assert(
      fc.asyncProperty(sourceGraphs, async (json) => {
        await roundTrip(json);
      }),
      { numRuns: 200, endOnFailure: true },
    );
  });
});

/** Lines that are longer than they need be: a string can't be broken. */
const longLines = (source: string): string[] =>
  source.split("\n").filter((line) => line.length > 120 && !/["'].{20,}["']/.test(line));
