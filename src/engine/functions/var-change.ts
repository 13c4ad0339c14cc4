import * as z from "zod";
import type { CoordinatorFunctionContext } from "../../definitions/index.ts";
import { isOwnedObject, type OwnedObject, ownCopy } from "./owned-json.ts";
import type { VarPath } from "./var-paths.ts";

/**
 * What a function that changes variables stores: the dotted paths it named, sorted. Values of before or after are no
 * part of it, since a retry whose change was stored by an earlier attempt couldn't tell them.
 */
export const changedVars = z.strictObject({ keys: z.array(z.string()) });

/**
 * Changes the variables and logs which. `change` gets a copy to change in place, a new one each time it is called: so
 * it may be called any number of times, and nothing it leaves behind is shared with what the store holds.
 */
export async function changeVars(
  ctx: CoordinatorFunctionContext,
  paths: readonly VarPath[],
  change: (vars: OwnedObject) => OwnedObject,
): Promise<z.output<typeof changedVars>> {
  const keys = paths.map(({ text }) => text).sort();
  await ctx.vars.update((current) => change(ownObject(current)));
  ctx.logger.info({ keys, count: keys.length }, "variables changed");
  return { keys };
}

function ownObject(vars: object): OwnedObject {
  const copy = ownCopy(vars);
  if (!isOwnedObject(copy)) throw new TypeError("the task's variables aren't an object");
  return copy;
}
