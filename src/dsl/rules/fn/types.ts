import type { BuiltInFunctionName, OwnIdPath, TakesAnyArgs } from "../../../builtins/coordinator-functions/index.ts";
import type { IsNever } from "../../../builtins/node-records.ts";
import type { TypeMismatch } from "../../../graph/data/mismatch.ts";
import type { Show } from "../../../graph/data/show-type.ts";
import type { Join, MessageText } from "../../../graph/format/messages.ts";
import type {
  AnyCoordinatorFn,
  FnNameOf,
  KnownArgsOf,
  OpenArgsOf,
  WrittenArgsOf,
} from "../../model/coordinator-function.ts";
import type { Wrong, WrongList, WrongOption, WrongType } from "../../model/markers.ts";
import type { ParamReference, WrongParam } from "../../model/param.ts";
import type { MissingKeys } from "../args/types.ts";
import type { FnWithParams, ParamText } from "../params/types.ts";

/* Reported at the function: an unknown name, and missing args. `TArgKeys` are the args that were given. */
export type FnArgument<TFn, TId extends string, TArgKeys> = TFn extends BuiltInFunctionName | AnyCoordinatorFn
  ? IsNever<MissingKeys<KnownArgsOf<TFn>, TArgKeys>> extends true
    ? TFn
    : WrongType<
        MessageText<
          "fnArgsMissing",
          { node: TId; fn: FnNameOf<TFn>; keys: Join<MissingKeys<KnownArgsOf<TFn>, TArgKeys>, ", "> }
        >
      >
  : Wrong<MessageText<"unknownFunction", { node: TId; fn: TFn & string }>, BuiltInFunctionName>;

/*
 * The type of `args` of a coordinator function's node: the right type if all args are right, else the same type with a
 * message in place of each wrong part. In place of it, because an intersection of the two prints without the message.
 */

/* The node that calls a function, and its surroundings. */
interface Call<TFn, TId, TParent, TIds, TParams> {
  readonly fn: TFn;
  readonly node: TId;
  readonly parents: TParent;
  readonly ids: TIds;
  readonly params: TParams;
}
type AnyCall = Call<unknown, string, string, string, unknown>;

/* Only a place for inference: a constraint that fails would hide every other check. */
type Inferred<TArgs> = [TArgs] extends [never] ? TArgs : {};

export type FnArgs<
  TFn,
  TArgs,
  TParams,
  TId extends string,
  TParent extends string,
  TIds extends string,
> = Inferred<TArgs> &
  // A separate mapped type, in which `param(...)` finds its place before there is a verdict. The verdict is spelled out
  // because the compiler resolves an alias too early, and finds no place.
  FnWithParams<[TArgs] extends [RightArgs<TFn, TParams, TId, TParent, TIds>] ? OpenArgsOf<TFn> : {}, TParams> &
  Hidden<
    IsIn<TArgs, RightArgs<TFn, TParams, TId, TParent, TIds>> extends true
      ? WrittenArgsOf<TFn, TId, TParent, TIds>
      : JudgedArgs<
          Call<TFn, TId, TParent, TIds, TParams>,
          TArgs,
          KnownArgsOf<TFn>,
          RightArgs<TFn, TParams, TId, TParent, TIds>
        >
  > &
  UnknownFnArgs<TFn, TId, Exclude<keyof TArgs, keyof KnownArgsOf<TFn>>>;

/* An alias, for the reason given at `IsAssignable`. */
type IsIn<TA, TB> = [TA] extends [TB] ? true : false;

/*
 * The same type, hidden from the search for the place of a `param(...)`. While the verdict is open, the search would look
 * into each of its results, joined with each of the other types of `args`: 18 combinations, for one place.
 */
type Hidden<T> = { [TKey in keyof T as `${TKey & string}`]: T[TKey] };

type RightArgs<TFn, TParams, TId extends string, TParent extends string, TIds extends string> = FnWithParams<
  OpenArgsOf<TFn>,
  TParams
> &
  WrittenArgsOf<TFn, TId, TParent, TIds>;

/* A message at each unknown key. */
type UnknownFnArgs<TFn, TId extends string, TKeys> = [TKeys] extends [never]
  ? unknown
  : TFn extends TakesAnyArgs
    ? unknown
    : {
        readonly [TKey in TKeys & string]?: WrongOption<
          MessageText<"fnArgUnknown", { node: TId; fn: FnNameOf<TFn>; key: TKey }>
        >;
      };

/* The keys that were not given are for completions; a missing one is reported at the function. */
type JudgedArgs<TCall extends AnyCall, TGiven, TKnown, TRight> = {
  readonly [TKey in keyof TGiven as TKey extends keyof TKnown ? `${TKey & string}` : never]: Judged<
    TCall,
    TGiven[TKey],
    TKnown[TKey & keyof TKnown],
    AtKey<TRight, TKey>,
    TKey,
    `args.${TKey & string}`
  >;
} & { readonly [TKey in keyof TKnown as TKey extends keyof TGiven ? never : `${TKey & string}`]: AtKey<TRight, TKey> };

/*
 * The right type of a value, or its message; for lists and objects, those of their parts. `TNeeded` is the type that
 * the function declares, `TRight` the type that is right at this place: one of these node ids, or a parameter.
 *
 * One long type, because an alias for one of its results would print as its name and hide the message.
 */
type Judged<TCall extends AnyCall, TGiven, TNeeded, TRight, TKey, TPath extends string> = [TGiven] extends [TRight]
  ? TRight
  : [TGiven] extends [ParamReference<infer TName, unknown>]
    ? WrongParam<ParamText<TName, { key: TKey; needed: TNeeded; fits: string; params: TCall["params"] }>>
    : [TGiven] extends [readonly unknown[]]
      ? [IsUnion<ListIn<TNeeded>>, TGiven["length"]] extends [false, ListIn<TNeeded>["length"]]
        ? {
            [TIndex in keyof TGiven]: Judged<
              TCall,
              TGiven[TIndex],
              ElementOf<ListIn<TNeeded>, TIndex>,
              ElementOf<TRight, TIndex>,
              TIndex,
              `${TPath}[${TIndex & string}]`
            >;
          }
        : WrongList<FnArgText<TCall, TypeMismatch<TGiven, Exclude<TNeeded, undefined>, TPath>>>
      : [TGiven] extends [NoJson]
        ? WrongOption<FnArgText<TCall, MessageText<"valueNotJson", { what: TPath }>>>
        : [TGiven, ObjectIn<TNeeded>] extends [object, object]
          ? [IsUnion<ObjectIn<TNeeded>>] extends [never] | [true]
            ? WrongType<FnArgText<TCall, TypeMismatch<TGiven, Exclude<TNeeded, undefined>, TPath>>>
            : string extends keyof ObjectIn<TNeeded>
              ? {
                  readonly [TInner in keyof TGiven]: Judged<
                    TCall,
                    TGiven[TInner],
                    AtKey<TNeeded, TInner>,
                    AtKey<TRight, TInner>,
                    TInner,
                    `${TPath}.${TInner & string}`
                  >;
                }
              : {
                  readonly [TInner in keyof ObjectIn<TNeeded>]: TInner extends keyof TGiven
                    ? Judged<
                        TCall,
                        TGiven[TInner],
                        AtKey<TNeeded, TInner>,
                        AtKey<TRight, TInner>,
                        TInner,
                        `${TPath}.${TInner & string}`
                      >
                    : {} extends Pick<ObjectIn<TNeeded>, TInner>
                      ? AtKey<TRight, TInner>
                      : WrongType<
                          FnArgText<
                            TCall,
                            MessageText<
                              "keyMissing",
                              { path: `${TPath}.${TInner & string}`; needed: Show<ObjectIn<TNeeded>[TInner]> }
                            >
                          >
                        >;
                }
          : [TGiven] extends [TNeeded]
            ? Wrong<IdText<TCall, TGiven, TPath>, Extract<TRight, string>>
            : string extends TNeeded
              ? WrongType<FnArgText<TCall, TypeMismatch<TGiven, Exclude<TNeeded, undefined>, TPath>>>
              : Wrong<
                  FnArgText<TCall, TypeMismatch<TGiven, Exclude<TNeeded, undefined>, TPath>>,
                  Extract<TNeeded, string>
                >;

type FnArgText<TCall extends AnyCall, TWhy> = MessageText<
  "fnArgType",
  { node: TCall["node"]; fn: FnNameOf<TCall["fn"]>; why: TWhy }
>;

/* The message about the id of a node that does not exist, or cannot be used here. */
type IdText<TCall extends AnyCall, TId, TPath> = TPath extends OwnIdPath
  ? MessageText<"mergeTarget", { node: TCall["node"]; id: TId }>
  : TCall["fn"] extends AnyCoordinatorFn
    ? MessageText<"unknownSource", { node: TCall["node"]; id: TId }>
    : TId extends TCall["ids"]
      ? MessageText<"fromOutsideAfter", { node: TCall["node"]; id: TId }>
      : MessageText<"unknownSource", { node: TCall["node"]; id: TId }>;

type NoJson =
  | Date
  | ReadonlyMap<unknown, unknown>
  | ReadonlySet<unknown>
  | bigint
  | symbol
  | ((...args: never) => unknown);

/* The members of a type that are lists, and those that are objects. */
type ListIn<T> = Extract<T, readonly unknown[]>;
type ObjectIn<T> = Exclude<Extract<T, object>, readonly unknown[]>;

/* With several members it is not clear which one a part should match, so the whole value is reported. */
type IsUnion<T, TAll = T> = T extends unknown ? ([TAll] extends [T] ? false : true) : never;

/* The types of their elements and properties. */
type AtKey<T, TKey> = T extends readonly unknown[]
  ? never
  : T extends object
    ? TKey extends keyof T
      ? T[TKey]
      : never
    : never;
type ElementOf<T, TIndex> = T extends readonly unknown[] ? (TIndex extends keyof T ? T[TIndex] : T[number]) : never;
