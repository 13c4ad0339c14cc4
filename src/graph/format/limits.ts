/**
 * How large a graph may be. Checked before any work that grows with its size. `maxBytes` and `maxDepth` hold for the
 * parameters of a task too, and for its graph with the parameters filled in.
 */
export interface GraphLimits {
  /** @defaultValue 10,000 */
  readonly maxNodes: number;
  /** Counted in `edges`, and once more in all `depends_on` together. @defaultValue 100,000 */
  readonly maxEdges: number;
  /** Of the graph as UTF-8 JSON without white space. @defaultValue 4 MiB */
  readonly maxBytes: number;
  /** Objects and lists within each other, the graph itself included. @defaultValue 64 */
  readonly maxDepth: number;
  /** Of a `pattern` in `params_schema`, in characters. @defaultValue 1,000 */
  readonly maxPatternLength: number;
  /** Of all patterns in `params_schema` together, in instructions of RE2. @defaultValue 10,000 */
  readonly maxPatternSize: number;
  /** Schemas in `params_schema` that apply to one value, over `$ref`, `allOf`, `anyOf` and `oneOf`. @defaultValue 1,000 */
  readonly maxAppliedSchemas: number;
}

/** The limits of `validateGraph` where none are given. */
export const defaultGraphLimits: GraphLimits = {
  maxNodes: 10_000,
  maxEdges: 100_000,
  maxBytes: 4 * 1024 * 1024,
  maxDepth: 64,
  maxPatternLength: 1_000,
  maxPatternSize: 10_000,
  maxAppliedSchemas: 1_000,
};
