/**
 * How large a graph may be; checked before any work that grows with its size. `maxBytes` and `maxDepth` also apply to
 * the parameters of a task, and to its graph with the parameters filled in.
 */
export interface GraphLimits {
  /** @defaultValue 10,000 */
  readonly maxNodes: number;
  /** Applies to `edges`, and separately to the total of all `depends_on`. @defaultValue 100,000 */
  readonly maxEdges: number;
  /** Size of the graph as UTF-8 JSON without white space. @defaultValue 4 MiB */
  readonly maxBytes: number;
  /** Nesting of objects and lists, including the graph itself. @defaultValue 64 */
  readonly maxDepth: number;
  /** Length of a `pattern` in `params_schema`, in characters. @defaultValue 1,000 */
  readonly maxPatternLength: number;
  /** Total size of all patterns in `params_schema`, in RE2 instructions. @defaultValue 10,000 */
  readonly maxPatternSize: number;
  /**
   * Schemas in `params_schema` that apply to one value, through `$ref`, `allOf`, `anyOf` and `oneOf`.
   *
   * @defaultValue 1,000
   */
  readonly maxAppliedSchemas: number;
}

/** The default limits of `validateGraph`. */
export const defaultGraphLimits: GraphLimits = {
  maxNodes: 10_000,
  maxEdges: 100_000,
  maxBytes: 4 * 1024 * 1024,
  maxDepth: 64,
  maxPatternLength: 1_000,
  maxPatternSize: 10_000,
  maxAppliedSchemas: 1_000,
};
