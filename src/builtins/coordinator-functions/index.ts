import type { output } from "zod/v4/core";
import type { NodeRecords } from "../node-records.ts";
import type { BuiltInFunction } from "./function.ts";
import { type MergeGenericTypes, mergeGeneric } from "./merge-generic.ts";
import { type MetricsAggregateTypes, metricsAggregate } from "./metrics-aggregate.ts";
import { type NoopTypes, noop } from "./noop.ts";
import { type VarsIncrTypes, varsIncr } from "./vars-incr.ts";
import { type VarsMergeTypes, varsMerge } from "./vars-merge.ts";
import { type VarsSetTypes, varsSet } from "./vars-set.ts";
import { type VarsUnsetTypes, varsUnset } from "./vars-unset.ts";

export type { BuiltInFunction } from "./function.ts";
export type { OwnIdPath } from "./merge-generic.ts";
export { detectSensitive, type SensitiveDetector } from "./sensitive-values.ts";

/** The coordinator functions that come with the engine, by name. */
export const builtInFunctions = {
  "vars.set": varsSet,
  "vars.merge": varsMerge,
  "vars.incr": varsIncr,
  "vars.unset": varsUnset,
  "merge.generic": mergeGeneric,
  "metrics.aggregate": metricsAggregate,
  noop,
} as const satisfies { readonly [TName in BuiltInFunctionName]: BuiltInFunction };

/**
 * What the compiler knows of each: arguments in the builder's names, those that may be or hold parameters (`open`) and
 * those that are written out (`written`), and what it stores. `TNode` are the nodes that it may name, `TOwnId` is its
 * node's own id, `TArgs` what was written.
 */
export interface FunctionTypes<TNode extends string, TOwnId extends string, TNodes extends NodeRecords, TArgs> {
  "vars.set": VarsSetTypes;
  "vars.merge": VarsMergeTypes;
  "vars.incr": VarsIncrTypes;
  "vars.unset": VarsUnsetTypes;
  "merge.generic": MergeGenericTypes<TNode, TOwnId, TNodes, TArgs>;
  "metrics.aggregate": MetricsAggregateTypes<TNode>;
  noop: NoopTypes;
}

/** Those whose arguments have no names of their own. */
export type TakesAnyArgs = "noop";

/**
 * The coordinator functions that come with the engine. Those of `vars` change variables of the task: `set` sets some,
 * nested objects become dotted paths; `merge` merges into them, deeply; `incr` adds to a number among them, by 1 unless
 * told otherwise; `unset` removes some.
 *
 * `merge.generic` merges all outputs of `fromNodes` into one: lists are joined, objects merged, of other values the last
 * wins. `metrics.aggregate` makes one number of each metric of a node's batches. `noop` is a place to wait at.
 */
export type BuiltInFunctionName = keyof FunctionTypes<string, string, NodeRecords, unknown>;

/** The arguments of a built-in coordinator function as it gets them: defaults filled in. */
export type BuiltInFunctionArgs<TName extends BuiltInFunctionName> = output<(typeof builtInFunctionArgs)[TName]>;

/**
 * The built-in coordinator functions by name, each with the schema of its `fn_args`. Shapes only: the limits on
 * variables concern values that may come from parameters, so they are judged when the function runs.
 *
 * @example
 * builtInFunctionArgs["vars.incr"].safeParse({ key: "runs" }).data // { key: "runs", by: 1 }
 */
export const builtInFunctionArgs = argsOf(builtInFunctions);

/** Inferred, so that the declarations have the schemas alone, and not all that a function is made of. */
function argsOf<TTable extends Readonly<Record<string, BuiltInFunction>>>(table: TTable) {
  const args = Object.entries(table).map(([name, fn]) => [name, fn.args]);
  return Object.fromEntries(args) as { readonly [TName in keyof TTable]: TTable[TName]["args"] };
}

export function isBuiltInFunction(name: string): name is BuiltInFunctionName {
  return Object.hasOwn(builtInFunctions, name);
}

/** `undefined` for a function of the user's own. */
export function builtInFunction(name: string): BuiltInFunction | undefined {
  return isBuiltInFunction(name) ? builtInFunctions[name] : undefined;
}
