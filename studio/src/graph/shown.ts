import { createContext, useContext, useSyncExternalStore } from "react";
import type { EdgeLive, GraphEdgeView, GraphNodeView, NodeLive } from "../api/source.ts";

export interface NodeData extends Record<string, unknown> {
  readonly node: GraphNodeView;
}

export interface EdgeData extends Record<string, unknown> {
  readonly edge: GraphEdgeView;
}

/** The state that nodes and edges show: it changes without a new layout of the graph. */
export interface Shown {
  /** When the state was read. */
  readonly at: number;
  readonly nodes: ReadonlyMap<string, NodeLive>;
  /** By {@link edgeId}. */
  readonly edges: ReadonlyMap<string, EdgeLive>;
  readonly bottleneck: string | undefined;
  readonly selected: string | undefined;
  readonly hrefOf: (nodeId: string) => string;
}

/** Notifies a node or edge only when its own part has changed, since there may be hundreds of them. */
export class ShownStore {
  #shown: Shown;
  readonly #listeners = new Set<() => void>();

  constructor(shown: Shown) {
    this.#shown = shown;
  }

  get current(): Shown {
    return this.#shown;
  }

  set(shown: Shown): void {
    this.#shown = shown;
    for (const listener of this.#listeners) listener();
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };
}

const ShownContext = createContext<ShownStore | undefined>(undefined);
export const ShownProvider = ShownContext.Provider;

/** @param select - must return the same value as long as the part that its caller shows has not changed */
export function useShown<TPart>(select: (shown: Shown) => TPart): TPart {
  const store = useContext(ShownContext);
  if (store === undefined) throw new Error("no ShownProvider above");
  return useSyncExternalStore(store.subscribe, () => select(store.current));
}

export const edgeId = ({ from, to }: { readonly from: string; readonly to: string }): string => `${from} ${to}`;
