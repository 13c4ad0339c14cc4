import { forbiddenKeys } from "../../graph/names.ts";
import { NotJsonError } from "../values/index.ts";
import { badFnArgs } from "./bad-fn-args.ts";
import { isObject, isOwnedObject, type OwnedJson, ownCopy } from "./owned-json.ts";
import { parseVarPath, quotedPath, tooManyPaths, type VarPath, varLimits } from "./var-paths.ts";

/** One variable of a call, with the value it gets. */
export interface VarLeaf {
  readonly path: VarPath;
  readonly value: OwnedJson;
}

/**
 * Takes nested objects apart into dotted paths. A dot in a key separates segments, whether in `"a.b"` or in `a: { b }`.
 * Leaves are all other values: strings, numbers, booleans, null, lists (whole) and empty objects.
 *
 * @example
 * varLeaves({ "a.b": 1, c: { d: [2], e: {} } }) // paths and values: a.b = 1, c.d = [2], c.e = {}
 *
 * @throws PermanentError `bad_fn_args`: a limit; a value that isn't JSON; two leaves of which one would overwrite the
 * other, so that the outcome would hang on the order of keys
 */
export function varLeaves(values: { readonly [key: string]: unknown }): readonly VarLeaf[] {
  const leaves: VarLeaf[] = [];
  collect(values, "", leaves);
  refuseOverlaps(leaves);
  return leaves;
}

/** The number of segments bounds how deep this goes, the number of leaves how far. */
function collect(values: { readonly [key: string]: unknown }, prefix: string, leaves: VarLeaf[]): void {
  for (const key of Object.keys(values)) {
    const path = parseVarPath(`${prefix}${key}`);
    const value = values[key];
    if (isObject(value) && Object.keys(value).length > 0) {
      collect(value, `${path.text}.`, leaves);
    } else {
      if (leaves.length === varLimits.pathsPerCall) throw tooManyPaths(path.text);
      leaves.push({ path, value: checkedValue(path, value) });
    }
  }
}

function checkedValue(path: VarPath, value: unknown): OwnedJson {
  const copy = jsonOf(path, value);
  for (const text of textsIn(copy)) {
    const bytes = Buffer.byteLength(text);
    if (bytes > varLimits.stringBytes) {
      throw badValue(path, `has a string of ${bytes} bytes, the limit is ${varLimits.stringBytes}`);
    }
  }
  refuseReservedKeys(path, copy);
  return copy;
}

function jsonOf(path: VarPath, value: unknown): OwnedJson {
  try {
    return ownCopy(value);
  } catch (error) {
    if (!(error instanceof NotJsonError)) throw error;
    throw badValue(path, `isn't JSON: ${error.message}`, { cause: error });
  }
}

function refuseReservedKeys(path: VarPath, value: OwnedJson): void {
  if (Array.isArray(value)) {
    for (const item of value) refuseReservedKeys(path, item);
  } else if (isOwnedObject(value)) {
    for (const [key, item] of Object.entries(value)) {
      if (forbiddenKeys.has(key)) throw badValue(path, `has the key ${key}, which is reserved`);
      refuseReservedKeys(path, item);
    }
  }
}

/** Every string of a value, the keys of objects included. */
export function* textsIn(value: OwnedJson): Generator<string> {
  if (typeof value === "string") yield value;
  else if (Array.isArray(value)) for (const item of value) yield* textsIn(item);
  else if (isOwnedObject(value)) {
    for (const [key, item] of Object.entries(value)) {
      yield key;
      yield* textsIn(item);
    }
  }
}

function refuseOverlaps(leaves: readonly VarLeaf[]): void {
  const paths = new Set<string>();
  for (const { path } of leaves) {
    if (paths.has(path.text)) throw badFnArgs(`the variable ${quotedPath(path.text)} is given twice in one call`);
    paths.add(path.text);
  }
  for (const { path } of leaves) {
    for (let length = 1; length < path.segments.length; length++) {
      const above = path.segments.slice(0, length).join(".");
      if (paths.has(above)) {
        throw badFnArgs(
          `the variable ${quotedPath(above)} and a part of it, ${quotedPath(path.text)}, are in one call`,
        );
      }
    }
  }
}

function badValue(path: VarPath, problem: string, options?: ErrorOptions): Error {
  return badFnArgs(`the value of the variable ${quotedPath(path.text)} ${problem}`, options);
}
