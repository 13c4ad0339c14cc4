import type { CoordinatorFunctionDefinition } from "../../definitions/index.ts";
import { badFnArgs } from "./bad-fn-args.ts";
import { builtIn } from "./built-in.ts";
import type { OwnedObject } from "./owned-json.ts";
import { changedVars, changeVars } from "./var-change.ts";
import { parseVarPath, quotedPath, type VarPath } from "./var-paths.ts";
import { obstacleTo, readVar, setVar } from "./var-tree.ts";

/**
 * `vars.incr`: adds `by` to the number at `key`, which counts as 0 when it isn't there. Unlike setting, counting never
 * takes anything's place: another value at the path, or on the way to it, is an error.
 */
export const varsIncr: CoordinatorFunctionDefinition = builtIn({
  name: "vars.incr",
  output: changedVars,
  run(ctx) {
    const path = parseVarPath(ctx.args.key);
    if (!Number.isFinite(ctx.args.by)) throw badFnArgs(`by of ${quotedPath(path.text)} isn't a finite number`);
    return changeVars(ctx, [path], (vars) => {
      const sum = numberAt(vars, path) + ctx.args.by;
      if (!Number.isFinite(sum)) throw badFnArgs(`the variable ${quotedPath(path.text)} would pass the largest number`);
      setVar(vars, path, sum);
      return vars;
    });
  },
});

function numberAt(vars: OwnedObject, path: VarPath): number {
  const obstacle = obstacleTo(vars, path);
  if (obstacle !== undefined) {
    throw badFnArgs(`the variable ${quotedPath(path.text)} can't be counted: ${quotedPath(obstacle)} isn't an object`);
  }
  const value = readVar(vars, path);
  if (value === undefined) return 0;
  if (typeof value !== "number") throw badFnArgs(`the variable ${quotedPath(path.text)} isn't a number`);
  return value;
}
