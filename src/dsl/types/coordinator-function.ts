import type { CoordinatorFunctionDefinition } from "../../definitions/index.ts";
import type { Json } from "../../errors/index.ts";
import type { ParamReference } from "./params.ts";
import type { NodeRecords, OutputOf } from "./state.ts";

/** What the compiler knows of a coordinator function: resolved types, not schemas. */
export interface CoordinatorFnTypes<TArgs, TOutput, TErrors = never, TNodeArgs = never> {
  /** Arguments as they stand in the graph. */
  readonly args: TArgs;
  /** Those that hold the id of a node, or a list of them. */
  readonly nodeArgs: TNodeArgs;
  readonly output: TOutput;
  /** Its own reason codes. */
  readonly errors: TErrors;
}

/** A coordinator function of your own with its types. */
export interface CoordinatorFn<TName extends string, TArgs, TOutput, TErrors = never, TNodeArgs = never>
  extends CoordinatorFunctionDefinition {
  readonly name: TName;
  readonly $infer: CoordinatorFnTypes<TArgs, TOutput, TErrors, TNodeArgs>;
}

/** Any of them, for constraints. */
export interface AnyCoordinatorFn {
  readonly name: string;
  readonly $infer: CoordinatorFnTypes<unknown, unknown, unknown, unknown>;
}

/** Arguments of the built-in functions that may be, or hold, parameters. */
interface OpenArgs {
  "vars.set": { readonly kv: { readonly [key: string]: Json } };
  "vars.merge": { readonly data: { readonly [key: string]: Json } };
  "vars.incr": { readonly by?: number };
}

/** Those that are written out. `TNode` are the nodes that they may name, `TOwnId` is the node's own id. */
interface WrittenArgs<TNode extends string, TOwnId extends string> {
  "vars.set": { readonly blockSensitive?: boolean };
  "vars.merge": { readonly blockSensitive?: boolean };
  "vars.incr": { readonly key: string };
  "vars.unset": { readonly keys: readonly string[] };
  "merge.generic": {
    readonly fromNodes: readonly TNode[];
    readonly target: {
      readonly key: string;
      /** The node's own id, where it is given at all. */
      readonly nodeId?: TOwnId;
    };
  };
  "metrics.aggregate": {
    readonly nodeId: TNode;
    readonly mode?: "sum" | "mean" | "min" | "max" | "last";
  };
  noop: {};
}

/**
 * `vars.set` sets variables of the task, nested objects become dotted paths; `vars.merge` merges into them, deeply;
 * `vars.incr` adds to a number among them, by 1 unless told otherwise; `vars.unset` removes some.
 *
 * `merge.generic` merges all outputs of `fromNodes` into one: lists are joined, objects merged, of other values the last
 * wins. `metrics.aggregate` makes one number of each metric of a node's batches. `noop` is a place to wait at.
 */
export type BuiltInFunctionName = keyof WrittenArgs<string, string>;

/** What may hold parameters. */
export type OpenArgsOf<TFn> = TFn extends AnyCoordinatorFn
  ? [TFn["$infer"]["nodeArgs"]] extends [never]
    ? TFn["$infer"]["args"]
    : Omit<TFn["$infer"]["args"], TFn["$infer"]["nodeArgs"] & string>
  : TFn extends keyof OpenArgs
    ? OpenArgs[TFn]
    : {};

/** What else there is. A built-in function reads its parents only, one of your own any node before it. */
export type WrittenArgsOf<
  TFn,
  TId extends string,
  TParent extends string,
  TIds extends string,
> = TFn extends AnyCoordinatorFn
  ? [TFn["$infer"]["nodeArgs"]] extends [never]
    ? {}
    : NodeArgs<Pick<TFn["$infer"]["args"], TFn["$infer"]["nodeArgs"] & keyof TFn["$infer"]["args"]>, TIds>
  : TFn extends BuiltInFunctionName
    ? WrittenArgs<TParent, TId>[TFn]
    : {};

type NodeArgs<TArgs, TIds extends string> = { readonly [TKey in keyof TArgs]: NodeArg<TArgs[TKey], TIds> };

type NodeArg<T, TIds extends string> = T extends string
  ? TIds | ParamReference<string>
  : T extends readonly (infer TElement)[]
    ? readonly NodeArg<TElement, TIds>[]
    : T;

/** The arguments that a function knows, whatever was written. */
export type KnownArgsOf<TFn> = TFn extends AnyCoordinatorFn
  ? TFn["$infer"]["args"]
  : OpenArgsOf<TFn> & WrittenArgsOf<TFn, string, string, string>;

export type FnNameOf<TFn> = TFn extends AnyCoordinatorFn ? TFn["name"] : TFn & string;

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
