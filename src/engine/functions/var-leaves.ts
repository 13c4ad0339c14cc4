import { isInstance } from "../../errors/index.ts";
import { forbiddenKeys } from "../../graph/names.ts";
import { copyJson, NotJsonError } from "../values/index.ts";
import { badFnArgs } from "./bad-fn-args.ts";
import { isOwnedObject, type OwnedJson } from "./owned-json.ts";
import { checkVarPath, quotedPath, tooManyPaths, varLimits } from "./var-paths.ts";

/** One variable of a call, with the value it gets. */
export interface VarLeaf {
  readonly path: string;
  readonly value: OwnedJson;
}

/**
 * Takes nested objects apart into dotted paths. A dot in a key separates segments too: `"a.b"` and `a: { b }` name the
 * same variable. Leaves are all other values: strings, numbers, booleans, null, lists (whole) and empty objects.
 *
 * @example
 * varLeaves({ "a.b": 1, c: { d: [2], e: {} } })
 * // [{ path: "a.b", value: 1 }, { path: "c.d", value: [2] }, { path: "c.e", value: {} }]
 *
 * @throws PermanentError `bad_fn_args`: a limit; a value that isn't JSON; two leaves of which one would overwrite the
 * other, so that the outcome would hang on the order of keys
 */
export function varLeaves(values: { readonly [key: string]: unknown }): readonly VarLeaf[] {
  const leaves: VarLeaf[] = [];
  collect(values, "", leaves);
  refuseOverlaps(leaves.map(({ path }) => path));
  return leaves;
}

/** The limit on segments bounds how deep this goes, the limit on paths how far. */
function collect(values: { readonly [key: string]: unknown }, prefix: string, leaves: VarLeaf[]): void {
  for (const key of Object.keys(values)) {
    const path = `${prefix}${key}`;
    checkVarPath(path);
    const value = values[key];
    if (isFilledObject(value)) {
      collect(value, `${path}.`, leaves);
    } else {
      if (leaves.length === varLimits.pathsPerCall) throw tooManyPaths(path);
      leaves.push({ path, value: checkedValue(path, value) });
    }
  }
}

function isFilledObject(value: unknown): value is { readonly [key: string]: unknown } {
  if (typeof value !== "object" || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return (prototype === Object.prototype || prototype === null) && Object.keys(value).length > 0;
}

function checkedValue(path: string, value: unknown): OwnedJson {
  const refuse = (problem: string, options?: ErrorOptions): never => {
    throw badFnArgs(`the value of the variable ${quotedPath(path)} ${problem}`, options);
  };
  const copy = jsonOf(value, refuse);
  for (const text of textsIn(copy)) {
    const bytes = Buffer.byteLength(text);
    if (bytes > varLimits.stringBytes) refuse(`has a string of ${bytes} bytes, the limit is ${varLimits.stringBytes}`);
  }
  for (const key of keysIn(copy)) if (forbiddenKeys.has(key)) refuse(`has the key ${key}, which is reserved`);
  return copy;
}

function jsonOf(value: unknown, refuse: (problem: string, options?: ErrorOptions) => never): OwnedJson {
  try {
    return copyJson(value) as OwnedJson; // fresh, so it may be called owned
  } catch (error) {
    if (!isInstance(error, NotJsonError)) throw error;
    return refuse(`isn't JSON: ${error.message}`, { cause: error });
  }
}

/** Every string of a value, the keys of its objects included. */
export function* textsIn(value: OwnedJson): Generator<string> {
  yield* keysIn(value);
  yield* stringsIn(value);
}

function* stringsIn(value: OwnedJson): Generator<string> {
  if (typeof value === "string") yield value;
  else if (typeof value === "object" && value !== null) {
    for (const inner of Object.values(value)) yield* stringsIn(inner);
  }
}

function* keysIn(value: OwnedJson): Generator<string> {
  if (typeof value !== "object" || value === null) return;
  if (isOwnedObject(value)) yield* Object.keys(value);
  for (const inner of Object.values(value)) yield* keysIn(inner);
}

function refuseOverlaps(paths: readonly string[]): void {
  const all = new Set<string>();
  for (const path of paths) {
    if (all.has(path)) throw badFnArgs(`the variable ${quotedPath(path)} is given twice in one call`);
    all.add(path);
  }
  for (const path of all) {
    for (let dot = path.indexOf("."); dot !== -1; dot = path.indexOf(".", dot + 1)) {
      const above = path.slice(0, dot);
      if (!all.has(above)) continue;
      throw badFnArgs(`the variable ${quotedPath(above)} and a part of it, ${quotedPath(path)}, are in one call`);
    }
  }
}
