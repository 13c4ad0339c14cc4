export type { IsAssignable } from "../graph/data/fit.ts";

/* What the compiler knows about the nodes so far, accumulated by the builder; see `FlowState`. */

export interface NodeRecords {
  /** Outputs, in blocks that are each indexed by node id. */
  // biome-ignore lint/suspicious/noExplicitAny: `unknown` needs a key check at each look-up, which is quadratic in the number of nodes; the rules have checked the ids first
  readonly blocks: any;
  /** The outputs of the latest nodes, which become the next block. */
  // biome-ignore lint/suspicious/noExplicitAny: looked up like `blocks`, so `unknown` would be as quadratic
  readonly recent: any;
  /** By id, the block that has the output. */
  // biome-ignore lint/suspicious/noExplicitAny: as above
  readonly places: any;
  /** By id, the position among the latest. */
  // biome-ignore lint/suspicious/noExplicitAny: as above
  readonly recentPlaces: any;
  /** Ids of the latest nodes. */
  readonly fresh: unknown;
  /** Nodes with a handler, as a union. */
  // biome-ignore lint/suspicious/noExplicitAny: a type would be compared with all steps so far at each step, which is quadratic
  readonly steps: any;
  /** Those of the latest: a union of all would be a new one, as long as the flow, at each step. */
  // biome-ignore lint/suspicious/noExplicitAny: as above
  readonly recentSteps: any;
}

/** All nodes with a handler. */
export type StepsOf<TNodes extends NodeRecords> = TNodes["steps"] | TNodes["recentSteps"];

/**
 * The stored output of one batch of the node `TId`; of any of the nodes, if it is a union. Indexed by plain strings,
 * never through `keyof`, which would be quadratic. Latest nodes are looked up all at once: one by one, three of them
 * would cost three times as much.
 */
export type OutputOf<TNodes extends NodeRecords, TId> = TId & string extends TNodes["fresh"]
  ? TNodes["recent"][TNodes["recentPlaces"][TId & string]]
  : TId extends TNodes["fresh"]
    ? TNodes["recent"][TNodes["recentPlaces"][TId & string]]
    : TNodes["blocks"][TNodes["places"][TId & string]][TId & string];

/** An alias on purpose: written inline, each record would be a new anonymous type. */
export type Recorded<TId extends string, TOutput> = { [TKey in TId]: TOutput };

/** Merges the records of a union into one. */
export type AllOf<TRecords> = (TRecords extends unknown ? (record: TRecords) => void : never) extends (
  record: infer TAll,
) => void
  ? { [TKey in keyof TAll]: TAll[TKey] }
  : never;

/** A symbol that cannot be imported does not appear as a completion where an object is allowed. */
declare const absent: unique symbol;

/** Means that an option was not given: the default of an inferred type parameter. */
export interface Absent {
  readonly [absent]: never;
}

/** The ids that the adapter reads: `from` (a list, or the values of an alias record), otherwise all parents. */
export type SourcesOf<TParents extends readonly string[], TFrom> = TFrom extends readonly string[]
  ? TFrom[number]
  : TFrom extends Absent
    ? TParents[number]
    : TFrom[keyof TFrom];

/** The sources in the order in which they were written; aliases have no order. */
export type ListedSources<TParents extends readonly string[], TFrom> = TFrom extends readonly string[]
  ? TFrom
  : TFrom extends Absent
    ? TParents
    : [];

/**
 * Where only `true` may compile, rules compare it with `false`: for a type parameter of a generic helper, the compiler
 * tries a wildcard, for which this is `true`.
 */
export type IsNever<T> = [T] extends [never] ? true : false;

/** Rules compare it with `false` for the same reason. */
export type IsIn<TOne, TAll> = [TOne] extends [TAll] ? true : false;
