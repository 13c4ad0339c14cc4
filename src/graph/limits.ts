/** How large a graph may be. Checked before any work that grows with its size. */
export interface GraphLimits {
  /** @defaultValue 10,000 */
  readonly maxNodes: number;
  /** Counted in `edges`, and once more in all `depends_on` together. @defaultValue 100,000 */
  readonly maxEdges: number;
  /** Of the graph as UTF-8 JSON without white space. @defaultValue 4 MiB */
  readonly maxBytes: number;
  /** Objects and lists within each other, the graph itself included. @defaultValue 64 */
  readonly maxDepth: number;
}

/** The limits of `validateGraph` where none are given. */
export const defaultGraphLimits: GraphLimits = {
  maxNodes: 10_000,
  maxEdges: 100_000,
  maxBytes: 4 * 1024 * 1024,
  maxDepth: 64,
};
