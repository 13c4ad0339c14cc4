import type { CoordinatorFunctionDefinition } from "../../definitions/index.ts";
import { builtIn } from "./built-in.ts";
import { ownCopy } from "./owned-json.ts";
import { refuseSensitive, type SensitiveDetector } from "./sensitive-values.ts";
import { varLeaves } from "./var-leaves.ts";
import { changedVars, changeVars, setVar } from "./var-tree.ts";

/**
 * `vars.set`: each leaf of `kv` becomes the value at its path, whatever was there. A list replaces a list, an empty
 * object empties an object; what isn't named stays.
 *
 * `kv: { "limits.rows": 10, run: { by: "cron" } }` sets `limits.rows` and `run.by`.
 */
export function varsSet(detect: SensitiveDetector): CoordinatorFunctionDefinition {
  return builtIn({
    name: "vars.set",
    output: changedVars,
    run(ctx) {
      const leaves = varLeaves(ctx.args.kv);
      if (ctx.args.block_sensitive === true) refuseSensitive(leaves, detect);
      const paths = leaves.map(({ path }) => path);
      return changeVars(ctx, paths, (vars) => {
        for (const { path, value } of leaves) setVar(vars, path, ownCopy(value));
      });
    },
  });
}
