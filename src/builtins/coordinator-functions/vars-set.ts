import * as z from "zod";
import type { Json } from "../../errors/index.ts";
import { builtIn } from "./function.ts";
import { ownCopy } from "./owned-json.ts";
import { refuseSensitive } from "./sensitive-values.ts";
import { varLeaves } from "./var-leaves.ts";
import { changedVars, changeVars, setVar } from "./var-tree.ts";

/**
 * `vars.set`: each leaf of `kv` becomes the value at its path, whatever was there. A list replaces a list, an empty
 * object empties an object; variables that are not named stay.
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
