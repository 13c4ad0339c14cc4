import type { Json } from "../../src/errors/index.ts";
import type { GraphNode } from "../../src/graph/index.ts";

/*
 * The plain evaluation of a graph of the handlers below: node by node, in memory, without attempts and without
 * streaming. An engine's results must equal it, whatever faults occurred.
 */

/** A value with its origin and all nodes that it passed. */
export type Item = string;
export interface Batch {
  readonly items: readonly Item[];
}

/** The batches of a source node. */
export function sourceBatches(nodeId: string, args: { readonly batches: number; readonly size: number }): Batch[] {
  return Array.from({ length: args.batches }, (_, batch) => ({
    items: Array.from({ length: (batch % args.size) + 1 }, (__, item) => `${nodeId}.${batch}.${item}`),
  }));
}

/** What every consumer does with its payload: marks each item in it. */
export function mark(nodeId: string, payload: Json): Batch {
  const items: Item[] = [];
  const look = (value: Json): void => {
    if (typeof value === "string") items.push(`${value}>${nodeId}`);
    else if (Array.isArray(value)) value.forEach(look);
    else if (typeof value === "object" && value !== null) Object.values(value).forEach(look);
  };
  look(payload);
  return { items };
}

/** The stored batches by node. */
export function evaluate(nodes: readonly GraphNode[]): ReadonlyMap<string, readonly Batch[]> {
  const outputs = new Map<string, Batch[]>();
  for (const node of nodes) outputs.set(node.node_id, outputsOf(node, outputs));
  return outputs;
}

function outputsOf(node: GraphNode, outputs: ReadonlyMap<string, readonly Batch[]>): Batch[] {
  const inline = (node.io?.input_inline ?? {}) as { readonly [key: string]: Json };
  const id = node.node_id;
  if (node.depends_on.length === 0) return sourceBatches(id, inline as unknown as { batches: number; size: number });
  const args = (inline.input_args ?? {}) as { readonly from_nodes?: readonly string[]; readonly size?: number };
  const sources = args.from_nodes ?? node.depends_on;
  switch (inline.input_adapter) {
    case "pull.gather":
      return [
        mark(
          id,
          Object.fromEntries(sources.map((source) => [source, [...(outputs.get(source) ?? [])]])) as unknown as Json,
        ),
      ];
    case "pull.from_artifacts.rechunk:size":
      return sources.flatMap((source) =>
        (outputs.get(source) ?? []).flatMap(({ items }) =>
          chunks(items, args.size ?? 1).map((chunk) => mark(id, chunk)),
        ),
      );
    default:
      return sources.flatMap((source) =>
        (outputs.get(source) ?? []).map((batch) => mark(id, batch as unknown as Json)),
      );
  }
}

function chunks(items: readonly Item[], size: number): Item[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, at) => items.slice(at * size, (at + 1) * size));
}

/**
 * The sorted items of batches: sources may interleave in any order, which also affects where a later rechunk cuts.
 */
export const allItems = (batches: readonly Batch[]): string =>
  batches
    .flatMap(({ items }) => items)
    .toSorted()
    .join(" ");
