import * as z from "zod";
import type { CoordinatorFunctionContext } from "../../definitions/index.ts";
import { type OwnedObject, ownObjectCopy } from "./owned-json.ts";

/**
 * What a function that changes variables stores: the dotted paths it named, sorted. Values of before or after are no
 * part of it, since a retry whose change was stored by an earlier attempt couldn't tell them.
 */
export const changedVars = z.strictObject({ keys: z.array(z.string()) });

/**
 * Changes the variables and logs which. `change` gets a copy to change in place, a new one each time it is called: so
 * it may be called any number of times, and nothing is shared with what the store holds.
 */
export async function changeVars(
  ctx: CoordinatorFunctionContext,
  paths: readonly string[],
  change: (vars: OwnedObject) => void,
): Promise<z.output<typeof changedVars>> {
  const keys = [...new Set(paths)].sort();
  await ctx.vars.update((current) => {
    const vars = ownObjectCopy(current);
    change(vars);
    return vars;
  });
  ctx.logger.info({ keys, count: keys.length }, "variables changed");
  return { keys };
}
