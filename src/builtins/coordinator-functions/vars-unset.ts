import * as z from "zod";
import { builtIn } from "./function.ts";
import { checkVarPaths } from "./var-leaves.ts";
import { changedVars, changeVars, unsetVar } from "./var-tree.ts";

/**
 * `vars.unset`: removes the variables at `keys`, with everything below them, and the objects that become empty. A
 * missing variable is not an error.
 */
export const varsUnset = builtIn({
  args: z.strictObject({ keys: z.array(z.string()) }),
  output: changedVars,
  run(ctx) {
    const { keys } = ctx.args;
    checkVarPaths(keys);
    return changeVars(ctx, keys, (vars) => {
      for (const path of keys) unsetVar(vars, path);
    });
  },
});

export interface VarsUnsetTypes {
  readonly open: {};
  readonly written: { readonly keys: readonly string[] };
  readonly output: { keys: string[] };
}
