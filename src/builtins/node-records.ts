/*
 * What the compiler knows of the nodes so far. The builder accumulates it; see `FlowState`.
 */

export interface NodeRecords {
  // `unknown` would force a key check at each look-up, which is quadratic in the number of nodes.
  // biome-ignore lint/suspicious/noExplicitAny: see above; the checks look up ids they have judged before
  readonly old: any;
  // biome-ignore lint/suspicious/noExplicitAny: as above
  readonly young: any;
  readonly fresh: unknown;
}

/**
 * What one batch of the node `TId` stores. Indexed by plain strings, never through `keyof`: that alone would be
 * quadratic.
 */
export type OutputOf<TNodes extends NodeRecords, TId> = TId extends TNodes["fresh"]
  ? TNodes["young"][TId & string]
  : TNodes["old"][TId & string];

/** An alias on purpose: written inline, each record would be a new anonymous type. */
export type Recorded<TId extends string, TOutput> = { [TKey in TId]: TOutput };
