import type { OutcomeAt, OutcomesAdapter } from "../../../builtins/input-adapters/index.ts";
import type { Absent, AllOf, IsNever, OutputOf, Recorded, SourcesOf, StepsOf } from "../../../builtins/node-records.ts";
import type { Show } from "../../../graph/data/show-type.ts";
import type { Join, MessageText } from "../../../graph/format/messages.ts";
import type { AnyHandler, HandlerTypes } from "../../model/handler.ts";
import type { Wrong, WrongOption, WrongType } from "../../model/markers.ts";
import type { Exists, Not, WrongNot } from "../../model/pattern.ts";
import type { AnyState, AnyStep, Control, FlowState, HandlerStep, SubflowControl } from "../../model/state.ts";
import type { Printable } from "../../model/unprinted.ts";

/**
 * The nodes before a node, as its checks see them. With `where`, this is a small state in which its parents store only the
 * batches that match, so that no other check needs a case for it; likewise with outcomes, for a node that reads those.
 * Otherwise it is the state itself, which costs nothing.
 */
export type Seen<
  TState extends AnyState,
  TWhere,
  TAdapter,
  TParents extends readonly string[],
> = TAdapter extends ReadsOutcomes
  ? View<AllOf<Ended<StepsOf<TState>, TParents[number], TWhere>>, TParents[number], TState["head"]>
  : TWhere extends Absent
    ? TState
    : View<AllOf<Chosen<TState, TParents[number], TWhere>>, TParents[number], TState["head"]>;

/** By its name, or as a handler suggests it. */
type ReadsOutcomes = OutcomesAdapter | { readonly adapter: OutcomesAdapter };

type Ended<TSteps, TParent, TWhere> = TParent extends string
  ? Recorded<TParent, TWhere extends Absent ? OutcomeAt<TSteps, TParent> : Narrow<OutcomeAt<TSteps, TParent>, TWhere>>
  : never;

type View<TRecords, TIds extends string, THead extends AnyState["head"]> = FlowState<
  [TRecords],
  [],
  never,
  Recorded<TIds, 0>,
  {},
  never,
  never,
  never,
  string,
  never,
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
  TAdapter,
  TParents extends readonly string[],
  TFrom,
  TId extends string,
> = Inferred<TWhere> &
  (TWhere extends Absent
    ? unknown
    : TParents["length"] extends 0
      ? WrongOption<MessageText<"whereOnRoot", { node: TId }>>
      : WhereOf<
          TAdapter extends ReadsOutcomes
            ? OutcomeAt<StepsOf<TState>, SourcesOf<TParents, TFrom>>
            : OutputOf<TState, SourcesOf<TParents, TFrom>>,
          TWhere,
          TId,
          SourcesOf<TParents, TFrom>
        >);

/** Only a place for inference: it requires nothing. */
type Inferred<T> = [T] extends [never] ? T : {};

type WhereOf<TGiven, TWhere, TId extends string, TSource> = [Narrow<TGiven, TWhere>] extends [never]
  ? Judged<TGiven, TWhere, `node '${TId}': where`> extends infer TJudged
    ? TWhere extends TJudged
      ? WrongOption<MessageText<"patternNothing", { node: TId; from: Join<TSource, "', '"> }>>
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
      readonly [TKey in TKeys & string]?: WrongOption<
        [TKnown] extends [never]
          ? MessageText<"patternNoKeys", { path: `${TPath}.${TKey}` }>
          : MessageText<"patternKey", { path: `${TPath}.${TKey}`; keys: Join<TKnown, ", "> }>
      >;
    };

/** What may be written for a value, for completions. */
type Scalar = string | number | boolean | null;

type Offered<T> = Exclude<Extract<T, Scalar>, undefined>;
type AnyPattern<T> = Offered<T> | readonly Offered<T>[] | Not<unknown> | Exists | (T extends object ? Keys<T> : never);
type Keys<T> = { readonly [TKey in KeysIn<T>]?: AnyPattern<Exclude<ValueIn<T, TKey>, undefined>> };

type JudgedValue<T, TPattern, TPath extends string> = TPattern extends Scalar
  ? [Narrow<T, TPattern>] extends [never]
    ? Wrong<ValueText<T, Show<TPattern>, TPath>, Offered<T>>
    : Offered<T>
  : TPattern extends readonly unknown[]
    ? { readonly [TIndex in keyof TPattern]: JudgedValue<T, TPattern[TIndex], TPath> }
    : TPattern extends Not<infer TNegated>
      ? [Narrow<T, TNegated>] extends [never]
        ? WrongNot<ValueText<T, Show<TNegated>, TPath>>
        : TPattern
      : TPattern extends Exists
        ? TPattern
        : [KeysIn<T>] extends [never]
          ? {} extends T
            ? Judged<T, TPattern, TPath>
            : WrongOption<ValueText<T, "an object", TPath>>
          : Judged<T, TPattern, TPath>;

type ValueText<T, TGiven, TPath> = MessageText<"patternValue", { path: TPath; given: TGiven; known: Show<T> }>;

/* Whether a node runs: a pattern of what is known when it is dispatched, checked like a `where`. */

/** Reported at the keys and values of `when`. */
export type WhenArgument<
  TWhen,
  TState extends AnyState,
  TParents extends readonly string[],
  TId extends string,
> = Inferred<TWhen> &
  (TWhen extends Absent
    ? unknown
    : WhenOf<TWhen, TState["params"], TParents[number], AllOf<ResultsOf<TState, TParents[number]>>, TId>);

// Of resolved types: with the state among its arguments, each look-up would walk all nodes.
type WhenOf<TWhen, TParams, TParent extends string, TResults, TId extends string> = [TResults] extends [never]
  ? JudgedWhen<TWhen, Facts<TParams, TParent, {}>, `node '${TId}': when`>
  : JudgedWhen<TWhen, Facts<TParams, TParent, TResults>, `node '${TId}': when`>;

type JudgedWhen<TWhen, TFacts, TPath extends string> = TWhen extends readonly unknown[]
  ? { readonly [TIndex in keyof TWhen]: Judged<TFacts, TWhen[TIndex], TPath> }
  : Judged<TFacts, TWhen, TPath>;

/** What is known when a node is dispatched. */
interface Facts<TParams, TParent extends string, TResults> {
  readonly params: TParams;
  /** How each of its parents has ended. */
  readonly status: Recorded<TParent, "finished" | "skipped" | "cancelled" | "failed">;
  /** What `finalize` of each parent returned, and what each coordinator function among them stored. */
  readonly results: TResults;
}

// One record per parent, by distribution; see `Gathered`.
type ResultsOf<TState extends AnyState, TParent> = TParent extends string
  ? ResultRecord<TState, TParent, ResultIn<StepsOf<TState>, TParent>>
  : never;

type ResultRecord<TState extends AnyState, TParent extends string, TResult> = [TResult] extends [never]
  ? Recorded<TParent, OutputOf<TState, TParent>>
  : TResult extends Absent
    ? {}
    : Recorded<TParent, TResult>;

// `never` for a coordinator function. Each node is only compared by its id: an `infer` would cost five times as much.
type ResultIn<TSteps, TId> = ResultOfStep<StepIn<TSteps, HandlerStep<TId, AnyHandler, unknown, unknown>>>;
type StepIn<TSteps, TWanted> = TSteps extends TWanted ? TSteps : never;
type ResultOfStep<TStep> = TStep extends AnyStep
  ? TStep["partitions"] extends 1
    ? TStep["handler"]["$infer"]["result"]
    : Absent
  : never;

/** What a step records of the options that select data. Without any, it is the list of its sources, which costs nothing. */
export type ControlOf<TParents extends readonly string[], TFrom, TAdapter, TWhere, TWhen, TOptional> = [
  TFrom,
  TWhere,
  TWhen,
  TOptional,
] extends [Absent, Absent, Absent, false]
  ? TAdapter extends ReadsNoOutputs
    ? []
    : TParents
  : Control<TAdapter extends ReadsNoOutputs ? never : SourcesOf<TParents, TFrom>, TWhere, TWhen, TOptional>;

type ReadsNoOutputs = UnreadAdapter | { readonly adapter: UnreadAdapter };
type UnreadAdapter = "pull.outcomes" | "pull.failures";

/** `undefined` for a node that may end without a result. */
export type NoResult<TControl> =
  TControl extends SubflowControl<infer TInner, unknown, unknown>
    ? NoResult<TInner>
    : TControl extends Control<unknown, unknown, infer TWhen, infer TOptional>
      ? [TWhen, TOptional] extends [Absent, false]
        ? never
        : undefined
      : never;

/** The step of a coordinator function, which is remembered only if it may end without a result. */
export type FnStep<TId, TOutput, TWhen, TOptional> = [TWhen, TOptional] extends [Absent, false]
  ? never
  : HandlerStep<TId, NoHandler<TOutput>, 1, Control<never, Absent, TWhen, TOptional>>;

/** The step of a node that waits for a signal. */
export type SignalStep<TId, TPayload, TWhen, TOptional> = HandlerStep<
  TId,
  SignalHandler<TPayload>,
  1,
  Control<never, Absent, TWhen, TOptional>
>;

interface SignalHandler<TPayload> extends NoHandler<TPayload> {
  readonly signal: TPayload;
}

/** By the id of a node that waits, the payload of its signal. */
export type SignalsOf<TSteps extends AnyStep> = {
  readonly [TStep in TSteps as TStep["handler"] extends SignalHandler<unknown>
    ? TStep["id"]
    : never]: TStep["handler"]["$infer"]["output"];
};

/** Stands for the handler of a node that has none. Its result is the output of the function. */
export interface NoHandler<TOutput> extends Printable {
  readonly name: never;
  readonly $infer: HandlerTypes<Absent, TOutput, TOutput, {}, never, false, Absent>;
}

/*
 * `exhaustive`: every value of a key goes to some node. A node counts only if it has no `when`, and no other key in its
 * `where`.
 */

/** The keys, and keys of keys, that hold scalars. */
type CaseKey<T> = {
  [TKey in KeysIn<T>]: [Extract<ValueIn<T, TKey>, Scalar>] extends [never]
    ? `${TKey}.${KeysIn<Exclude<ValueIn<T, TKey>, undefined>>}`
    : TKey;
}[KeysIn<T>];

export type CaseKeyArgument<TState extends AnyState, TSource extends string, TKey extends string> =
  TKey extends CaseKey<OutputOf<TState, TSource>>
    ? CaseProblem<TSource, TKey, CasesAt<OutputOf<TState, TSource>, TKey>, PatternsAt<StepsOf<TState>, TSource, TKey>>
    : Wrong<
        MessageText<"caseKey", { from: TSource; key: TKey; keys: Join<CaseKey<OutputOf<TState, TSource>>, ", "> }>,
        CaseKey<OutputOf<TState, TSource>>
      >;

type CasesAt<T, TKey extends string> = TKey extends `${infer THead}.${infer TRest}`
  ? CasesAt<Exclude<ValueIn<T, THead>, undefined>, TRest>
  : ValueIn<T, TKey>;

/** What the nodes that read the source take, as patterns of the key; `Exists | Not<Exists>` of one that takes all. */
type PatternsAt<TSteps, TSource, TKey extends string> = TSteps extends AnyStep
  ? PatternOfControl<TSteps["control"], TSource, TKey>
  : never;

type PatternOfControl<TControl, TSource, TKey extends string> = TControl extends readonly string[]
  ? TSource extends TControl[number]
    ? Everything
    : never
  : TControl extends Control<infer TFrom, infer TWhere, infer TWhen, unknown>
    ? [IsNever<TSource>, TSource, TWhen] extends [false, TFrom, Absent]
      ? TWhere extends Absent
        ? Everything
        : PatternAt<TWhere, TKey>
      : never
    : TControl extends SubflowControl<infer TInner, infer TPrefix extends string, infer TBound>
      ? PatternOfControl<TInner, InSubflow<TSource, TPrefix, TBound>, TKey>
      : never;

type Everything = Exists | Not<Exists>;

/** The names of a node in a subflow: its inner id, or the inputs that it feeds. */
type InSubflow<TSource, TPrefix extends string, TBound> =
  | (TSource extends `${TPrefix}.${infer TId}` ? TId : never)
  | { [TInput in keyof TBound]: TBound[TInput] extends TSource ? TInput : never }[keyof TBound];

/** `{ kind: "a" }` at `kind` is `"a"`; a pattern with another key beside it takes no case for certain. */
type PatternAt<TWhere, TKey extends string> = TKey extends `${infer THead}.${infer TRest}`
  ? [keyof TWhere] extends [THead]
    ? PatternAt<TWhere[THead & keyof TWhere], TRest>
    : never
  : [keyof TWhere] extends [TKey]
    ? TWhere[TKey & keyof TWhere]
    : never;

type CaseProblem<TSource, TKey extends string, TCase, TPatterns> = [Left<TCase, TPatterns>] extends [never]
  ? TKey
  : WrongType<
      true extends IsOpen<Left<TCase, TPatterns>>
        ? MessageText<"caseOpen", { from: TSource; key: TKey; type: Show<Left<TCase, TPatterns>> }>
        : MessageText<"caseNowhere", { from: TSource; key: TKey; value: Show<Left<TCase, TPatterns>> }>
    >;

type IsOpen<T> = T extends unknown ? (string extends T ? true : number extends T ? true : false) : never;

/**
 * The cases that no pattern takes. For an open type, what each `not` negates and no other pattern takes; without a `not`,
 * the whole type.
 */
type Left<TCase, TPatterns> = LeftOf<TCase, TPatterns, Listed<TPatterns> | Retaken<TPatterns, Negated<TPatterns>>>;

type LeftOf<TCase, TPatterns, TListed> = TCase extends unknown
  ? true extends IsTaken<TCase, TPatterns, TListed>
    ? never
    : [Extract<Exclude<Negated<TPatterns>, TListed>, TCase>] extends [never]
      ? TCase
      : Extract<Exclude<Negated<TPatterns>, TListed>, TCase>
  : never;

type Negated<TPatterns> = TPatterns extends Not<infer TNegated> ? Listed<TNegated> : never;

/** Of the values that a `not` negates, those that another one takes. */
type Retaken<TPatterns, TNegated> =
  TPatterns extends Not<infer TOwn extends Scalar | readonly unknown[]> ? Exclude<TNegated, Listed<TOwn>> : never;

/** The values that patterns list. */
type Listed<TPatterns> = TPatterns extends Scalar
  ? TPatterns
  : TPatterns extends readonly (infer TItem extends Scalar)[]
    ? TItem
    : never;

type IsTaken<TCase, TPattern, TListed> =
  TPattern extends Not<infer TNegated>
    ? TNegated extends Exists
      ? TCase extends undefined
        ? true
        : false
      : TNegated extends Scalar | readonly unknown[]
        ? TCase extends Listed<TNegated>
          ? false
          : [Extract<Listed<TNegated>, TCase>] extends [TListed]
            ? true
            : false
        : false
    : TPattern extends Exists
      ? TCase extends undefined
        ? false
        : true
      : TCase extends Listed<TPattern>
        ? true
        : false;
