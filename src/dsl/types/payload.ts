import type { NodeRecords, OutputOf, Recorded } from "../../builtins/node-records.ts";
import type { AnyInputAdapter } from "./adapter.ts";
import type { Absent } from "./markers.ts";

/*
 * What an adapter hands to the handler as the payload of one batch.
 */

/**
 * `[TA] extends [TB]`, but as an alias that receives resolved types: written inline where the accumulated nodes are in
 * scope, the tuple is deferred, takes all nodes into its mapper, and the whole chain costs more than twice as much.
 */
export type IsAssignable<TA, TB> = [TA] extends [TB] ? true : false;

/** `after` when it was written, else what the method supplies: `[]`, or the node before. */
export type ParentsOf<TAfter, TPrevious> = TAfter extends readonly string[] ? TAfter : TPrevious;

/** The ids that the adapter reads: `from` (a list, or the values of an alias record), else all parents. */
export type SourcesOf<TParents extends readonly string[], TFrom> = TFrom extends readonly string[]
  ? TFrom[number]
  : TFrom extends Absent
    ? TParents[number]
    : TFrom[keyof TFrom];

/** The keys whose value is a list in EVERY one of the outputs. */
export type ListKeys<TOutputs> = {
  [TKey in keyof TOutputs]: TOutputs[TKey] extends readonly unknown[] ? TKey : never;
}[keyof TOutputs] &
  string;

/** One chunk of one artifact of each output: artifacts are never cut together, so this is a union of lists. */
export type Chunk<TOutput, TListKey> = TListKey extends string
  ? TOutput extends { readonly [TKey in TListKey]: readonly (infer TElement)[] }
    ? TElement[]
    : never
  : TOutput extends unknown
    ? TOutput[]
    : never;

/*
 * One record a source, by distribution, and its list by an alias of its own. A mapped type over the sources, and as well
 * `OutputOf<TNodes, TId>[]` (an array of an alias is resolved late), would keep all nodes in its mapper, and every
 * comparison walks what is in there: a flow of 200 gathering nodes would cost five times as much.
 */
type Gathered<TNodes extends NodeRecords, TParents extends readonly string[], TFrom, TFanIn> = MaybePartial<
  AllOf<
    TFrom extends readonly string[] | Absent
      ? ListBySource<TNodes, SourcesOf<TParents, TFrom>>
      : ListByAlias<TNodes, TFrom, keyof TFrom>
  >,
  TFanIn
>;

type ListBySource<TNodes extends NodeRecords, TId> = TId extends string
  ? Recorded<TId, List<OutputOf<TNodes, TId>>>
  : never;

type ListByAlias<TNodes extends NodeRecords, TFrom, TAlias extends keyof TFrom> = TAlias extends string
  ? Recorded<TAlias, List<OutputOf<TNodes, TFrom[TAlias]>>>
  : never;

/** What one alias of a gather stands for. */
export type AliasPayload<TNodes extends NodeRecords, TFrom, TFanIn, TAlias extends keyof TFrom> = MaybePartial<
  Recorded<TAlias & string, List<OutputOf<TNodes, TFrom[TAlias]>>>,
  TFanIn
>;

type List<TItem> = TItem[];

/** The records of a union as one. */
type AllOf<TRecords> = (TRecords extends unknown ? (record: TRecords) => void : never) extends (
  record: infer TAll,
) => void
  ? { [TKey in keyof TAll]: TAll[TKey] }
  : never;

/** Under `any` and `count:N` only the parents that satisfied the start are there. */
type MaybePartial<T, TFanIn> = [TFanIn] extends ["all"] ? T : { [TKey in keyof T]?: T[TKey] };

/** A record, so that only the line of the chosen adapter is instantiated. */
interface Delivered<TNodes extends NodeRecords, TParents extends readonly string[], TFrom, TListKey, TFanIn> {
  "pull.from_artifacts": OutputOf<TNodes, SourcesOf<TParents, TFrom>>;
  "pull.from_artifacts.rechunk:size": Chunk<OutputOf<TNodes, SourcesOf<TParents, TFrom>>, TListKey>;
  "pull.gather": Gathered<TNodes, TParents, TFrom, TFanIn>;
}

/** An adapter of the flow's own says what it makes; one that doesn't hands artifacts on as they are. */
type CustomPayload<TAdapters extends AnyInputAdapter, TAdapter, TElse> = Extract<
  TAdapters,
  { name: TAdapter }
>["$infer"]["payload"] extends infer TPayload
  ? TPayload extends Absent
    ? TElse
    : TPayload
  : never;

export type PayloadOf<
  TNodes extends NodeRecords,
  TParents extends readonly string[],
  TAdapter,
  TFrom,
  TListKey,
  TFanIn,
  TAdapters extends AnyInputAdapter,
> = TAdapter extends Absent
  ? OutputOf<TNodes, SourcesOf<TParents, TFrom>>
  : TAdapter extends keyof Delivered<TNodes, TParents, TFrom, TListKey, TFanIn>
    ? Delivered<TNodes, TParents, TFrom, TListKey, TFanIn>[TAdapter]
    : CustomPayload<TAdapters, TAdapter, OutputOf<TNodes, SourcesOf<TParents, TFrom>>>;
