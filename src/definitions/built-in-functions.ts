import {
  type BuiltInFunction,
  builtInFunctions,
  detectSensitive,
  type SensitiveDetector,
} from "../builtins/coordinator-functions/index.ts";
import type { CoordinatorFunctionDefinition } from "./coordinator-function.ts";

export interface BuiltInFunctionOptions {
  /**
   * Checks the values of calls with `block_sensitive: true` instead of the default; call {@link detectSensitive} in it
   * to extend the default.
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
 * fns.map((fn) => fn.name) // ["vars.set", "vars.merge", …]
 */
export function createBuiltInCoordinatorFns(
  options: BuiltInFunctionOptions = {},
): readonly CoordinatorFunctionDefinition[] {
  const given = { detectSensitive: options.detectSensitive ?? detectSensitive };
  return Object.entries(builtInFunctions).map(([name, fn]) => ({
    kind: "coordinatorFn",
    name,
    args: fn.args,
    output: fn.output,
    // The only cast: callers of a function decode its arguments with `args` first.
    run: (ctx) => (fn as BuiltInFunction).run(ctx, given),
  }));
}

/** The same functions with the default detector. */
export const builtInCoordinatorFns: readonly CoordinatorFunctionDefinition[] = createBuiltInCoordinatorFns();
