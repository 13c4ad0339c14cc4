import type { CoordinatorFunctionDefinition } from "../../definitions/index.ts";
import { builtIn } from "./built-in.ts";
import { mergeOverwriting } from "./deep-merge.ts";
import { type OwnedObject, ownCopy } from "./owned-json.ts";
import { refuseSensitive, type SensitiveDetector } from "./sensitive-values.ts";
import { type VarLeaf, varLeaves } from "./var-leaves.ts";
import { changedVars, changeVars, setVar } from "./var-tree.ts";

/**
 * `vars.merge`: merges `data` into the variables; leaves overwrite, lists are leaves. Unlike `vars.set` an empty object
 * takes nothing away: it only sees to it that there is an object.
 */
export function varsMerge(detect: SensitiveDetector): CoordinatorFunctionDefinition {
  return builtIn({
    name: "vars.merge",
    output: changedVars,
    run(ctx) {
      const leaves = varLeaves(ctx.args.data);
      if (ctx.args.block_sensitive === true) refuseSensitive(leaves, detect);
      const paths = leaves.map(({ path }) => path);
      return changeVars(ctx, paths, (vars) => {
        mergeOverwriting(vars, treeOf(leaves)); // two objects: the first is changed in place
      });
    },
  });
}

function treeOf(leaves: readonly VarLeaf[]): OwnedObject {
  const tree: OwnedObject = {};
  for (const { path, value } of leaves) setVar(tree, path, ownCopy(value));
  return tree;
}
