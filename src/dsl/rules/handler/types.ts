import type { Absent } from "../../../builtins/node-records.ts";
import type { IsOne, Join, JoinList, LastOf, MessageText } from "../../../graph/format/messages.ts";
import type { AnyReading, PayloadFits, Reading, Suggested, SuggestedName } from "../../model/adapter.ts";
import type { AnyHandler, ArgsOf, InputOf, Shown } from "../../model/handler.ts";
import type { IsRight, WrongType } from "../../model/markers.ts";
import type { AnyState } from "../../model/state.ts";
import type { ArgsProblem, RootArgs } from "../args/types.ts";
import type { Fits } from "../edge/types.ts";
import type { DeliveryProblem, InputText } from "../input/types.ts";
import type { NodeOption } from "../option/types.ts";
import type { SuggestionProblem } from "../suggestion/types.ts";
import type { Seen } from "../where/types.ts";

/*
 * The checks of a call's arguments. Each returns the type inferred from the argument if it is right, else the right
 * types (for completions and "Did you mean") in a union with a message. Constraints stay loose: a constraint that fails
 * replaces the inferred type by the constraint, and then every other check of the call reports nonsense.
 */

/*
 * Reported at the handler: what has no token in the call, which is an edge to the node before and missing args. `TArgKeys`
 * are the args that were given. In a union of handlers any one may run, so each is checked, with its edges.
 */
export type HandlerProblem<
  THandler extends AnyHandler,
  TId extends string,
  TState extends AnyState,
  TWhere,
  TAfter,
  TParents extends readonly string[],
  TReading extends AnyReading,
  TArgKeys,
> = TParents["length"] extends 0
  ? false extends IsOneHandler<THandler, "args">
    ? MemberProblem<THandler, TId, TState, TWhere, TParents, TReading, TArgKeys>
    : TReading["adapter"] extends Suggested
      ? MessageText<"nothingToRead", { node: TId; adapter: SuggestedName<TReading["adapter"]["adapter"]> }>
      : ArgsProblem<THandler, TId, RootArgs<THandler>, TArgKeys>
  : false extends IsOneHandler<THandler, "input">
    ? MemberProblem<THandler, TId, TState, TWhere, TParents, TReading, TArgKeys>
    : InputOf<THandler> extends Absent
      ? MessageText<"sourceWithUpstream", { node: TId; handler: THandler["name"]; parent: JoinList<TParents, ", "> }>
      : TAfter extends Absent
        ? TReading extends PlainReading
          ? Fits<Seen<TState, TWhere, Absent, TParents>, TParents[number], InputOf<THandler>> extends true
            ? ArgsProblem<THandler, TId, ArgsOf<THandler>, TArgKeys>
            : LastEdgeText<THandler, TId, Seen<TState, TWhere, Absent, TParents>, TParents, TReading>
          : ReadingProblem<
              THandler,
              TId,
              Seen<TState, TWhere, TReading["adapter"], TParents>,
              TParents,
              TReading,
              TArgKeys
            >
        : TReading["adapter"] extends Suggested
          ? SuggestionProblem<
              THandler,
              TId,
              Seen<TState, TWhere, TReading["adapter"], TParents>,
              TParents,
              TReading["adapter"],
              TReading["fanIn"],
              TArgKeys
            >
          : {} extends ArgsOf<THandler>
            ? true // cheaper than in `ArgsProblem`
            : ArgsProblem<THandler, TId, ArgsOf<THandler>, TArgKeys>;

/* Without `input`, of a handler that suggests none: most nodes skip the checks of adapters. */
type PlainReading = Reading<Absent, Absent, Absent, unknown>;

// Of a node without `after` that has some `input`.
type ReadingProblem<
  THandler extends AnyHandler,
  TId extends string,
  TNodes extends AnyState,
  TParents extends readonly string[],
  TReading extends AnyReading,
  TArgKeys,
> = TReading["adapter"] extends Suggested
  ? SuggestionProblem<THandler, TId, TNodes, TParents, TReading["adapter"], TReading["fanIn"], TArgKeys>
  : [TReading["from"], TReading["listKey"]] extends [Absent, Absent]
    ? PayloadFits<TNodes, TParents, TReading, InputOf<THandler>> extends true
      ? ArgsProblem<THandler, TId, ArgsOf<THandler>, TArgKeys>
      : LastEdgeText<THandler, TId, TNodes, TParents, TReading>
    : ArgsProblem<THandler, TId, ArgsOf<THandler>, TArgKeys>;

type LastEdgeText<
  THandler extends AnyHandler,
  TId extends string,
  TNodes extends AnyState,
  TParents extends readonly string[],
  TReading extends AnyReading,
> = [TParents] extends [LastOf<TParents>]
  ? InputText<THandler, TId, TNodes, TParents, TReading>
  : MessageText<"severalFlows", { node: TId; ends: Join<TParents[number], ", "> }>;

// `false`, or both, for a union. By the types of this member, then by their names: handlers as a whole, which is costly, are
// compared only if the member is a union of types. No parameter for a whole union: it would be distributed over again.
type IsOneHandler<
  THandler extends AnyHandler,
  TMember extends "args" | "input",
  TType = THandler["$infer"][TMember],
  TName = THandler["name"],
> = TType extends unknown
  ? THandler["$infer"][TMember] extends TType
    ? TName extends unknown
      ? THandler["name"] extends TName
        ? true
        : false
      : never
    : IsOne<THandler>
  : never;

// The messages about the members that are wrong; `true` if all are right.
type MemberProblem<
  THandler extends AnyHandler,
  TId extends string,
  TState extends AnyState,
  TWhere,
  TParents extends readonly string[],
  TReading extends AnyReading,
  TArgKeys,
> = TrueIfNone<EachProblem<THandler, TId, TState, TWhere, TParents, TReading, TArgKeys>>;

type TrueIfNone<TProblem> = [TProblem] extends [never] ? true : TProblem;

type EachProblem<
  THandler extends AnyHandler,
  TId extends string,
  TState extends AnyState,
  TWhere,
  TParents extends readonly string[],
  TReading extends AnyReading,
  TArgKeys,
> = THandler extends AnyHandler
  ? EdgesProblem<
      THandler,
      TId,
      TState,
      TWhere,
      TParents,
      OwnReading<THandler, TReading>,
      TArgKeys
    > extends infer TProblem
    ? true extends TProblem
      ? never
      : TProblem
    : never
  : never;

/* With the adapter that was given, else the one that this member suggests. */
type OwnReading<THandler extends AnyHandler, TReading extends AnyReading> = [TReading["adapter"]] extends [
  Suggested | Absent,
]
  ? Reading<THandler["$infer"]["suggested"], TReading["from"], TReading["listKey"], TReading["fanIn"]>
  : TReading;

/* Without regard to where an edge was written, so that each is checked here. */
type EdgesProblem<
  THandler extends AnyHandler,
  TId extends string,
  TState extends AnyState,
  TWhere,
  TParents extends readonly string[],
  TReading extends AnyReading,
  TArgKeys,
> = [TReading["from"], TReading["listKey"]] extends [Absent, Absent]
  ? HandlerProblem<THandler, TId, TState, TWhere, Absent, TParents, TReading, TArgKeys>
  : DeliveryProblem<THandler, TId, Seen<TState, TWhere, TReading["adapter"], TParents>, TParents, TReading, TArgKeys>;

/**
 * The handler, or the message about it: none while an option is unknown, which is reported and may be a misspelt `after`
 * or `args`.
 */
export type HandlerOrError<THandler extends AnyHandler, TMessage, TKeys> =
  IsReported<TMessage, TKeys> extends true
    ? WrongType<NoInfer<TMessage & string>>
    : Shown<THandler["name"], THandler>["handler"];

type IsReported<TMessage, TKeys> =
  IsRight<TMessage> extends false ? ([TKeys] extends [NodeOption] ? true : false) : false;
