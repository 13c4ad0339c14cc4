import type { BuiltInAdapters, Delivered, TakesListKey } from "../../builtins/input-adapters/index.ts";
import type { Absent, NodeRecords, OutputOf, SourcesOf } from "../../builtins/node-records.ts";
import type { InputAdapterDefinition } from "../../definitions/index.ts";
import type { AnyString } from "./markers.ts";

/** Arguments of an adapter besides `from_nodes`, and the payload it makes. */
export interface InputAdapterTypes<TArgs, TPayload> {
  readonly args: TArgs;
  readonly payload: TPayload;
}

/** An input adapter of your own with its types. */
export interface InputAdapter<TName extends string, TArgs, TPayload> extends InputAdapterDefinition {
  readonly name: TName;
  readonly $infer: InputAdapterTypes<TArgs, TPayload>;
}

/** Any of them, for constraints. */
export interface AnyInputAdapter {
  readonly name: string;
  readonly $infer: InputAdapterTypes<unknown, unknown>;
}

export type AdapterName<TAdapters extends AnyInputAdapter> = keyof BuiltInAdapters | TAdapters["name"];

/** What stands beside `adapter` and `from`; anything for an adapter that isn't known. */
export type AdapterArgs<TAdapter, TAdapters extends AnyInputAdapter> = TAdapter extends keyof BuiltInAdapters
  ? BuiltInAdapters[TAdapter]
  : TAdapter extends TAdapters["name"]
    ? OpenArgs<Extract<TAdapters, { name: TAdapter }>["$infer"]["args"]>
    : { readonly [argument: string]: unknown };

/** `z.object({})` allows no key at all, but `adapter` and `from` stand beside the arguments. */
type OpenArgs<TArgs> = TArgs extends Record<string, never> ? {} : TArgs;

/** Only where it is taken is it offered. */
export type ListKeyOption<TAdapter, TListKey> = TAdapter extends TakesListKey
  ? {
      /** The list under this key of each output is cut. */
      readonly metaListKey?: TListKey;
    }
  : unknown;

/** The input adapter that a handler suggests, as it was written. */
export interface Suggested {
  readonly adapter: AnyString | AnyInputAdapter;
}

export type SuggestedName<TAdapter> = TAdapter extends AnyInputAdapter ? TAdapter["name"] : TAdapter;

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

/** What an adapter hands to the handler as the payload of one batch. */
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
