import type {
  BuiltInAdapters,
  Delivered,
  GatherFits,
  TakesAliases,
  TakesListKey,
} from "../../builtins/input-adapters/index.ts";
import type { Absent, IsAssignable, NodeRecords, OutputOf, SourcesOf } from "../../builtins/node-records.ts";
import type { InputAdapterDefinition } from "../../definitions/index.ts";
import type { AnyString } from "./markers.ts";

/** Arguments of an adapter besides `from_nodes`, and the payload it makes. */
export interface InputAdapterTypes<TArgs, TPayload> {
  readonly args: TArgs;
  readonly payload: TPayload;
}

/** A custom input adapter with its types. */
export interface InputAdapter<TName extends string, TArgs, TPayload> extends InputAdapterDefinition {
  readonly name: TName;
  readonly $infer: InputAdapterTypes<TArgs, TPayload>;
}

/** Any custom input adapter, for constraints. */
export interface AnyInputAdapter {
  readonly name: string;
  readonly $infer: InputAdapterTypes<unknown, unknown>;
}

export type AdapterName<TAdapters extends AnyInputAdapter> = keyof BuiltInAdapters | TAdapters["name"];

/** The keys other than `adapter` and `from`. An unknown adapter accepts any, so that only its name is reported. */
export type AdapterArgs<TAdapter, TAdapters extends AnyInputAdapter> = TAdapter extends keyof BuiltInAdapters
  ? BuiltInAdapters[TAdapter]
  : TAdapter extends TAdapters["name"]
    ? OpenArgs<OwnAdapter<TAdapters, TAdapter>["$infer"]["args"]>
    : { readonly [argument: string]: unknown };

// Indexed by name once: searching them for each node costs ten times as much.
type OwnAdapter<TAdapters extends AnyInputAdapter, TAdapter> = ByName<TAdapters>[TAdapter & TAdapters["name"]];
type ByName<TAdapters extends AnyInputAdapter> = {
  readonly [TName in TAdapters["name"]]: Extract<TAdapters, { name: TName }>;
};

// `z.object({})` allows no key at all, but `adapter` and `from` are written beside the arguments.
type OpenArgs<TArgs> = TArgs extends Record<string, never> ? {} : TArgs;

/** Completions offer it only for an adapter that accepts it. */
export type ListKeyOption<TAdapter, TListKey> = TAdapter extends TakesListKey
  ? {
      /** The key of the list in each output that is split. */
      readonly metaListKey?: TListKey;
    }
  : unknown;

/** The input adapter that a handler suggests, as it was written. */
export interface Suggested {
  readonly adapter: AnyString | AnyInputAdapter;
}

export type SuggestedName<TAdapter> = TAdapter extends AnyInputAdapter ? TAdapter["name"] : TAdapter;

/** `after` if it was given, otherwise the default of the method: `[]`, or the node before. */
export type ParentsOf<TAfter, TPrevious> = TAfter extends readonly string[] ? TAfter : TPrevious;

/** How a node reads its parents: what its options say, or what its handler suggests. */
export interface Reading<TAdapter, TFrom, TListKey, TFanIn> {
  readonly adapter: TAdapter;
  readonly from: TFrom;
  readonly listKey: TListKey;
  readonly fanIn: TFanIn;
}

export type AnyReading = Reading<unknown, unknown, unknown, unknown>;

/** The nodes so far, and the adapters of their flow. */
interface ReadNodes extends NodeRecords {
  readonly head: { readonly adapters: AnyInputAdapter };
}

// A custom adapter declares its payload; without a declaration it passes artifacts on unchanged.
type CustomPayload<TAdapters extends AnyInputAdapter, TAdapter, TElse> = OwnAdapter<
  TAdapters,
  TAdapter
>["$infer"]["payload"] extends infer TPayload
  ? TPayload extends Absent
    ? TElse
    : TPayload
  : never;

/** The payload of one batch that an adapter passes to the handler. */
export type PayloadOf<
  TNodes extends ReadNodes,
  TParents extends readonly string[],
  TReading extends AnyReading,
> = TReading["adapter"] extends Absent
  ? OutputOf<TNodes, SourcesOf<TParents, TReading["from"]>>
  : TReading["adapter"] extends keyof DeliveredTo<TNodes, TParents, TReading>
    ? DeliveredTo<TNodes, TParents, TReading>[TReading["adapter"]]
    : CustomPayload<
        TNodes["head"]["adapters"],
        TReading["adapter"],
        OutputOf<TNodes, SourcesOf<TParents, TReading["from"]>>
      >;

type DeliveredTo<
  TNodes extends NodeRecords,
  TParents extends readonly string[],
  TReading extends AnyReading,
> = Delivered<TNodes, TParents, TReading["from"], TReading["listKey"], TReading["fanIn"]>;

/** Whether a handler with the input `TInput` accepts it. */
export type PayloadFits<
  TNodes extends ReadNodes,
  TParents extends readonly string[],
  TReading extends AnyReading,
  TInput,
> = TReading["adapter"] extends TakesAliases
  ? GatherFits<TNodes, TParents, TReading["from"], TReading["fanIn"], TInput>
  : PayloadOf<TNodes, TParents, TReading> extends TInput
    ? true
    : IsAssignable<PayloadOf<TNodes, TParents, TReading>, TInput>;
