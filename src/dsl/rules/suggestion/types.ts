import type { BuiltInAdapters, ListKeys } from "../../../builtins/input-adapters/index.ts";
import type { Absent, IsNever, NodeRecords, OutputOf } from "../../../builtins/node-records.ts";
import type { Join, JoinList, MessageText } from "../../../graph/format/messages.ts";
import type {
  AdapterArgs,
  AdapterName,
  AnyInputAdapter,
  AnyReading,
  ListKeyOption,
  Reading,
  Suggested,
  SuggestedName,
} from "../../model/adapter.ts";
import type { AnyHandler } from "../../model/handler.ts";
import type { Wrong, WrongOption, WrongType } from "../../model/markers.ts";
import type { AnyState } from "../../model/state.ts";
import type { MissingKeys } from "../args/types.ts";
import type { DeliveryProblem } from "../input/types.ts";

/*
 * The input adapter that a handler suggests. `SuggestedInput` checks, where the handler is defined, that the adapter is
 * known and has its arguments; `SuggestionProblem` checks what it delivers to a node without `input`.
 */

/* Only a place for inference: a constraint that fails would hide every other check. */
type Inferred<TSuggested> = [TSuggested] extends [never] ? TSuggested : {};

export type SuggestedInput<THandler extends string, TInput, TSuggested> = Inferred<TSuggested> &
  (TSuggested extends Suggested ? Judged<THandler, TInput, TSuggested["adapter"], keyof TSuggested> : TSuggested);

type Judged<THandler extends string, TInput, TAdapter, TKeys> = {
  /** The name of a built-in adapter, or a custom one from `defineInputAdapter`. Its arguments are keys beside it. */
  readonly adapter: JudgedAdapter<THandler, TInput, TAdapter, TKeys>;
} & SuggestedArgs<TAdapter> &
  ListKeyOption<TAdapter, string> &
  UnknownArgs<THandler, TAdapter, TKeys>;

type SuggestedArgs<TAdapter> = AdapterArgs<SuggestedName<TAdapter>, Extract<TAdapter, AnyInputAdapter>>;

type JudgedAdapter<THandler extends string, TInput, TAdapter, TKeys> = TAdapter extends
  | keyof BuiltInAdapters
  | AnyInputAdapter
  ? TInput extends Absent
    ? WrongType<MessageText<"suggestionUnread", { handler: THandler }>>
    : IsNever<MissingKeys<SuggestedArgs<TAdapter>, TKeys>> extends true
      ? TAdapter
      : WrongType<
          MessageText<
            "missingArg",
            {
              owner: Owner<THandler>;
              name: Named<TAdapter>;
              key: Join<MissingKeys<SuggestedArgs<TAdapter>, TKeys>, "', '">;
            }
          >
        >
  : Wrong<MessageText<"suggestionUnknown", { handler: THandler; adapter: TAdapter }>, keyof BuiltInAdapters>;

/* A message at each unknown key. */
type UnknownArgs<THandler extends string, TAdapter, TKeys> = [TKeys] extends [KnownKeys<TAdapter>]
  ? unknown
  : {
      readonly [TKey in Exclude<TKeys, KnownKeys<TAdapter>> & string]?: WrongOption<
        TKey extends "metaListKey"
          ? MessageText<"listKeyNotTaken", { adapter: SuggestedName<TAdapter> }>
          : MessageText<"unknownArg", { owner: Owner<THandler>; name: Named<TAdapter>; key: TKey }>
      >;
    };

type KnownKeys<TAdapter> = "adapter" | keyof SuggestedArgs<TAdapter> | keyof ListKeyOption<TAdapter, unknown>;

type Owner<THandler extends string> = `handler '${THandler}'`;
type Named<TAdapter> = `adapter '${SuggestedName<TAdapter> & string}'`;

/*
 * What is wrong with a node that has parents and no `input`, if its handler suggests an adapter. All of it is reported
 * at the handler. What is not an adapter at all was rejected where the handler is defined.
 */
export type SuggestionProblem<
  THandler extends AnyHandler,
  TId extends string,
  TNodes extends AnyState,
  TParents extends readonly string[],
  TSuggested extends Suggested,
  TFanIn,
  TArgKeys,
> = TSuggested["adapter"] extends keyof BuiltInAdapters | AnyInputAdapter
  ? SuggestedName<TSuggested["adapter"]> extends AdapterName<TNodes["head"]["adapters"]>
    ? OfKnownNodes<
        Delivery<THandler, TId, TNodes, TParents, SuggestedReading<TSuggested, TFanIn>, TArgKeys>,
        TNodes,
        TParents
      >
    : MessageText<"unknownAdapter", { adapter: SuggestedName<TSuggested["adapter"]> }>
  : true;

type SuggestedReading<TSuggested extends Suggested, TFanIn> = Reading<
  SuggestedName<TSuggested["adapter"]>,
  Absent,
  TSuggested extends { readonly metaListKey: infer TListKey extends string } ? TListKey : Absent,
  TFanIn
>;

/* An unknown parent is rejected where it is written: what it would deliver is not reported. */
type OfKnownNodes<TProblem, TNodes extends NodeRecords, TParents extends readonly string[]> = true extends TProblem
  ? true
  : [TParents[number]] extends [keyof (TNodes["places"] & TNodes["recentPlaces"])]
    ? TProblem
    : true;

type Delivery<
  THandler extends AnyHandler,
  TId extends string,
  TNodes extends AnyState,
  TParents extends readonly string[],
  TReading extends AnyReading,
  TArgKeys,
> = TReading["listKey"] extends Absent | ListKeys<OutputOf<TNodes, TParents[number]>>
  ? DeliveryProblem<THandler, TId, TNodes, TParents, TReading, TArgKeys>
  : MessageText<"notAList", { node: TId; key: TReading["listKey"]; from: JoinList<TParents, ", "> }>;
