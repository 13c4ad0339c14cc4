import type { BuiltInAdapters, ChunkText, ListKeys } from "../../../builtins/input-adapters/index.ts";
import type { Absent, IsAssignable, NodeRecords, OutputOf } from "../../../builtins/node-records.ts";
import type { Join, JoinList, Say } from "../../../graph/format/messages.ts";
import type {
  AdapterArgs,
  AdapterName,
  AnyInputAdapter,
  ListKeyOption,
  PayloadOf,
  Suggested,
  SuggestedName,
} from "../../model/adapter.ts";
import type { AnyHandler, ArgsOf, InputOf } from "../../model/handler.ts";
import type { FlowTypeError } from "../../model/markers.ts";
import type { ArgsProblem, MissingKeys } from "../args/types.ts";
import type { InputText } from "../input/types.ts";

/*
 * The input adapter that a handler suggests, where the handler is defined: that the adapter is known and has its
 * arguments. What it delivers is judged where a node names none of its own.
 */

/** What was written is inferred from, and not asked for: a hard constraint that fails would hide every other check. */
type Inferred<TSuggested> = [TSuggested] extends [never] ? TSuggested : {};

export type SuggestedInput<THandler extends string, TInput, TSuggested> = Inferred<TSuggested> &
  (TSuggested extends Suggested ? Judged<THandler, TInput, TSuggested["adapter"], keyof TSuggested> : TSuggested);

type Judged<THandler extends string, TInput, TAdapter, TKeys> = {
  /** A built-in one by its name, or one of your own: what `defineInputAdapter` made. Its arguments stand beside it. */
  readonly adapter: JudgedAdapter<THandler, TInput, TAdapter, TKeys>;
} & SuggestedArgs<TAdapter> &
  ListKeyOption<TAdapter, string> &
  UnknownArgs<THandler, TAdapter, TKeys>;

type SuggestedArgs<TAdapter> = AdapterArgs<SuggestedName<TAdapter>, Extract<TAdapter, AnyInputAdapter>>;

type JudgedAdapter<THandler extends string, TInput, TAdapter, TKeys> = TAdapter extends
  | keyof BuiltInAdapters
  | AnyInputAdapter
  ? TInput extends Absent
    ? FlowTypeError<Say<"suggestionUnread", { handler: THandler }>>
    : [MissingKeys<SuggestedArgs<TAdapter>, TKeys>] extends [never]
      ? TAdapter
      : FlowTypeError<
          Say<
            "missingArg",
            {
              owner: Owner<THandler>;
              name: Named<TAdapter>;
              key: Join<MissingKeys<SuggestedArgs<TAdapter>, TKeys>, "', '">;
            }
          >
        >
  : keyof BuiltInAdapters | FlowTypeError<Say<"suggestionUnknown", { handler: THandler; adapter: TAdapter }>>;

/** A sentence at each key that the adapter doesn't know. */
type UnknownArgs<THandler extends string, TAdapter, TKeys> = [TKeys] extends [KnownKeys<TAdapter>]
  ? unknown
  : {
      readonly [TKey in Exclude<TKeys, KnownKeys<TAdapter>> & string]?: FlowTypeError<
        TKey extends "metaListKey"
          ? Say<"listKeyNotTaken", { adapter: SuggestedName<TAdapter> }>
          : Say<"unknownArg", { owner: Owner<THandler>; name: Named<TAdapter>; key: TKey }>
      >;
    };

type KnownKeys<TAdapter> = "adapter" | keyof SuggestedArgs<TAdapter> | keyof ListKeyOption<TAdapter, unknown>;

type Owner<THandler extends string> = `handler '${THandler}'`;
type Named<TAdapter> = `adapter '${SuggestedName<TAdapter> & string}'`;

/**
 * What is wrong with a node that has parents and names no adapter, where its handler suggests one. All of it is judged on
 * the handler. What is no adapter at all was refused where the handler is defined.
 */
export type SuggestionProblem<
  THandler extends AnyHandler,
  TId extends string,
  TNodes extends NodeRecords,
  TParents extends readonly string[],
  TSuggested extends Suggested,
  TFanIn,
  TArgKeys,
  TAdapters extends AnyInputAdapter,
> = TSuggested["adapter"] extends keyof BuiltInAdapters | AnyInputAdapter
  ? SuggestedName<TSuggested["adapter"]> extends AdapterName<TAdapters>
    ? OfKnownNodes<
        Delivery<
          THandler,
          TId,
          TNodes,
          TParents,
          SuggestedName<TSuggested["adapter"]>,
          TSuggested extends { readonly metaListKey: infer TListKey extends string } ? TListKey : Absent,
          TFanIn,
          TArgKeys,
          TAdapters
        >,
        TNodes,
        TParents
      >
    : Say<"unknownAdapter", { adapter: SuggestedName<TSuggested["adapter"]> }>
  : true;

/** A parent that there isn't is refused where it stands: what it would deliver is no one's mistake. */
type OfKnownNodes<TProblem, TNodes extends NodeRecords, TParents extends readonly string[]> = true extends TProblem
  ? true
  : [TParents[number]] extends [keyof (TNodes["old"] & TNodes["young"])]
    ? TProblem
    : true;

type Delivery<
  THandler extends AnyHandler,
  TId extends string,
  TNodes extends NodeRecords,
  TParents extends readonly string[],
  TAdapter,
  TListKey,
  TFanIn,
  TArgKeys,
  TAdapters extends AnyInputAdapter,
> = TListKey extends Absent | ListKeys<OutputOf<TNodes, TParents[number]>>
  ? IsAssignable<
      PayloadOf<TNodes, TParents, TAdapter, Absent, TListKey, TFanIn, TAdapters>,
      InputOf<THandler>
    > extends true
    ? ArgsProblem<THandler, TId, ArgsOf<THandler>, TArgKeys>
    : TListKey extends string
      ? ChunkText<TNodes, TParents, Absent, TId, TListKey, InputOf<THandler>>
      : InputText<THandler, TId, TNodes, TParents, TAdapter, Absent, TFanIn, TAdapters>
  : Say<"notAList", { node: TId; key: TListKey; from: JoinList<TParents, ", "> }>;
