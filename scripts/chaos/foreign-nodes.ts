import type { Graph, GraphNode } from "../../src/graph/index.ts";
import { shared } from "./part-spec.ts";

export const isForeign = ({ type }: Pick<GraphNode, "type">): boolean =>
  shared.foreignTypes.some((name) => name === type);

export const foreignNodes = ({ nodes }: Graph): readonly GraphNode[] => nodes.filter(isForeign);

/** The nodes that it reads. */
export const foreignSources = ({ io, depends_on }: GraphNode): readonly string[] =>
  (io?.input_inline?.input_args?.from_nodes as readonly string[] | undefined) ?? depends_on;
