import * as z from "zod";
import type { Json } from "../../errors/index.ts";
import { mergeOverwriting } from "./deep-merge.ts";
import { badFnArgs, builtIn } from "./function.ts";
import { type OwnedObject, ownCopy } from "./owned-json.ts";
import { refuseSensitive } from "./sensitive-values.ts";
import { checkVarPath, checkVarPaths, quotedPath, type VarLeaf, varLeaves } from "./var-leaves.ts";
import { changedVars, changeVars, obstacleTo, readVar, setVar, unsetVar } from "./var-tree.ts";

/**
 * `vars.set`: each leaf of `kv` replaces whatever is at its path. A list replaces a list, an empty object empties an
 * object; other variables do not change.
 *
 * `kv: { "limits.rows": 10, run: { by: "cron" } }` sets `limits.rows` and `run.by`.
 */
export const varsSet = builtIn({
  args: z.strictObject({ kv: z.record(z.string(), z.unknown()), block_sensitive: z.boolean().optional() }),
  output: changedVars,
  open: { arg: "kv", whole: false },
  run(ctx, { detectSensitive }) {
    const leaves = varLeaves(ctx.args.kv);
    if (ctx.args.block_sensitive === true) refuseSensitive(leaves, detectSensitive);
    const paths = leaves.map(({ path }) => path);
    return changeVars(ctx, paths, (vars) => {
      for (const { path, value } of leaves) setVar(vars, path, ownCopy(value));
    });
  },
});

export interface VarsSetTypes {
  readonly open: { readonly kv: { readonly [key: string]: Json } };
  readonly written: { readonly blockSensitive?: boolean };
  readonly output: { keys: string[] };
}

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

function treeOf(leaves: readonly VarLeaf[]): OwnedObject {
  const tree: OwnedObject = {};
  for (const { path, value } of leaves) setVar(tree, path, ownCopy(value));
  return tree;
}
