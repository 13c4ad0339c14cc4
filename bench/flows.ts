import { defineHandler, type Graph, type GraphNode } from "flowkit";
import * as z from "zod";

/** A graph whose size is a number can't be chained in the builder, its ids aren't literals: the cases write graphs. */
export function graphOf(nodes: readonly GraphNode[]): Graph {
  return {
    schema_version: "1.0",
    nodes,
    edges: nodes.flatMap(({ node_id, depends_on }) => depends_on.map((parent) => [parent, node_id] as const)),
  };
}

/** `n0 -> n1 -> ...`: the first of type `first`, the others of type `next`. */
export function chainOf(length: number, first: string, next: string): Graph {
  return graphOf(
    Array.from({ length }, (_, index) => ({
      node_id: `n${index}`,
      type: index === 0 ? first : next,
      depends_on: index === 0 ? [] : [`n${index - 1}`],
    })),
  );
}

const Tick = z.object({ index: z.int() });

/** Makes one batch. */
export const source = defineHandler("source", {
  output: Tick,
  *iterBatches() {
    yield { payload: { index: 0 } };
  },
});

/** Hands its batches on as they came: what is left is the engine's own cost. */
export const step = defineHandler("step", { input: Tick, output: Tick, processBatch: (tick) => tick });
