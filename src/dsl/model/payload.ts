import type { Delivered } from "../../builtins/input-adapters/index.ts";
import type { Absent, NodeRecords, OutputOf, SourcesOf } from "../../builtins/node-records.ts";
import type { AnyInputAdapter } from "./adapter.ts";

/*
 * What an adapter hands to the handler as the payload of one batch.
 */

/** `after` when it was written, else what the method supplies: `[]`, or the node before. */
export type ParentsOf<TAfter, TPrevious> = TAfter extends readonly string[] ? TAfter : TPrevious;

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
