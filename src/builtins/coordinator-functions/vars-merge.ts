import * as z from "zod";
import type { Json } from "../../errors/index.ts";
import { mergeOverwriting } from "./deep-merge.ts";
import { builtIn } from "./function.ts";
import { type OwnedObject, ownCopy } from "./owned-json.ts";
import { refuseSensitive } from "./sensitive-values.ts";
import { type VarLeaf, varLeaves } from "./var-leaves.ts";
import { changedVars, changeVars, setVar } from "./var-tree.ts";

/**
 * `vars.merge`: merges `data` into the variables; leaves overwrite, and lists are leaves. Unlike with `vars.set`, an
 * empty object removes nothing: it only ensures that an object exists.
 */
export const varsMerge = builtIn({
  args: z.strictObject({ data: z.record(z.string(), z.unknown()), block_sensitive: z.boolean().optional() }),
  output: changedVars,
  open: { arg: "data", whole: false },
  run(ctx, { detectSensitive }) {
    const leaves = varLeaves(ctx.args.data);
    if (ctx.args.block_sensitive === true) refuseSensitive(leaves, detectSensitive);
    const paths = leaves.map(({ path }) => path);
    return changeVars(ctx, paths, (vars) => {
      mergeOverwriting(vars, treeOf(leaves)); // both are objects: the first is changed in place
    });
  },
});

export interface VarsMergeTypes {
  readonly open: { readonly data: { readonly [key: string]: Json } };
  readonly written: { readonly blockSensitive?: boolean };
  readonly output: { keys: string[] };
}

function treeOf(leaves: readonly VarLeaf[]): OwnedObject {
  const tree: OwnedObject = {};
  for (const { path, value } of leaves) setVar(tree, path, ownCopy(value));
  return tree;
}
