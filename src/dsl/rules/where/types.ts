import type { Absent, AllOf, OutputOf, PlacesIn, Recorded, SourcesOf } from "../../../builtins/node-records.ts";
import type { Show } from "../../../graph/data/show-type.ts";
import type { Join, MessageText } from "../../../graph/format/messages.ts";
import type { Scalar } from "../../../graph/format/pattern.ts";
import type { FlowOptionError, FlowTypeError } from "../../model/markers.ts";
import type { Exists, FlowNotError, Not } from "../../model/pattern.ts";
import type { AnyState, FlowState } from "../../model/state.ts";

/**
 * What the checks of one node see of the nodes before it: with `where`, a small state in which its parents store what it
 * takes of them, so that no other check needs a case for it; without, the state itself, which costs nothing.
 */
export type Seen<TState extends AnyState, TWhere, TParent> = TWhere extends Absent
  ? TState
  : View<AllOf<Chosen<TState, TParent, TWhere>>, TParent & string, TState["head"]>;

type View<TRecords, TIds extends string, THead extends AnyState["head"]> = FlowState<
  [TRecords],
  [],
  PlacesIn<0, TIds>,
  {},
  never,
  never,
  string,
  [],
  THead
>;

/** One record per parent, by distribution; see `Gathered`. */
type Chosen<TState extends AnyState, TParent, TWhere> = TParent extends string
  ? Recorded<TParent, Narrow<OutputOf<TState, TParent>, TWhere>>
  : never;

/** The keys of all members of a union; lists have none. */
type KeysIn<T> = T extends object ? (T extends readonly unknown[] ? never : keyof T & string) : never;

/** The value under a key; `undefined` for a member without it. */
type ValueIn<T, TKey> = T extends unknown ? (TKey extends keyof T ? T[TKey] : undefined) : never;

/** The members of a union that match, with the keys narrowed that the pattern names. */
export type Narrow<T, TPattern> = T extends unknown
  ? TPattern extends Scalar
    ? OneOf<T, TPattern>
    : TPattern extends readonly (infer TItem)[]
      ? OneOf<T, TItem>
      : TPattern extends Exists
        ? Exclude<T, undefined>
        : TPattern extends Not<infer TNegated>
          ? Without<T, TNegated>
          : T extends readonly unknown[]
            ? never
            : T extends object
              ? NarrowObject<T, { [TKey in keyof TPattern]: Narrow<ValueIn<T, TKey>, TPattern[TKey]> }>
              : never
  : never;

type OneOf<T, TItem> = T extends TItem ? T : TItem extends T ? TItem : never;

type Without<T, TNegated> = TNegated extends Exists
  ? Extract<T, undefined>
  : TNegated extends readonly (infer TItem)[]
    ? Exclude<T, TItem>
    : TNegated extends Scalar
      ? Exclude<T, TNegated>
      : Exclude<T, Narrow<T, TNegated>>;

/** `never` if a key cannot have what it must; the member itself if nothing of it is narrowed. */
type NarrowObject<T, TNarrowed> = [NeverKeys<TNarrowed>] extends [never]
  ? T extends TNarrowed
    ? T
    : Merged<{ [TKey in keyof T as TKey extends keyof TNarrowed ? never : TKey]: T[TKey] } & TNarrowed>
  : never;

type NeverKeys<T> = { [TKey in keyof T]-?: [T[TKey]] extends [never] ? TKey : never }[keyof T];

/** A key that must be missing is left out. */
type Merged<T> = { -readonly [TKey in keyof T as [T[TKey]] extends [undefined] ? never : TKey]: T[TKey] };

/** Reported at the keys and values of `where`. */
export type WhereArgument<
  TWhere,
  TState extends AnyState,
  TParents extends readonly string[],
  TFrom,
  TId extends string,
> = Inferred<TWhere> &
  (TWhere extends Absent
    ? unknown
    : TParents["length"] extends 0
      ? FlowOptionError<MessageText<"whereOnRoot", { node: TId }>>
      : WhereOf<OutputOf<TState, SourcesOf<TParents, TFrom>>, TWhere, TId, SourcesOf<TParents, TFrom>>);

/** What was written is inferred from, but not asked for. */
type Inferred<T> = [T] extends [never] ? T : {};

type WhereOf<TGiven, TWhere, TId extends string, TSource> = [Narrow<TGiven, TWhere>] extends [never]
  ? Judged<TGiven, TWhere, `node '${TId}': where`> extends infer TJudged
    ? TWhere extends TJudged
      ? FlowOptionError<MessageText<"patternNothing", { node: TId; from: Join<TSource, "', '"> }>>
      : TJudged
    : never
  : Judged<TGiven, TWhere, `node '${TId}': where`>;

/** The pattern as it may be written; a message at each key that is not there, and at each value that cannot be. */
type Judged<T, TPattern, TPath extends string> = {
  readonly [TKey in KeysIn<T>]?: TKey extends keyof TPattern
    ? JudgedValue<Exclude<ValueIn<T, TKey>, undefined>, TPattern[TKey], `${TPath}.${TKey}`>
    : AnyPattern<Exclude<ValueIn<T, TKey>, undefined>>;
} & UnknownKeys<Exclude<keyof TPattern, KeysIn<T>>, KeysIn<T>, TPath>;

type UnknownKeys<TKeys, TKnown, TPath extends string> = [TKeys] extends [never]
  ? unknown
  : {
      readonly [TKey in TKeys & string]?: FlowOptionError<
        MessageText<"patternKey", { path: `${TPath}.${TKey}`; keys: Join<TKnown, ", "> }>
      >;
    };

/** What may be written for a value, for completions. */
type Offered<T> = Exclude<Extract<T, Scalar>, undefined>;
type AnyPattern<T> = Offered<T> | readonly Offered<T>[] | Not<unknown> | Exists | (T extends object ? Keys<T> : never);
type Keys<T> = { readonly [TKey in KeysIn<T>]?: AnyPattern<Exclude<ValueIn<T, TKey>, undefined>> };

type JudgedValue<T, TPattern, TPath extends string> = TPattern extends Scalar
  ? [Narrow<T, TPattern>] extends [never]
    ? Offered<T> | FlowTypeError<ValueText<T, Show<TPattern>, TPath>>
    : Offered<T>
  : TPattern extends readonly unknown[]
    ? { readonly [TIndex in keyof TPattern]: JudgedValue<T, TPattern[TIndex], TPath> }
    : TPattern extends Not<infer TNegated>
      ? [Narrow<T, TNegated>] extends [never]
        ? FlowNotError<ValueText<T, Show<TNegated>, TPath>>
        : TPattern
      : TPattern extends Exists
        ? TPattern
        : [KeysIn<T>] extends [never]
          ? FlowOptionError<ValueText<T, "an object", TPath>>
          : Judged<T, TPattern, TPath>;

type ValueText<T, TGiven, TPath> = MessageText<"patternValue", { path: TPath; given: TGiven; known: Show<T> }>;
