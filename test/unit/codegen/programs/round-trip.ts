import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { isDeepStrictEqual } from "node:util";
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
import * as z from "zod";
import type { RawGraph } from "../../graph/arbitrary-graph.ts";
import { builderGraphs, sourceGraphs } from "../arbitrary-source-graph.ts";

/*
 * Node imports the generated source as a user would, and the exported flow compiles to the same graph. Prints how many
 * graphs the builder could express completely.
 */

// Inside the repository: the source imports its packages.
await mkdir(".cache", { recursive: true });
const folder = await mkdtemp(resolve(".cache/codegen-"));
let written = 0;
let chains = 0;
const check = (graphs: typeof builderGraphs, numRuns: number) =>
  fc.assert(
    fc.asyncProperty(graphs, async (json) => {
      if (await roundTrip(json)) chains++;
    }),
    { numRuns, endOnFailure: true },
  );
try {
  await check(builderGraphs, 200);
  const inBuildersWords = chains;
  await check(sourceGraphs, 100);
  console.log(JSON.stringify({ inBuildersWords }));
} finally {
  await rm(folder, { recursive: true });
}

/** The compiled graph; an async function must not return the flow itself. */
async function compiled(source: string): Promise<Graph> {
  const file = join(folder, `${written++}.ts`);
  await writeFile(file, source);
  const exported = (await import(pathToFileURL(file).href)) as Record<string, FlowDefinition>;
  const [flow, ...more] = Object.values(exported);
  if (flow === undefined || more.length > 0) throw new Error("the source exports one flow");
  return flow.compile();
}

/** Adds what `compile()` always writes: the adapter and its sources. */
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

/** @returns whether the builder expresses the whole graph */
async function roundTrip(json: RawGraph): Promise<boolean> {
  const source = toTypeScript(json);
  const graph = await compiled(source);
  const isChain = /^export const \w+ = flow\(/m.test(source);
  // Nodes written as JSON stay unchanged.
  const [got, wanted] = [isChain ? graph : spelledOut(graph), spelledOut(json)];
  if (!isDeepStrictEqual(canonicalGraph(got), canonicalGraph(wanted)) || graphHash(got) !== graphHash(wanted)) {
    throw new Error(`another graph: ${JSON.stringify(got)}\ninstead of: ${JSON.stringify(wanted)}\nby:\n${source}`);
  }
  const [long] = longLines(source);
  if (long !== undefined) throw new Error(`a line is too long: ${long}`);
  return isChain;
}

/** Lines that could be shorter; a long string cannot be broken. */
function longLines(source: string): string[] {
  return source.split("\n").filter((line) => line.length > 120 && !/["'].{20,}["']/.test(line));
}
