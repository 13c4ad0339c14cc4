import type { AliasPayload, DefaultAdapter, GatherFits, TakesAliases } from "../../../builtins/input-adapters/index.ts";
import type { Absent, IsAssignable, IsIn, NodeRecords, OutputOf } from "../../../builtins/node-records.ts";
import type { EdgeText, KeysOf, MismatchText } from "../../../graph/data/mismatch.ts";
import type { LateText, MessageText } from "../../../graph/format/messages.ts";
import type { AnyHandler, InputOf } from "../../model/handler.ts";
import type { Alternatives, Offered, OrError, Wrong, WrongType } from "../../model/markers.ts";

export type Fits<TNodes extends NodeRecords, TId, TInput> =
  OutputOf<TNodes, TId> extends TInput ? true : IsAssignable<OutputOf<TNodes, TId>, TInput>;

/*
 * `after`: checked as a whole, and element by element only if something is wrong. A mismatch is worded in
 * `graph/data/mismatch.ts`. In a valid list each element may be any of the ids, for completions: a union with the list
 * itself would be a new union of all ids at each element. It is compared with a list of anything, because an id that a
 * generic helper leaves open is not known to be a string. If it is one of two lists, the parents are those of both, so that
 * a valid list does not hide an invalid one.
 */
export type AfterArgument<
  TAfter,
  TParents extends readonly string[],
  TNodes extends NodeRecords,
  TIds extends string,
  TId extends string,
  THandler extends AnyHandler,
  TAdapter,
  TFrom,
> = TAfter extends readonly unknown[]
  ? AreRight<TNodes, TParents, TIds, THandler, TAdapter, TFrom> extends false
    ? // Mapped from the list under another name: the compiler would infer `TAfter` backwards from a list mapped from it.
      TAfter extends infer TList
      ? {
          [TIndex in keyof TList]: TParents[number] extends TIds
            ? ParentArgument<TList[TIndex], TNodes, TId, THandler>
            : KnownId<TList[TIndex], TIds, TId>;
        }
      : never
    : readonly TIds[]
  : TAfter;

/* Whether all are nodes whose outputs the handler takes; what an adapter makes of them has its own checks. */
type AreRight<
  TNodes extends NodeRecords,
  TParents extends readonly string[],
  TIds extends string,
  THandler extends AnyHandler,
  TAdapter,
  TFrom,
> = TParents[number] extends TIds
  ? TFrom extends Absent
    ? TAdapter extends Absent | DefaultAdapter
      ? Fits<TNodes, TParents[number], InputOf<THandler>>
      : true
    : true
  : false;

type ParentArgument<TParent, TNodes extends NodeRecords, TId extends string, THandler extends AnyHandler> = OrError<
  TParent,
  ParentProblem<TParent, TNodes, TId, InputOf<THandler>>
>;

type ParentProblem<TParent, TNodes extends NodeRecords, TId extends string, TInput> =
  Fits<TNodes, TParent, TInput> extends true
    ? true
    : [TInput] extends [Absent]
      ? true // reported at the handler
      : EdgeText<TParent & string, TId, OutputOf<TNodes, TParent>, TInput>;

export type KnownId<TParent, TIds extends string, TId extends string> =
  IsIn<TParent, TIds> extends false
    ? string extends TParent
      ? WrongType<LateText<TId, "parentNotLiteral", { node: TId }>>
      : Wrong<LateText<TId, "unknownDependency", { node: TId; id: TParent & string }>, TIds>
    : TParent;

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
    ? AllFit<TFrom[number], TNodes, TParent, THandler, TAdapter> extends false
      ? { [TIndex in keyof TFrom]: SourceArgument<TFrom[TIndex], TNodes, TIds, TParent, TId, THandler, TAdapter> }
      : TFrom | Alternatives<TParent>
    : TAdapter extends TakesAliases
      ? AliasesFit<TFrom, TNodes, TParent, TFanIn, THandler> extends false
        ? {
            [TAlias in keyof TFrom]: AliasArgument<
              SourceArgument<TFrom[TAlias], TNodes, TIds, TParent, TId, THandler, TAdapter>,
              TFrom[TAlias],
              TId,
              AliasPayload<TNodes, TFrom, TFanIn, TAlias>,
              InputOf<THandler>
            >;
          }
        : TFrom | AliasesFor<InputOf<THandler>, TParent>
      : WrongType<LateText<TId, "aliasesOnlyGather", { adapter: TAdapter & string }>>;

/* The aliases that a handler takes. */
type AliasesFor<TInput, TParent> = { readonly [TAlias in keyof TInput & string]: TParent } & Offered;

type AliasesFit<TFrom, TNodes extends NodeRecords, TParent, TFanIn, THandler extends AnyHandler> = [
  TFrom[keyof TFrom],
] extends [TParent]
  ? GatherFits<TNodes, [], TFrom, TFanIn, InputOf<THandler>>
  : false;

/* Checking each element of `from` only if something is wrong saves a seventh of the cost of a chain that uses it. */
type AllFit<TSources, TNodes extends NodeRecords, TParent, THandler extends AnyHandler, TAdapter> = [TSources] extends [
  TParent,
]
  ? TAdapter extends DefaultAdapter
    ? Fits<TNodes, TSources, InputOf<THandler>>
    : true
  : false;

/* The verdict on the source; for a valid source, the verdict on what it delivers under its alias. */
type AliasArgument<TJudged, TSource, TId extends string, TGiven, TInput> = [TJudged] extends [TSource]
  ? IsAssignable<TGiven, KeysOf<TInput, keyof TGiven>> extends true
    ? TJudged
    : WrongType<LateText<TId, "adapterInput", { node: TId; why: MismatchText<TGiven, KeysOf<TInput, keyof TGiven>> }>>
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
  ? TAdapter extends DefaultAdapter
    ? ParentArgument<TSource, TNodes, TId, THandler>
    : TSource
  : Wrong<
      TSource extends TIds
        ? MessageText<"fromOutsideAfter", { node: TId; id: TSource }>
        : MessageText<"unknownSource", { node: TId; id: TSource & string }>,
      TParent
    >;

/* `after` of a coordinator function's node, which takes any output. */
export type FnAfter<
  TAfter extends readonly string[],
  TIds extends string,
  TId extends string,
> = TAfter[number] extends TIds
  ? TAfter | Alternatives<TIds>
  : { [TIndex in keyof TAfter]: KnownId<TAfter[TIndex], TIds, TId> };
