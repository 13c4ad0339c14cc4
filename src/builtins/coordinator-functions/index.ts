import type { output } from "zod/v4/core";
import type { JsonObject } from "../../errors/index.ts";
import type { DataType } from "../../graph/data/data-type.ts";
import { readSchema } from "../../graph/data/read-schema.ts";
import type { NodeRecords } from "../node-records.ts";
import type { BuiltInFunction } from "./function.ts";
import { type MergeGenericTypes, mergeGeneric } from "./merge-generic.ts";
import { type MetricsAggregateTypes, metricsAggregate } from "./metrics-aggregate.ts";
import { type NoopTypes, noop } from "./noop.ts";
import {
  type VarsIncrTypes,
  type VarsMergeTypes,
  type VarsSetTypes,
  type VarsUnsetTypes,
  varsIncr,
  varsMerge,
  varsSet,
  varsUnset,
} from "./vars.ts";
import { type WaitSignalTypes, waitSignal } from "./wait-signal.ts";

export type { BuiltInFunction, SensitiveDetector } from "./function.ts";
export type { OwnIdPath } from "./merge-generic.ts";
export { detectSensitive } from "./sensitive-values.ts";

/** The built-in coordinator functions, by name. */
export const builtInFunctions = {
  "vars.set": varsSet,
  "vars.merge": varsMerge,
  "vars.incr": varsIncr,
  "vars.unset": varsUnset,
  "merge.generic": mergeGeneric,
  "metrics.aggregate": metricsAggregate,
  "wait.signal": waitSignal,
  noop,
} as const satisfies { readonly [TName in BuiltInFunctionName]: BuiltInFunction };

/**
 * What the compiler knows about each function: its arguments in the builder's names, those that may be or contain
 * parameters (`open`) and those that are written out (`written`), and its output. `TNode` are the nodes that it may
 * name, `TOwnId` is the id of its own node, `TArgs` the arguments as written.
 */
export interface FunctionTypes<TNode extends string, TOwnId extends string, TNodes extends NodeRecords, TArgs> {
  "vars.set": VarsSetTypes;
  "vars.merge": VarsMergeTypes;
  "vars.incr": VarsIncrTypes;
  "vars.unset": VarsUnsetTypes;
  "merge.generic": MergeGenericTypes<TNode, TOwnId, TNodes, TArgs>;
  "metrics.aggregate": MetricsAggregateTypes<TNode>;
  "wait.signal": WaitSignalTypes;
  noop: NoopTypes;
}

/** The functions whose arguments have no fixed names. */
export type TakesAnyArgs = "noop";

/**
 * The built-in coordinator functions. Those of `vars` change variables of the task: `set` sets them, with nested
 * objects as dotted paths; `merge` merges deeply into them; `incr` adds to a number, by default 1; `unset` removes
 * them.
 *
 * `merge.generic` merges all outputs of `fromNodes` into one: lists are concatenated, objects merged, and for other
 * values the last one wins. `metrics.aggregate` computes one number per metric of a node's batches. `noop` does
 * nothing, and serves as a point to wait for.
 */
export type BuiltInFunctionName = keyof FunctionTypes<string, string, NodeRecords, unknown>;

/** The arguments of a built-in coordinator function as it receives them, with defaults filled in. */
export type BuiltInFunctionArgs<TName extends BuiltInFunctionName> = output<(typeof builtInFunctionArgs)[TName]>;

/**
 * The built-in coordinator functions by name, each with the schema of its `fn_args`. Shapes only: the limits on
 * variables apply to values that may come from parameters, so they are checked when the function runs.
 *
 * @example
 * builtInFunctionArgs["vars.incr"].safeParse({ key: "runs" }).data // { key: "runs", by: 1 }
 */
export const builtInFunctionArgs = argsOf(builtInFunctions);

/** Inferred, so that the declarations contain only the schemas and not the whole functions. */
function argsOf<TTable extends Readonly<Record<string, BuiltInFunction>>>(table: TTable) {
  const args = Object.entries(table).map(([name, fn]) => [name, fn.args]);
  return Object.fromEntries(args) as { readonly [TName in keyof TTable]: TTable[TName]["args"] };
}

export function isBuiltInFunction(name: string): name is BuiltInFunctionName {
  return Object.hasOwn(builtInFunctions, name);
}

/** The output of a built-in function whose arguments describe it; `undefined` for others. */
export function outputAsWritten(fn: string, args: JsonObject): DataType | undefined {
  const schema = builtInFunction(fn)?.outputOf?.(args);
  return schema === undefined ? undefined : readSchema(schema);
}

/** `undefined` for a custom function. */
export function builtInFunction(name: string): BuiltInFunction | undefined {
  return isBuiltInFunction(name) ? builtInFunctions[name] : undefined;
}
