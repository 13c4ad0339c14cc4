import type { BuiltInFunctionName, FunctionTypes } from "../../builtins/coordinator-functions/index.ts";
import type { NodeRecords } from "../../builtins/node-records.ts";
import type { CoordinatorFunctionDefinition } from "../../definitions/index.ts";
import type { ParamReference } from "./param.ts";

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

/** What may hold parameters. */
export type OpenArgsOf<TFn> = TFn extends AnyCoordinatorFn
  ? [TFn["$infer"]["nodeArgs"]] extends [never]
    ? TFn["$infer"]["args"]
    : Omit<TFn["$infer"]["args"], TFn["$infer"]["nodeArgs"] & string>
  : TFn extends BuiltInFunctionName
    ? FunctionTypes<never, never, never, never>[TFn]["open"]
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
    ? FunctionTypes<TParent, TId, never, never>[TFn]["written"]
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

/** What a function's node stores: one batch. */
export type FnOutputOf<TNodes extends NodeRecords, TFn, TArgs> = TFn extends AnyCoordinatorFn
  ? TFn["$infer"]["output"]
  : TFn extends BuiltInFunctionName
    ? FunctionTypes<never, never, TNodes, TArgs>[TFn]["output"]
    : never;
