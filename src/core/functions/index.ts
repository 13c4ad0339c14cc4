import * as z from "zod";
import type { CoordinatorFunctionDefinition } from "../../definitions/index.ts";
import { builtIn } from "./built-in.ts";
import { mergeGeneric } from "./merge-generic.ts";
import { metricsAggregate } from "./metrics-aggregate.ts";
import { detectSensitive, type SensitiveDetector } from "./sensitive-values.ts";
import { varsIncr } from "./vars-incr.ts";
import { varsMerge } from "./vars-merge.ts";
import { varsSet } from "./vars-set.ts";
import { varsUnset } from "./vars-unset.ts";

/** `noop`: takes any arguments and stores `{}`. A place where edges meet, or a stand-in while a graph is drawn up. */
export const noop: CoordinatorFunctionDefinition = builtIn({
  name: "noop",
  output: z.strictObject({}),
  run: () => ({}),
});

export { detectSensitive, type SensitiveDetector } from "./sensitive-values.ts";

export interface BuiltInFunctionOptions {
  /**
   * Judges the values of calls with `block_sensitive: true`, in place of the default: call {@link detectSensitive} in
   * it to add to the default.
   */
  readonly detectSensitive?: SensitiveDetector;
}

/**
 * The coordinator functions that every engine has.
 *
 * @example
 * const fns = createBuiltInCoordinatorFns({
 *   detectSensitive: (text) => (text.startsWith("cust_") ? "a customer key" : detectSensitive(text)),
 * })
 * fns.map((fn) => fn.name) // ["vars.set", "vars.merge", "vars.incr", "vars.unset", "merge.generic", …]
 */
export function createBuiltInCoordinatorFns(
  options: BuiltInFunctionOptions = {},
): readonly CoordinatorFunctionDefinition[] {
  const detect = options.detectSensitive ?? detectSensitive;
  return [varsSet(detect), varsMerge(detect), varsIncr, varsUnset, mergeGeneric, metricsAggregate, noop];
}

/** The same with the default detector. */
export const builtInCoordinatorFns: readonly CoordinatorFunctionDefinition[] = createBuiltInCoordinatorFns();
