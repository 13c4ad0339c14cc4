import type { Graph, GraphNode } from "../../src/graph/index.ts";
import { shared } from "./process-spec.ts";

export const isExternal = ({ type }: Pick<GraphNode, "type">): boolean =>
  shared.externalTypes.some((name) => name === type);

export const externalNodes = ({ nodes }: Graph): readonly GraphNode[] => nodes.filter(isExternal);

/** The nodes that it reads. */
export const externalSources = ({ io, depends_on }: GraphNode): readonly string[] =>
  (io?.input_inline?.input_args?.from_nodes as readonly string[] | undefined) ?? depends_on;
