import type { CoordinatorFunctionDefinition } from "../../definitions/index.ts";
import { badFnArgs } from "./bad-fn-args.ts";
import { builtIn } from "./built-in.ts";
import type { OwnedObject } from "./owned-json.ts";
import { checkVarPath, quotedPath } from "./var-leaves.ts";
import { changedVars, changeVars, obstacleTo, readVar, setVar } from "./var-tree.ts";

/**
 * `vars.incr`: adds `by` to the number at `key`, which counts as 0 when it isn't there. Unlike setting, counting never
 * takes anything's place: another value at the path, or on the way to it, is an error.
 */
export const varsIncr: CoordinatorFunctionDefinition = builtIn({
  name: "vars.incr",
  output: changedVars,
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
