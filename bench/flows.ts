import { defineHandler, flow, type Graph, type GraphNode, type HandlerDefinition } from "flowkit";
import * as z from "zod";

/** The builder for ids that are not literals. */
export interface UntypedFlow {
  node(id: string, handler: HandlerDefinition, options?: UntypedOptions): UntypedFlow;
  then(id: string, handler: HandlerDefinition, options?: UntypedOptions): UntypedFlow;
  compile(): Graph;
}

interface UntypedOptions {
  readonly after?: readonly string[];
  readonly args?: object;
  readonly input?: { readonly adapter: string };
  readonly startWhen?: "first_batch";
  readonly retry?: { readonly max: number; readonly backoffSec: number };
  readonly maxPendingBatches?: number;
}

/** Uses the builder's full output, because a graph written by hand may omit parts of it. */
export const untypedFlow = (name: string): UntypedFlow => flow(name) as unknown as UntypedFlow;

/** A graph that is only validated. */
export function graphOf(nodes: readonly GraphNode[]): Graph {
  return {
    schema_version: "1.0",
    nodes,
    edges: nodes.flatMap(({ node_id, depends_on }) => depends_on.map((parent) => [parent, node_id] as const)),
  };
}

/** `n0 -> n1 -> ...`: the first with `first`, the others with `next`. */
export function chainOf(length: number, first: HandlerDefinition, next: HandlerDefinition): Graph {
  let chain = untypedFlow("chain").node("n0", first);
  for (let index = 1; index < length; index++) chain = chain.then(`n${index}`, next);
  return chain.compile();
}

/** `first`, and after it each of these ids with `next`. */
export function fanOutTo(ids: readonly string[], first: HandlerDefinition, next: HandlerDefinition): UntypedFlow {
  let spread = untypedFlow("fan-out").node("first", first);
  for (const id of ids) spread = spread.node(id, next, { after: ["first"] });
  return spread;
}

export const Tick = z.object({ index: z.int() });

/** Produces one batch. */
export const source = defineHandler("source", {
  output: Tick,
  *iterBatches() {
    yield { payload: { index: 0 } };
  },
});

/** Passes its batches on unchanged, which leaves only the cost of the engine. */
export const step = defineHandler("step", { input: Tick, output: Tick, processBatch: (tick) => tick });
