import { isOwnedObject, type OwnedJson, type OwnedObject, ownValue } from "./owned-json.ts";
import type { VarPath } from "./var-paths.ts";

/*
 * Variables are a tree of objects, and a path leads through objects only: neither through lists (`rows.0` is no
 * element of `rows`) nor through what objects inherit.
 */

export function readVar(vars: OwnedObject, path: VarPath): OwnedJson | undefined {
  let value: OwnedJson | undefined = vars;
  for (const segment of path.segments) {
    if (!isOwnedObject(value)) return undefined;
    value = ownValue(value, segment);
  }
  return value;
}

/**
 * Sets the variable in place, whatever was there: what the path meets on its way that isn't an object is replaced by
 * one. So reading the path afterwards always gives `value`, and setting can't fail for what others stored before.
 */
export function setVar(vars: OwnedObject, path: VarPath, value: OwnedJson): void {
  let holder = vars;
  for (const segment of path.segments.slice(0, -1)) {
    const next = ownValue(holder, segment);
    if (isOwnedObject(next)) holder = next;
    else {
      const made: OwnedObject = {};
      holder[segment] = made;
      holder = made;
    }
  }
  holder[lastSegment(path)] = value;
}

/** Removes the variable in place, and the objects around it that this leaves empty. What isn't there is gone already. */
export function unsetVar(vars: OwnedObject, path: VarPath): void {
  removeFrom(vars, path, 0);
}

function removeFrom(holder: OwnedObject, path: VarPath, index: number): boolean {
  const segment = path.segments[index];
  if (segment === undefined || !Object.hasOwn(holder, segment)) return false;
  if (index < path.segments.length - 1) {
    const inner = holder[segment];
    if (!isOwnedObject(inner) || !removeFrom(inner, path, index + 1)) return false;
    if (Object.keys(inner).length > 0) return true;
  }
  delete holder[segment];
  return true;
}

/** The nearest part of the way to the variable that holds something else than an object; `undefined`: the way is free. */
export function obstacleTo(vars: OwnedObject, path: VarPath): string | undefined {
  let value: OwnedJson | undefined = vars;
  for (const [index, segment] of path.segments.entries()) {
    if (value === undefined) return undefined;
    if (!isOwnedObject(value)) return path.segments.slice(0, index).join(".");
    value = ownValue(value, segment);
  }
  return undefined;
}

function lastSegment(path: VarPath): string {
  return path.segments[path.segments.length - 1] as string; // a path has at least one
}
