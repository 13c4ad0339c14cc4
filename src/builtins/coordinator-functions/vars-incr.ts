import * as z from "zod";
import { badFnArgs } from "./bad-fn-args.ts";
import { builtIn } from "./function.ts";
import type { OwnedObject } from "./owned-json.ts";
import { checkVarPath, quotedPath } from "./var-leaves.ts";
import { changedVars, changeVars, obstacleTo, readVar, setVar } from "./var-tree.ts";

/**
 * `vars.incr`: adds `by` to the number at `key`, which counts as 0 if it does not exist. Unlike setting, it replaces
 * nothing: another kind of value at the path, or on the way to it, is an error.
 */
export const varsIncr = builtIn({
  args: z.strictObject({ key: z.string(), by: z.number().default(1) }),
  output: changedVars,
  open: { arg: "by", whole: true },
  run(ctx) {
    const { key, by } = ctx.args;
    checkVarPath(key);
    if (!Number.isFinite(by)) throw badFnArgs(`the variable ${quotedPath(key)} cannot be incremented by ${by}`);
    return changeVars(ctx, [key], (vars) => {
      const sum = numberAt(vars, key) + by;
      if (!Number.isFinite(sum)) throw badFnArgs(`the variable ${quotedPath(key)} would exceed the largest number`);
      setVar(vars, key, sum);
    });
  },
});

export interface VarsIncrTypes {
  readonly open: { readonly by?: number };
  readonly written: { readonly key: string };
  readonly output: { keys: string[] };
}

function numberAt(vars: OwnedObject, key: string): number {
  const obstacle = obstacleTo(vars, key);
  if (obstacle !== undefined) {
    throw badFnArgs(`the variable ${quotedPath(key)} cannot be incremented: ${quotedPath(obstacle)} is not an object`);
  }
  const value = readVar(vars, key);
  if (value === undefined) return 0;
  if (typeof value !== "number") throw badFnArgs(`the variable ${quotedPath(key)} is not a number`);
  return value;
}
