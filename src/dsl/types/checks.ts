import type { CoreReasonCode } from "../../errors/index.ts";
import type { Join, JoinList } from "../../graph/join.ts";
import type { Say } from "../../graph/messages.ts";
import type { AdapterArgs, AdapterName, AnyInputAdapter, ListKeyOption } from "./adapter.ts";
import type { EdgeText, FitsByAlias, GatherText, KeysOf, MismatchText } from "./edge-text.ts";
import type { AnyHandler } from "./handler.ts";
import type { Absent, FlowTypeError } from "./markers.ts";
import type { AliasPayload, Chunk, IsAssignable, ListKeys, PayloadOf, SourcesOf } from "./payload.ts";
import type { Show } from "./show.ts";
import type { NodeRecords, OutputOf, Recorded } from "./state.ts";

/*
 * The checks of a node's parts. Each takes what was inferred from the argument and gives it back when it is right;
 * else it gives what would be right (for completions and "Did you mean") together with a sentence.
 * Constraints stay loose: a hard constraint that fails replaces the inferred type by the constraint, and then every
 * other check of the call reports nonsense.
 */

export type NotAnId =
  | ""
  | `${"0" | "1" | "2" | "3" | "4" | "5" | "6" | "7" | "8" | "9" | "_" | "." | "-"}${string}`
  | `${string}${" " | "\t" | "\n" | ":" | "/" | "\\" | "," | ";" | "|" | "#" | "@" | "$" | "%" | "&" | "*" | "+" | "=" | "?" | "!"}${string}`
  | `${string}${"(" | ")" | "[" | "]" | "{" | "}" | "<" | ">" | "'" | '"' | "\`" | "~" | "^"}${string}`;

/** The rarer characters and the length are left to `compile()`. */
export type IdArgument<TId extends string, TIds extends string, TAll = TId> = TId extends TIds
  ? string extends TIds
    ? TId // the flow goes on from a graph JSON whose ids only the run time knows
    : FlowTypeError<Say<"duplicateNode", { id: TId }>>
  : TId extends NotAnId
    ? FlowTypeError<Say<"idForm", { id: TId }>>
    : // One literal: no union, whose members come here one by one, and no `string` or `n${number}`, which as a key of a
      // record may be missing.
      [TAll] extends [TId]
      ? {} extends Recorded<TId, unknown>
        ? FlowTypeError<Say<"idNotLiteral", {}>>
        : TId
      : FlowTypeError<Say<"idNotLiteral", {}>>;

type InputOf<THandler extends AnyHandler> = THandler["$infer"]["input"];
type ArgsOf<THandler extends AnyHandler> = THandler["$infer"]["args"];

/**
 * Judged on the handler: everything that has no token of its own, which is an edge to the node before and missing args.
 * `TArgKeys` are the args that were written.
 */
export type HandlerArgument<
  THandler extends AnyHandler,
  TId extends string,
  TNodes extends NodeRecords,
  TAfter,
  TParents extends readonly string[],
  TAdapter,
  TFrom,
  TListKey,
  TFanIn,
  TArgKeys,
  TAdapters extends AnyInputAdapter,
> = TParents["length"] extends 0
  ? WithArgs<THandler, TId, RootArgs<THandler>, TArgKeys>
  : InputOf<THandler> extends Absent
    ? FlowTypeError<
        Say<"sourceWithUpstream", { node: TId; handler: THandler["name"]; parent: JoinList<TParents, ", "> }>
      >
    : TAfter extends Absent
      ? [TFrom, TListKey] extends [Absent, Absent]
        ? IsAssignable<
            PayloadOf<TNodes, TParents, TAdapter, TFrom, TListKey, TFanIn, TAdapters>,
            InputOf<THandler>
          > extends true
          ? WithArgs<THandler, TId, ArgsOf<THandler>, TArgKeys>
          : FlowTypeError<
              InputText<
                THandler,
                TId,
                TNodes,
                TParents,
                TAdapter extends Absent ? "pull.from_artifacts" : TAdapter,
                TFrom,
                TFanIn,
                TAdapters
              >
            >
        : WithArgs<THandler, TId, ArgsOf<THandler>, TArgKeys>
      : WithArgs<THandler, TId, ArgsOf<THandler>, TArgKeys>;

/** A root that makes no batches of its own takes its input as args, as one batch. */
export type RootArgs<THandler extends AnyHandler> = THandler["$infer"]["source"] extends true
  ? ArgsOf<THandler>
  : InputOf<THandler> extends Absent
    ? ArgsOf<THandler>
    : {} extends ArgsOf<THandler>
      ? InputOf<THandler>
      : InputOf<THandler> & ArgsOf<THandler>;

/** What `args` takes at a place in the flow. */
export type ArgsAt<THandler extends AnyHandler, TParents extends readonly string[]> = TParents["length"] extends 0
  ? RootArgs<THandler>
  : ArgsOf<THandler>;

type WithArgs<THandler extends AnyHandler, TId extends string, TArgs, TArgKeys> = {} extends TArgs
  ? THandler
  : TArgs extends NotAnObject
    ? FlowTypeError<Say<"rootInputNotObject", { node: TId; handler: THandler["name"]; type: Show<TArgs> }>>
    : [MissingKeys<TArgs, TArgKeys>] extends [never]
      ? THandler
      : FlowTypeError<
          Say<
            IsAssignable<ArgsOf<THandler>, TArgs> extends true ? "argsMissing" : "rootInputMissing",
            { node: TId; handler: THandler["name"]; keys: Join<MissingKeys<TArgs, TArgKeys>, ", "> }
          >
        >;

/** Nearly always all keys are there; which of them may be missing costs ten times as much to find out. */
export type MissingKeys<T, TWritten> = [keyof T] extends [TWritten] ? never : Exclude<RequiredKeys<T>, TWritten>;

type NotAnObject = string | number | boolean | null | readonly unknown[];

/** A sentence at each key that the handler doesn't know; it makes the key known, so the compiler has no words of its own. */
export type UnknownArgs<THandler extends AnyHandler, TId extends string, TKeys> = [TKeys] extends [never]
  ? unknown
  : {
      readonly [TKey in TKeys & string]?: FlowTypeError<
        Say<"argUnknown", { node: TId; handler: THandler["name"]; key: TKey }>
      >;
    };

export type RequiredKeys<T> = { [TKey in keyof T]-?: {} extends Pick<T, TKey> ? never : TKey }[keyof T] & string;

type Fits<TNodes extends NodeRecords, TId, TInput> = IsAssignable<OutputOf<TNodes, TId>, TInput>;

/** `after`: all at once when all is well, element by element when not. */
export type AfterArgument<
  TAfter,
  TNodes extends NodeRecords,
  TIds extends string,
  TId extends string,
  THandler extends AnyHandler,
  TAdapter,
  TFrom,
> = TAfter extends readonly string[]
  ? TAfter[number] extends TIds
    ? TFrom extends Absent
      ? TAdapter extends Absent | "pull.from_artifacts"
        ? InputOf<THandler> extends Absent
          ? TAfter
          : Fits<TNodes, TAfter[number], InputOf<THandler>> extends true
            ? TAfter
            : { [TIndex in keyof TAfter]: ParentArgument<TAfter[TIndex], TNodes, TId, THandler> }
        : TAfter
      : TAfter
    : { [TIndex in keyof TAfter]: KnownId<TAfter[TIndex], TIds, TId> }
  : TAfter;

type ParentArgument<TParent, TNodes extends NodeRecords, TId extends string, THandler extends AnyHandler> =
  Fits<TNodes, TParent, InputOf<THandler>> extends true
    ? TParent
    : FlowTypeError<EdgeText<TParent & string, TId, OutputOf<TNodes, TParent>, InputOf<THandler>>>;

export type KnownId<TParent, TIds extends string, TId extends string> = [TParent] extends [TIds]
  ? TParent
  : TIds | FlowTypeError<Say<"unknownDependency", { node: TId; id: TParent & string }>>;

export type FromArgument<
  TFrom,
  TNodes extends NodeRecords,
  TIds extends string,
  TParent extends string,
  TId extends string,
  THandler extends AnyHandler,
  TAdapter,
  TFanIn,
> = TFrom extends Absent
  ? TFrom
  : TFrom extends readonly string[]
    ? AllFit<TFrom[number], TNodes, TParent, THandler, TAdapter> extends true
      ? TFrom
      : { [TIndex in keyof TFrom]: SourceArgument<TFrom[TIndex], TNodes, TIds, TParent, TId, THandler, TAdapter> }
    : TAdapter extends "pull.gather"
      ? GatherFits<
          TFrom[keyof TFrom],
          TParent,
          PayloadOf<TNodes, [], TAdapter, TFrom, Absent, TFanIn, never>,
          THandler
        > extends true
        ? TFrom
        : {
            [TAlias in keyof TFrom]: AliasArgument<
              SourceArgument<TFrom[TAlias], TNodes, TIds, TParent, TId, THandler, TAdapter>,
              TFrom[TAlias],
              TId,
              AliasPayload<TNodes, TFrom, TFanIn, TAlias>,
              InputOf<THandler>
            >;
          }
      : FlowTypeError<Say<"aliasesOnlyGather", { adapter: TAdapter & string }>>;

type GatherFits<TSources, TParent, TPayload, THandler extends AnyHandler> = [TSources] extends [TParent]
  ? IsAssignable<TPayload, InputOf<THandler>>
  : false;

/** Looking at each element of `from` only when something is wrong saves a seventh of a chain that uses it. */
type AllFit<TSources, TNodes extends NodeRecords, TParent, THandler extends AnyHandler, TAdapter> = [TSources] extends [
  TParent,
]
  ? TAdapter extends "pull.from_artifacts"
    ? Fits<TNodes, TSources, InputOf<THandler>>
    : true
  : false;

/** The source as it was judged, or where it is one: what it gives under its alias. */
type AliasArgument<TJudged, TSource, TId extends string, TGiven, TInput> = [TJudged] extends [TSource]
  ? IsAssignable<TGiven, KeysOf<TInput, keyof TGiven>> extends true
    ? TJudged
    : FlowTypeError<Say<"adapterInput", { node: TId; why: MismatchText<TGiven, KeysOf<TInput, keyof TGiven>> }>>
  : TJudged;

type SourceArgument<
  TSource,
  TNodes extends NodeRecords,
  TIds extends string,
  TParent extends string,
  TId extends string,
  THandler extends AnyHandler,
  TAdapter,
> = [TSource] extends [TParent]
  ? TAdapter extends "pull.from_artifacts"
    ? ParentArgument<TSource, TNodes, TId, THandler>
    : TSource
  :
      | TParent
      | FlowTypeError<
          TSource extends TIds
            ? Say<"fromOutsideAfter", { node: TId; id: TSource }>
            : Say<"unknownSource", { node: TId; id: TSource & string }>
        >;

/** The edges of a rechunk that don't fit, one sentence a source. */
type ChunkErrors<
  TNodes extends NodeRecords,
  TSources extends readonly unknown[],
  TId extends string,
  TListKey,
  TInput,
> = TSources extends readonly [infer TSource extends string, ...infer TRest]
  ? [
      ...(IsAssignable<Chunk<OutputOf<TNodes, TSource>, TListKey>, TInput> extends true
        ? []
        : [EdgeText<TSource, TId, Chunk<OutputOf<TNodes, TSource>, TListKey>, TInput>]),
      ...ChunkErrors<TNodes, TRest, TId, TListKey, TInput>,
    ]
  : [];

export type ListKeyArgument<
  TListKey,
  TNodes extends NodeRecords,
  TId extends string,
  THandler extends AnyHandler,
  TParents extends readonly string[],
  TFrom,
> = TListKey extends string
  ? TListKey extends ListKeys<OutputOf<TNodes, SourcesOf<TParents, TFrom>>>
    ? IsAssignable<Chunk<OutputOf<TNodes, SourcesOf<TParents, TFrom>>, TListKey>, InputOf<THandler>> extends true
      ? TListKey
      : FlowTypeError<
          JoinList<ChunkErrors<TNodes, ListedSources<TParents, TFrom>, TId, TListKey, InputOf<THandler>>, "; ">
        >
    :
        | ListKeys<OutputOf<TNodes, SourcesOf<TParents, TFrom>>>
        | FlowTypeError<
            Say<"notAList", { node: TId; key: TListKey; from: JoinList<ListedSources<TParents, TFrom>, ", "> }>
          >
  : TListKey;

/** Judged on the adapter: that it is known and has its arguments, and what has no token of its own. */
export type AdapterArgument<
  TAdapter,
  TNodes extends NodeRecords,
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
  : TAdapter extends AdapterName<TAdapters>
    ? TParents["length"] extends 0
      ? FlowTypeError<Say<"rootInput", { node: TId }>>
      : TAdapter extends "pull.from_artifacts"
        ? TAdapter
        : [MissingKeys<AdapterArgs<TAdapter, TAdapters>, TInputKeys>] extends [never]
          ? // A list key carries its own check; with neither `after` nor `from`, only the handler is there to blame.
            [TAfter, TFrom, TListKey] extends [Absent, Absent, unknown] | [unknown, unknown, string]
            ? TAdapter
            : IsAssignable<
                  PayloadOf<TNodes, TParents, TAdapter, TFrom, Absent, TFanIn, TAdapters>,
                  InputOf<THandler>
                > extends true
              ? TAdapter
              : TFrom extends readonly string[] | Absent
                ? FlowTypeError<InputText<THandler, TId, TNodes, TParents, TAdapter, TFrom, TFanIn, TAdapters>>
                : FitsByAlias<
                      PayloadOf<TNodes, TParents, TAdapter, TFrom, Absent, TFanIn, TAdapters>,
                      InputOf<THandler>,
                      keyof TFrom
                    > extends true
                  ? FlowTypeError<InputText<THandler, TId, TNodes, TParents, TAdapter, TFrom, TFanIn, TAdapters>>
                  : TAdapter // an alias carries the sentence
          : FlowTypeError<
              Say<
                "missingArg",
                {
                  node: TId;
                  name: AdapterText<TAdapter>;
                  key: Join<MissingKeys<AdapterArgs<TAdapter, TAdapters>, TInputKeys>, "', '">;
                }
              >
            >
    : AdapterName<TAdapters> | FlowTypeError<Say<"unknownAdapter", { adapter: TAdapter & string }>>;

/** What an adapter makes of its sources and the handler does not take, in words. */
type InputText<
  THandler extends AnyHandler,
  TId extends string,
  TNodes extends NodeRecords,
  TParents extends readonly string[],
  TAdapter,
  TFrom,
  TFanIn,
  TAdapters extends AnyInputAdapter,
> = TAdapter extends "pull.from_artifacts"
  ? EdgeText<TParents[number], TId, OutputOf<TNodes, TParents[number]>, InputOf<THandler>>
  : TAdapter extends "pull.from_artifacts.rechunk:size"
    ? JoinList<ChunkErrors<TNodes, ListedSources<TParents, TFrom>, TId, Absent, InputOf<THandler>>, "; ">
    : TAdapter extends "pull.gather"
      ? GatherText<
          TId,
          PayloadOf<TNodes, TParents, TAdapter, TFrom, Absent, TFanIn, TAdapters>,
          InputOf<THandler>,
          ListedSources<TParents, TFrom>
        >
      : Say<
          "adapterInput",
          {
            node: TId;
            why: MismatchText<
              PayloadOf<TNodes, TParents, TAdapter, TFrom, Absent, TFanIn, TAdapters>,
              InputOf<THandler>
            >;
          }
        >;

/** The sources in the order in which they were written; of aliases nothing has an order. */
type ListedSources<TParents extends readonly string[], TFrom> = TFrom extends readonly string[]
  ? TFrom
  : TFrom extends Absent
    ? TParents
    : [];

type AdapterText<TAdapter> = `adapter '${TAdapter & string}'`;

/** A sentence at each key that the adapter doesn't know. */
export type UnknownInput<TAdapter, TAdapters extends AnyInputAdapter, TId extends string, TKeys> = [TKeys] extends [
  KnownInput<TAdapter, TAdapters>,
]
  ? unknown
  : {
      readonly [TKey in Exclude<TKeys, KnownInput<TAdapter, TAdapters>> & string]?: FlowTypeError<
        TKey extends "metaListKey"
          ? Say<"listKeyOnlyRechunk", { adapter: TAdapter }>
          : Say<"unknownArg", { node: TId; name: AdapterText<TAdapter>; key: TKey }>
      >;
    };

type KnownInput<TAdapter, TAdapters extends AnyInputAdapter> =
  | "adapter"
  | "from"
  | keyof AdapterArgs<TAdapter, TAdapters>
  | keyof ListKeyOption<TAdapter, unknown>;

type FanInOf<TParents extends readonly string[]> =
  | "all"
  | "any"
  | `count:${TParents["length"]}`
  // a tuple of n elements has the keys "0" to "n-1"
  | `count:${Exclude<keyof TParents & `${number}`, "0">}`;

/** A value that is right gives all that would be: 5.9 completes what stands here by the type of the default, "all". */
export type FanInArgument<TFanIn, TParents extends readonly string[], TId extends string> = TParents["length"] extends 0
  ? "all" | (TFanIn extends "all" ? never : FlowTypeError<Say<"rootFanIn", { node: TId; fanIn: TFanIn & string }>>)
  : TFanIn extends "any" | "count:1"
    ? TFanIn
    : TFanIn extends FanInOf<TParents>
      ? FanInOf<TParents>
      :
          | FanInOf<TParents>
          | FlowTypeError<Say<"fanInTooMany", { node: TId; parents: TParents["length"]; fanIn: TFanIn & string }>>;

export type FirstBatchArgument<TParents extends readonly string[], TId extends string> = TParents["length"] extends 0
  ? FlowTypeError<Say<"rootFirstBatch", { node: TId }>>
  : "first_batch";

/** `retry.permanentOn` of a handler's node: all at once when all is well, element by element when not. */
export type PermanentOn<
  TCodes extends readonly string[],
  TId extends string,
  THandler extends AnyHandler,
> = TCodes[number] extends THandler["$infer"]["errors"] | CoreReasonCode
  ? TCodes
  : {
      // Not one type for handlers and functions: with an open message the compiler would fill in every one there is.
      [TIndex in keyof TCodes]: [TCodes[TIndex]] extends [THandler["$infer"]["errors"] | CoreReasonCode]
        ? TCodes[TIndex]
        :
            | THandler["$infer"]["errors"]
            | CoreReasonCode
            | FlowTypeError<Say<"permanentOnUnknown", { node: TId; handler: THandler["name"]; code: TCodes[TIndex] }>>;
    };
