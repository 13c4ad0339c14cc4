import type { CoordinatorFunctionDefinition } from "../../definitions/index.ts";
import type { CoreReasonCode, Json } from "../../errors/index.ts";
import type { Join } from "../../graph/join.ts";
import type { Say } from "../../graph/messages.ts";
import type { FanInArgument, FirstBatchArgument, KnownCodes, KnownId, RequiredKeys } from "./checks.ts";
import type { FlowTypeError } from "./markers.ts";
import type { RetryOptions } from "./options.ts";
import type { ParamReference, WithParams } from "./params.ts";
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

/** A value in the arguments of a function that takes any: JSON, or a parameter anywhere in it. */
type Value<TParams> =
  | Json
  | ParamReference<keyof TParams & string>
  | readonly Value<TParams>[]
  | { readonly [key: string]: Value<TParams> };

interface Values<TParams> {
  readonly [key: string]: Value<TParams>;
}

/** The built-in functions and their arguments. */
export interface BuiltInFunctions<TIds extends string, TParams> {
  /** Sets variables of the task; nested objects become dotted paths. */
  "vars.set": { readonly kv: Values<TParams>; readonly blockSensitive?: boolean };
  /** Merges into the task's variables, deeply; leaves overwrite. */
  "vars.merge": { readonly data: Values<TParams>; readonly blockSensitive?: boolean };
  /** Adds to a number among the task's variables, by 1 unless told otherwise. */
  "vars.incr": { readonly key: string; readonly by?: number | ParamReference<keyof TParams & string> };
  /** Removes variables. */
  "vars.unset": { readonly keys: readonly string[] };
  /** Merges all outputs of `fromNodes` into one: lists are joined, objects merged, of other values the last wins. */
  "merge.generic": {
    readonly fromNodes: readonly TIds[];
    readonly target: { readonly key: string; readonly nodeId?: TIds };
  };
  /** Makes one number of each metric of a node's batches. */
  "metrics.aggregate": { readonly nodeId: TIds; readonly mode?: "sum" | "mean" | "min" | "max" | "last" };
  /** Does nothing; a place to wait at. */
  noop: {};
}

export type BuiltInFunctionName = keyof BuiltInFunctions<never, {}>;

export type FnArgsOf<TFn, TIds extends string, TParams> = TFn extends AnyCoordinatorFn
  ? WithParams<TFn["$infer"]["args"], TParams>
  : TFn extends BuiltInFunctionName
    ? BuiltInFunctions<TIds, TParams>[TFn]
    : never;

export type FnNameOf<TFn> = TFn extends AnyCoordinatorFn ? TFn["name"] : TFn & string;

/** Judged on the function: its name, and missing args. `TGiven` are the option keys that were written. */
export type FnArgument<TFn, TId extends string, TArgs, TGiven> = TFn extends BuiltInFunctionName | AnyCoordinatorFn
  ? {} extends TArgs
    ? TFn
    : "args" extends TGiven
      ? TFn
      : FlowTypeError<Say<"fnArgsMissing", { node: TId; fn: FnNameOf<TFn>; keys: Join<RequiredKeys<TArgs>, ", "> }>>
  : BuiltInFunctionName | FlowTypeError<Say<"unknownFunction", { node: TId; fn: TFn & string }>>;

/** The inferred args as they are, or with a sentence at each key that the function doesn't know. */
type ExactArgs<TArgs, TKnown, TFn, TId extends string> = TFn extends "noop"
  ? TArgs
  : [Exclude<keyof TArgs, keyof TKnown>] extends [never]
    ? TArgs
    : {
        [TKey in keyof TArgs]: TKey extends keyof TKnown
          ? TArgs[TKey]
          : FlowTypeError<Say<"fnArgUnknown", { node: TId; fn: FnNameOf<TFn>; key: TKey & string }>>;
      };

type FnAfter<TAfter extends readonly string[], TIds extends string, TId extends string> = TAfter[number] extends TIds
  ? TAfter
  : { [TIndex in keyof TAfter]: KnownId<TAfter[TIndex], TIds, TId> };

type ErrorsOf<TFn> = TFn extends AnyCoordinatorFn ? TFn["$infer"]["errors"] : never;

type FnPermanentOn<TCodes extends readonly string[], TId extends string, TFn> = TCodes[number] extends
  | ErrorsOf<TFn>
  | CoreReasonCode
  ? TCodes
  : KnownCodes<TCodes, ErrorsOf<TFn>, "fnPermanentOnUnknown", { node: TId; fn: FnNameOf<TFn> }>;

export type FnOptionKey = "after" | "fanIn" | "startWhen" | "args" | "retry" | "timeoutSec";

/** The options of a coordinator function's node; no interface, for the reason of `NodeOptions`. */
export type FnOptions<
  TId extends string,
  TFn,
  TAfter extends readonly string[],
  TFanIn,
  TArgs,
  TKnown,
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
  readonly args?: ExactArgs<TArgs, TKnown, TFn, TId>;
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
