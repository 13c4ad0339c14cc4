import { createContext, useContext } from "react";
import type { EdgeLive, GraphEdgeView, GraphNodeView, NodeLive } from "../api/source.ts";

export interface NodeData extends Record<string, unknown> {
  readonly node: GraphNodeView;
}

export interface EdgeData extends Record<string, unknown> {
  readonly edge: GraphEdgeView;
}

/** What nodes and edges show beside what the layout knows: it changes without the graph being laid out again. */
export interface Shown {
  readonly nodes: ReadonlyMap<string, NodeLive>;
  /** By {@link edgeId}. */
  readonly edges: ReadonlyMap<string, EdgeLive>;
  readonly bottleneck: string | undefined;
  readonly selected: string | undefined;
  readonly hrefOf: (nodeId: string) => string;
}

const ShownContext = createContext<Shown | undefined>(undefined);
export const ShownProvider = ShownContext.Provider;

export function useShown(): Shown {
  const shown = useContext(ShownContext);
  if (shown === undefined) throw new Error("no ShownProvider above");
  return shown;
}

export const edgeId = ({ from, to }: { readonly from: string; readonly to: string }): string => `${from} ${to}`;
