import type { FindingCode } from "../../../../src/graph/index.ts";
import type { RawGraph, RawNode } from "../arbitrary-graph.ts";

/** Breaks one thing in a valid graph and returns the expected path of the finding. */
export interface Corruption {
  readonly name: string;
  readonly code: FindingCode;
  apply(graph: RawGraph): string;
  /** The expected hint. */
  readonly hint?: string;
}

export const indexOf = (graph: RawGraph, id: string): number => graph.nodes.findIndex((node) => node.node_id === id);

/** A corruption inside the node `id`; `break` returns the rest of the path. */
export function inNode(id: string, change: (node: RawNode, graph: RawGraph) => string): (graph: RawGraph) => string {
  return (graph) => {
    const index = indexOf(graph, id);
    return `/nodes/${index}${change(graph.nodes[index] as RawNode, graph)}`;
  };
}

export type Bag = { [key: string]: unknown };
export const inline = (node: RawNode) => node.io?.input_inline as Bag;
export const inputArgs = (node: RawNode) => inline(node).input_args as Bag;
export const fnArgs = (node: RawNode) => node.io?.fn_args as Bag;

export function edges(graph: RawGraph): string[][] {
  return graph.nodes.flatMap((node) => (node.depends_on ?? []).map((parent) => [parent, node.node_id]));
}
