import * as z from "zod";
import type { FunctionContext } from "./function.ts";
import { isOwnedObject, type OwnedJson, type OwnedObject, ownObjectCopy, ownValue } from "./owned-json.ts";

/*
 * Variables are a tree of objects, and a dotted path leads through own keys of objects only: not through lists
 * (`rows.0` is not an element of `rows`), and not through inherited properties.
 */

export function readVar(vars: OwnedObject, path: string): OwnedJson | undefined {
  let value: OwnedJson | undefined = vars;
  for (const segment of path.split(".")) {
    if (!isOwnedObject(value)) return undefined;
    value = ownValue(value, segment);
  }
  return value;
}

/**
 * Sets the variable in place, whatever was there: anything on the path that is not an object is replaced by one. So
 * reading the path afterwards always returns `value`, and setting cannot fail because of what others stored.
 */
export function setVar(vars: OwnedObject, path: string, value: OwnedJson): void {
  const { way, last } = wayTo(path);
  let holder = vars;
  for (const segment of way) {
    const next = ownValue(holder, segment);
    if (isOwnedObject(next)) holder = next;
    else {
      const made: OwnedObject = {};
      holder[segment] = made;
      holder = made;
    }
  }
  holder[last] = value;
}

/** Removes the variable in place, and the objects around it that become empty. A missing variable is not an error. */
export function unsetVar(vars: OwnedObject, path: string): void {
  const { way, last } = wayTo(path);
  const holders = [vars];
  let holder = vars;
  for (const segment of way) {
    const next = ownValue(holder, segment);
    if (!isOwnedObject(next)) return;
    holders.push(next);
    holder = next;
  }
  if (!Object.hasOwn(holder, last)) return;
  delete holder[last];
  for (let depth = way.length; depth > 0; depth--) {
    const [outer, inner, segment] = [holders[depth - 1], holders[depth], way[depth - 1]];
    if (outer === undefined || inner === undefined || segment === undefined || Object.keys(inner).length > 0) return;
    delete outer[segment];
  }
}

/** The first value on the path that is not an object; `undefined` if there is none. */
export function obstacleTo(vars: OwnedObject, path: string): string | undefined {
  const { way } = wayTo(path);
  let holder = vars;
  for (const [index, segment] of way.entries()) {
    const next = ownValue(holder, segment);
    if (next === undefined) return undefined;
    if (!isOwnedObject(next)) return way.slice(0, index + 1).join(".");
    holder = next;
  }
  return undefined;
}

function wayTo(path: string): { readonly way: readonly string[]; readonly last: string } {
  const dot = path.lastIndexOf(".");
  return { way: dot === -1 ? [] : path.slice(0, dot).split("."), last: path.slice(dot + 1) };
}

/**
 * The output of functions that change variables: the dotted paths they named, sorted. Values before or after are not
 * included, as a retry whose change was stored by an earlier attempt does not know them.
 */
export const changedVars = z.strictObject({ keys: z.array(z.string()) });

/**
 * Changes the variables and logs which. `change` receives a new copy on each call, which it changes in place: it may be
 * called any number of times, and the copy is not shared with the store.
 */
export async function changeVars(
  ctx: FunctionContext,
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
