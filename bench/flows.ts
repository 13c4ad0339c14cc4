/*
 * Graphs whose size is a number can't be chained in the builder: their ids aren't literals. The engine takes any
 * FlowDefinition, so the cases write their graphs directly.
 */
import type { Graph, GraphNode, HandlerDefinition } from "flowkit";
import type { FlowDefinition } from "flowkit/engine";
import * as z from "zod";

/** A payload whose validation costs next to nothing. */
export const anything = z.unknown();

export const sourceOf = (name: string, count: number, payload: (index: number) => unknown = () => ({})) =>
  handler(name, {
    *iterBatches() {
      for (let index = 0; index < count; index++) yield { payload: payload(index) };
    },
  });

/** Hands every batch on as it came. */
export const passOn = (name: string) => handler(name, { input: anything, processBatch: (payload) => payload });

/** A handler without types: what `defineHandler` makes, less its checks. */
export function handler(name: string, parts: Partial<HandlerDefinition>): HandlerDefinition {
  return { kind: "handler", name, output: anything, errors: [], resumable: true, ...parts };
}

export type BenchFlow = FlowDefinition<{ params: Record<string, never>; outputs: object; results: object }>;

export function flowOf(handlers: readonly HandlerDefinition[], nodes: readonly GraphNode[]): BenchFlow {
  const graph = graphOf(nodes);
  return {
    $infer: { params: {}, outputs: {}, results: {} },
    handlers: Object.fromEntries(handlers.map((each) => [each.name, each])),
    inputAdapters: [],
    coordinatorFns: [],
    paramsSchema: undefined,
    compile: () => graph,
  };
}

export function graphOf(nodes: readonly GraphNode[]): Graph {
  return {
    schema_version: "1.0",
    nodes,
    edges: nodes.flatMap(({ node_id, depends_on }) => depends_on.map((parent) => [parent, node_id] as const)),
  };
}

/** `n0 -> n1 -> ...`: the first of type `first`, the others of type `next`. */
export function chainOf(length: number, first: string, next: string): readonly GraphNode[] {
  return Array.from({ length }, (_, index) => ({
    node_id: `n${index}`,
    type: index === 0 ? first : next,
    depends_on: index === 0 ? [] : [`n${index - 1}`],
  }));
}
