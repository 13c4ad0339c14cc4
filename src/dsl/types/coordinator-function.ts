import type { CoordinatorFunctionDefinition } from "../../definitions/index.ts";
import type { CoreReasonCode, Json } from "../../errors/index.ts";
import type { Join } from "../../graph/join.ts";
import type { Say } from "../../graph/messages.ts";
import type { MissingKeys } from "./args-checks.ts";
import type { FlowTypeError } from "./markers.ts";
import type { RetryOptions } from "./options.ts";
import type { WithParams } from "./params.ts";
import type { KnownId } from "./source-checks.ts";
import type { FanInArgument, FirstBatchArgument } from "./start-checks.ts";
import type { NodeRecords, OutputOf } from "./state.ts";

export interface CoordinatorFnTypes<TArgs, TOutput, TErrors = never> {
  /** Arguments as they stand in the graph. */
  readonly args: TArgs;
  readonly output: TOutput;
  /** Its own reason codes. */
  readonly errors: TErrors;
}

/** A coordinator function of your own with its types. */
export interface CoordinatorFn<TName extends string, TArgs, TOutput, TErrors = never>
  extends CoordinatorFunctionDefinition {
  readonly name: TName;
  readonly $infer: CoordinatorFnTypes<TArgs, TOutput, TErrors>;
}

/** Any of them, for constraints. */
export interface AnyCoordinatorFn {
  readonly name: string;
  readonly $infer: CoordinatorFnTypes<unknown, unknown, unknown>;
}

/** Arguments of the built-in functions that may be, or hold, parameters. */
interface OpenArgs {
  "vars.set": { readonly kv: { readonly [key: string]: Json } };
  "vars.merge": { readonly data: { readonly [key: string]: Json } };
  "vars.incr": { readonly by?: number };
}

/** Those that are written out. */
interface WrittenArgs<TArgs, TId extends string, TParent extends string, TIds extends string> {
  "vars.set": { readonly blockSensitive?: boolean };
  "vars.merge": { readonly blockSensitive?: boolean };
  "vars.incr": { readonly key: string };
  "vars.unset": { readonly keys: readonly string[] };
  "merge.generic": {
    readonly fromNodes: SourceNodes<ArgAt<TArgs, "fromNodes">, TId, TParent, TIds>;
    readonly target: {
      readonly key: string;
      /** The node's own id, where it is given at all. */
      readonly nodeId?: TargetNode<ArgAt<ArgAt<TArgs, "target">, "nodeId">, TId>;
    };
  };
  "metrics.aggregate": {
    readonly nodeId: SourceNode<ArgAt<TArgs, "nodeId">, TId, TParent, TIds>;
    readonly mode?: "sum" | "mean" | "min" | "max" | "last";
  };
  noop: {};
}

/** The built-in functions; what each does stands at {@link BuiltInFunctionName}. */
type BuiltInFunctions = WrittenArgs<never, never, never, never>;

/**
 * `vars.set` sets variables of the task, nested objects become dotted paths; `vars.merge` merges into them, deeply;
 * `vars.incr` adds to a number among them, by 1 unless told otherwise; `vars.unset` removes some.
 *
 * `merge.generic` merges all outputs of `fromNodes` into one: lists are joined, objects merged, of other values the last
 * wins. `metrics.aggregate` makes one number of each metric of a node's batches. `noop` is a place to wait at.
 */
export type BuiltInFunctionName = keyof BuiltInFunctions;

type ArgAt<TArgs, TKey> = TKey extends keyof TArgs ? TArgs[TKey] : never;

/** All at once when all is well, element by element when not. */
type SourceNodes<TSources, TId extends string, TParent extends string, TIds extends string> = [TSources] extends [
  readonly TParent[],
]
  ? readonly TParent[]
  : { readonly [TIndex in keyof TSources]: SourceNode<TSources[TIndex], TId, TParent, TIds> };

type SourceNode<TSource, TId extends string, TParent extends string, TIds extends string> = [TSource] extends [TParent]
  ? TParent
  :
      | TParent
      | FlowTypeError<
          TSource extends TIds
            ? Say<"fromOutsideAfter", { node: TId; id: TSource }>
            : Say<"unknownSource", { node: TId; id: TSource & string }>
        >;

type TargetNode<TTarget, TId extends string> = [TTarget] extends [TId]
  ? TId
  : TId | FlowTypeError<Say<"mergeTarget", { node: TId; id: TTarget & string }>>;

/** What may hold parameters. */
type OpenArgsOf<TFn> = TFn extends AnyCoordinatorFn
  ? TFn["$infer"]["args"]
  : TFn extends keyof OpenArgs
    ? OpenArgs[TFn]
    : {};

type WrittenArgsOf<
  TFn,
  TArgs,
  TId extends string,
  TParent extends string,
  TIds extends string,
> = TFn extends BuiltInFunctionName ? WrittenArgs<TArgs, TId, TParent, TIds>[TFn] : {};

/** The arguments that a function knows, whatever was written. */
export type KnownArgsOf<TFn> = OpenArgsOf<TFn> & WrittenArgsOf<TFn, never, never, never, never>;

export type FnNameOf<TFn> = TFn extends AnyCoordinatorFn ? TFn["name"] : TFn & string;

/** Judged on the function: its name, and args that are missing. `TArgKeys` are those that were written. */
export type FnArgument<TFn, TId extends string, TArgKeys> = TFn extends BuiltInFunctionName | AnyCoordinatorFn
  ? [MissingKeys<KnownArgsOf<TFn>, TArgKeys>] extends [never]
    ? TFn
    : FlowTypeError<
        Say<
          "fnArgsMissing",
          { node: TId; fn: FnNameOf<TFn>; keys: Join<MissingKeys<KnownArgsOf<TFn>, TArgKeys>, ", "> }
        >
      >
  : BuiltInFunctionName | FlowTypeError<Say<"unknownFunction", { node: TId; fn: TFn & string }>>;

/** A sentence at each key that the function doesn't know. */
type UnknownFnArgs<TFn, TId extends string, TKeys> = [TKeys] extends [never]
  ? unknown
  : TFn extends "noop"
    ? unknown
    : {
        readonly [TKey in TKeys & string]?: FlowTypeError<
          Say<"fnArgUnknown", { node: TId; fn: FnNameOf<TFn>; key: TKey }>
        >;
      };

type FnAfter<TAfter extends readonly string[], TIds extends string, TId extends string> = TAfter[number] extends TIds
  ? TAfter
  : { [TIndex in keyof TAfter]: KnownId<TAfter[TIndex], TIds, TId> };

type ErrorsOf<TFn> = TFn extends AnyCoordinatorFn ? TFn["$infer"]["errors"] : never;

type FnPermanentOn<TCodes extends readonly string[], TId extends string, TFn> = TCodes[number] extends
  | ErrorsOf<TFn>
  | CoreReasonCode
  ? TCodes
  : {
      [TIndex in keyof TCodes]: [TCodes[TIndex]] extends [ErrorsOf<TFn> | CoreReasonCode]
        ? TCodes[TIndex]
        :
            | ErrorsOf<TFn>
            | CoreReasonCode
            | FlowTypeError<Say<"fnPermanentOnUnknown", { node: TId; fn: FnNameOf<TFn>; code: TCodes[TIndex] }>>;
    };

/** What was written is inferred from, not asked for: a hard constraint that fails would hide every other check. */
type Inferred<TArgs> = [TArgs] extends [never] ? TArgs : {};

/** The options of a coordinator function's node; no interface, for the reason of `NodeOptions`. */
export type FnOptions<
  TId extends string,
  TFn,
  TAfter extends readonly string[],
  TFanIn,
  TArgs,
  TParams,
  TIds extends string,
  TCodes extends readonly string[],
> = {
  /** The nodes it depends on, declared before it. */
  readonly after?: FnAfter<TAfter, TIds, TId>;
  /** How many of them must be satisfied before it runs. @defaultValue "all" */
  readonly fanIn?: FanInArgument<TFanIn, TAfter, TId>;
  /** What satisfies it: a parent has finished, or its first batch is there. @defaultValue "ready" */
  readonly startWhen?: "ready" | FirstBatchArgument<TAfter, TId>;
  /** The function's arguments. */
  readonly args?: Inferred<TArgs> &
    WithParams<OpenArgsOf<TFn>, TParams> &
    WrittenArgsOf<TFn, TArgs, TId, TAfter[number], TIds> &
    UnknownFnArgs<TFn, TId, Exclude<keyof TArgs, keyof KnownArgsOf<TFn>>>;
  readonly retry?: RetryOptions<FnPermanentOn<TCodes, TId, TFn>>;
  /** Longest time of one attempt, in seconds. @defaultValue no limit */
  readonly timeoutSec?: number;
};

type KeysOf<TUnion> = TUnion extends unknown ? keyof TUnion : never;

/** What merging one value of each member gives: of each key, any of the values that the members have there. */
type Merged<TUnion> = {
  [TKey in KeysOf<TUnion>]: TUnion extends { [TIn in TKey]: infer TValue } ? TValue : never;
};

/** What the built-in functions store. */
interface BuiltInOutputs<TNodes extends NodeRecords, TArgs> {
  "vars.set": { keys: string[] };
  "vars.merge": { keys: string[] };
  "vars.incr": { keys: string[] };
  "vars.unset": { keys: string[] };
  "merge.generic": TArgs extends {
    fromNodes: readonly (infer TSource)[];
    target: { key: infer TKey extends string };
  }
    ? { [TTarget in TKey]: Merged<OutputOf<TNodes, TSource>> }
    : never;
  "metrics.aggregate": {
    node_id: string;
    mode: "sum" | "mean" | "min" | "max" | "last";
    batches: number;
    metrics: { [metric: string]: number };
    finalize: { [metric: string]: number };
  };
  noop: {};
}

/** What a function's node stores: one batch. */
export type FnOutputOf<TNodes extends NodeRecords, TFn, TArgs> = TFn extends AnyCoordinatorFn
  ? TFn["$infer"]["output"]
  : TFn extends BuiltInFunctionName
    ? BuiltInOutputs<TNodes, TArgs>[TFn]
    : never;
