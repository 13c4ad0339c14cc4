import type {
  BuiltInAdapters,
  DefaultAdapter,
  DeliveredText,
  ListKeys,
  Piece,
  PieceText,
} from "../../../builtins/input-adapters/index.ts";
import type {
  Absent,
  IsAssignable,
  IsIn,
  IsNever,
  ListedSources,
  NodeRecords,
  OutputOf,
  SourcesOf,
} from "../../../builtins/node-records.ts";
import type { FitsByAlias, MismatchText } from "../../../graph/data/mismatch.ts";
import type { Join, JoinList, LateText, MessageText } from "../../../graph/format/messages.ts";
import type { WithHint } from "../../../graph/format/near-name.ts";
import type {
  AdapterArgs,
  AdapterName,
  AnyInputAdapter,
  AnyReading,
  ListKeyOption,
  PayloadFits,
  PayloadOf,
  Reading,
} from "../../model/adapter.ts";
import type { AnyHandler, ArgsOf, InputOf } from "../../model/handler.ts";
import type { IsRight, OrError, Wrong, WrongOption, WrongType } from "../../model/markers.ts";
import type { AnyState } from "../../model/state.ts";
import type { ArgsProblem, MissingKeys } from "../args/types.ts";

/* By its name, each built-in adapter's: an editor shows their union name by name, but a `keyof` as it is written. */
type BuiltInNames = { readonly [TName in keyof BuiltInAdapters]: TName };

/*
 * Valid values are in a union with all alternatives, for completions.
 *
 * Reported at the adapter: an unknown name, missing arguments, and what has no token in the call.
 */
export type AdapterArgument<
  TAdapter,
  TNodes extends AnyState,
  TParents extends readonly string[],
  TId extends string,
  THandler extends AnyHandler,
  TFrom,
  TListKey,
  TFanIn,
  TAdapters extends AnyInputAdapter,
  TAfter,
  TInputKeys,
> = TAdapter extends Absent
  ? TAdapter
  : TAdapter extends DefaultAdapter
    ? TParents["length"] extends 0
      ? WrongType<LateText<TId, "rootInput", { node: TId }>>
      : TAdapter | NoInfer<BuiltInNames[keyof BuiltInNames] | TAdapters["name"]>
    : IsIn<TAdapter, AdapterName<TAdapters>> extends false
      ? Wrong<LateText<TId, "unknownAdapter", { adapter: TAdapter & string }>, AdapterName<TAdapters>>
      : OrError<
          TAdapter | NoInfer<BuiltInNames[keyof BuiltInNames] | TAdapters["name"]>,
          AdapterProblem<
            TAdapter,
            TNodes,
            TParents,
            TId,
            THandler,
            Reading<TAdapter, TFrom, TListKey, TFanIn>,
            TAdapters,
            TAfter,
            TInputKeys
          >
        >;

type AdapterProblem<
  TAdapter,
  TNodes extends AnyState,
  TParents extends readonly string[],
  TId extends string,
  THandler extends AnyHandler,
  TReading extends AnyReading,
  TAdapters extends AnyInputAdapter,
  TAfter,
  TInputKeys,
> = TParents["length"] extends 0
  ? LateText<TId, "rootInput", { node: TId }>
  : IsNever<MissingKeys<AdapterArgs<TAdapter, TAdapters>, TInputKeys>> extends true
    ? // A list key has its own check; without `after` and `from`, the mismatch is reported at the handler.
      [TAfter, TReading["from"], TReading["listKey"]] extends [Absent, Absent, unknown] | [unknown, unknown, string]
      ? true
      : PayloadFits<TNodes, TParents, TReading, InputOf<THandler>> extends true
        ? true
        : TReading["from"] extends readonly string[] | Absent
          ? InputText<THandler, TId, TNodes, TParents, TReading>
          : FitsByAlias<PayloadOf<TNodes, TParents, TReading>, InputOf<THandler>, keyof TReading["from"]> extends true
            ? InputText<THandler, TId, TNodes, TParents, TReading>
            : true // reported at an alias
    : MessageText<
        "missingArg",
        {
          owner: `node '${TId}'`;
          name: AdapterText<TAdapter>;
          key: Join<MissingKeys<AdapterArgs<TAdapter, TAdapters>, TInputKeys>, "', '">;
        }
      >;

export type AdapterText<TAdapter> = `adapter '${TAdapter & string}'`;

/* A message at each unknown key. `TArgs` are what the adapter takes, which was resolved before. */
export type UnknownInput<TAdapter, TArgs, TId extends string, TKeys> = [TKeys] extends [KnownInput<TAdapter, TArgs>]
  ? unknown
  : {
      readonly [TKey in Exclude<TKeys, KnownInput<TAdapter, TArgs>> & string]?: WrongOption<
        TKey extends "metaListKey"
          ? MessageText<"listKeyNotTaken", { adapter: TAdapter }>
          : WithHint<
              MessageText<"unknownArg", { owner: `node '${TId}'`; name: AdapterText<TAdapter>; key: TKey }>,
              TKey,
              KnownInput<TAdapter, TArgs> & string,
              {}
            >
      >;
    };

type KnownInput<TAdapter, TArgs> = "adapter" | "from" | keyof TArgs | keyof ListKeyOption<TAdapter, unknown>;

type PieceFits<TAdapter, TOutput, TListKey, TInput> =
  Piece<TAdapter, TOutput, TListKey> extends TInput ? true : IsAssignable<Piece<TAdapter, TOutput, TListKey>, TInput>;

export type ListKeyArgument<
  TListKey,
  TNodes extends NodeRecords,
  TId extends string,
  THandler extends AnyHandler,
  TParents extends readonly string[],
  TAdapter,
  TFrom,
> = TListKey extends string
  ? IsIn<TListKey, ListKeys<OutputOf<TNodes, SourcesOf<TParents, TFrom>>>> extends false
    ? Wrong<
        MessageText<"notAList", { node: TId; key: TListKey; from: JoinList<ListedSources<TParents, TFrom>, ", "> }>,
        ListKeys<OutputOf<TNodes, SourcesOf<TParents, TFrom>>>
      >
    : IsRight<
          PieceFits<TAdapter, OutputOf<TNodes, SourcesOf<TParents, TFrom>>, TListKey, InputOf<THandler>>
        > extends false
      ? WrongType<PieceText<TNodes, TParents, TAdapter, TFrom, TId, TListKey, InputOf<THandler>>>
      : TListKey | NoInfer<ListKeys<OutputOf<TNodes, SourcesOf<TParents, TFrom>>>>
  : TListKey;

/*
 * What is wrong with what an adapter delivers, whether it was given or is suggested by the handler, else with the args:
 * a message, or `true`.
 */
export type DeliveryProblem<
  THandler extends AnyHandler,
  TId extends string,
  TNodes extends AnyState,
  TParents extends readonly string[],
  TReading extends AnyReading,
  TArgKeys,
> =
  PayloadFits<TNodes, TParents, TReading, InputOf<THandler>> extends true
    ? ArgsProblem<THandler, TId, ArgsOf<THandler>, TArgKeys>
    : TReading["listKey"] extends string
      ? PieceText<TNodes, TParents, TReading["adapter"], TReading["from"], TId, TReading["listKey"], InputOf<THandler>>
      : InputText<THandler, TId, TNodes, TParents, TReading>;

/* The message about a payload that the adapter makes of its sources and the handler does not accept. */
export type InputText<
  THandler extends AnyHandler,
  TId extends string,
  TNodes extends AnyState,
  TParents extends readonly string[],
  TReading extends AnyReading,
> = TReading["adapter"] extends Absent
  ? BuiltInText<THandler, TId, TNodes, TParents, TReading, DefaultAdapter>
  : TReading["adapter"] extends keyof BuiltInAdapters
    ? BuiltInText<THandler, TId, TNodes, TParents, TReading, TReading["adapter"]>
    : MessageText<
        "adapterInput",
        { node: TId; why: MismatchText<PayloadOf<TNodes, TParents, TReading>, InputOf<THandler>> }
      >;

type BuiltInText<
  THandler extends AnyHandler,
  TId extends string,
  TNodes extends AnyState,
  TParents extends readonly string[],
  TReading extends AnyReading,
  TAdapter extends keyof BuiltInAdapters,
> = DeliveredText<TNodes, TParents, TReading["from"], TReading["fanIn"], TId, InputOf<THandler>>[TAdapter];
