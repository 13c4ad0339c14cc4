import type { BuiltInFunctionName, FunctionTypes } from "../../builtins/coordinator-functions/index.ts";
import type { NodeRecords } from "../../builtins/node-records.ts";
import type { CoordinatorFunctionDefinition } from "../../definitions/index.ts";
import type { ParamReference } from "./param.ts";

/** What the compiler knows about a coordinator function: resolved types, not schemas. */
export interface CoordinatorFnTypes<TArgs, TOutput, TErrors = never, TNodeArgs = never> {
  /** Arguments as they are written in the graph. */
  readonly args: TArgs;
  /** The arguments that are the id of a node, or a list of ids. */
  readonly nodeArgs: TNodeArgs;
  readonly output: TOutput;
  /** The reason codes that it declares. */
  readonly errors: TErrors;
}

/** A custom coordinator function with its types. */
export interface CoordinatorFn<TName extends string, TArgs, TOutput, TErrors = never, TNodeArgs = never>
  extends CoordinatorFunctionDefinition {
  readonly name: TName;
  readonly $infer: CoordinatorFnTypes<TArgs, TOutput, TErrors, TNodeArgs>;
}

/** Any custom coordinator function, for constraints. */
export interface AnyCoordinatorFn {
  readonly name: string;
  readonly $infer: CoordinatorFnTypes<unknown, unknown, unknown, unknown>;
}

/** The arguments that may contain parameters. */
export type OpenArgsOf<TFn> = TFn extends AnyCoordinatorFn
  ? [TFn["$infer"]["nodeArgs"]] extends [never]
    ? TFn["$infer"]["args"]
    : Omit<TFn["$infer"]["args"], TFn["$infer"]["nodeArgs"] & string>
  : TFn extends BuiltInFunctionName
    ? FunctionTypes<never, never, never, never>[TFn]["open"]
    : {};

/** The other arguments. A built-in function reads only its parents, a custom one any node declared before it. */
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

/** The arguments that a function accepts, regardless of which were given. */
export type KnownArgsOf<TFn> = TFn extends AnyCoordinatorFn
  ? TFn["$infer"]["args"]
  : OpenArgsOf<TFn> & WrittenArgsOf<TFn, string, string, string>;

export type FnNameOf<TFn> = TFn extends AnyCoordinatorFn ? TFn["name"] : TFn & string;

/** The one batch that a function's node stores. */
export type FnOutputOf<TNodes extends NodeRecords, TFn, TArgs> = TFn extends AnyCoordinatorFn
  ? TFn["$infer"]["output"]
  : TFn extends BuiltInFunctionName
    ? FunctionTypes<never, never, TNodes, TArgs>[TFn]["output"]
    : never;
