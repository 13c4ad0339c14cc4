import { isInstance } from "../../errors/index.ts";
import { cut } from "../../graph/format/messages.ts";
import { forbiddenKeys } from "../../graph/format/names.ts";
import { copyJson, NotJsonError } from "../../graph/format/plain-data.ts";
import { badFnArgs } from "./function.ts";
import { isOwnedObject, type OwnedJson } from "./owned-json.ts";

/** A variable of a call and its new value. */
export interface VarLeaf {
  readonly path: string;
  readonly value: OwnedJson;
}

/**
 * Flattens nested objects into dotted paths. A dot in a key separates segments too: `"a.b"` and `a: { b }` name the
 * same variable. Leaves are all other values: strings, numbers, booleans, null, lists (whole) and empty objects.
 *
 * @example
 * varLeaves({ "a.b": 1, c: { d: [2], e: {} } })
 * // [{ path: "a.b", value: 1 }, { path: "c.d", value: [2] }, { path: "c.e", value: {} }]
 *
 * @throws PermanentError `bad_fn_args` if a limit is exceeded, a value is not JSON, or one leaf would overwrite
 * another, so that the result would depend on the order of keys
 */
export function varLeaves(values: { readonly [key: string]: unknown }): readonly VarLeaf[] {
  const leaves: VarLeaf[] = [];
  collect(values, "", leaves);
  refuseOverlaps(leaves.map(({ path }) => path));
  return leaves;
}

/** The limit on segments bounds the depth, the limit on paths the number of iterations. */
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
    return copyJson(value) as OwnedJson; // a new object, so it is owned
  } catch (error) {
    if (!isInstance(error, NotJsonError)) throw error;
    return refuse(`is not JSON: ${error.message}`, { cause: error });
  }
}

/** Every string of a value, including the keys of its objects. */
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
    if (all.has(path)) throw badFnArgs(`the variable ${quotedPath(path)} appears twice in one call`);
    all.add(path);
  }
  for (const path of all) {
    for (let dot = path.indexOf("."); dot !== -1; dot = path.indexOf(".", dot + 1)) {
      const above = path.slice(0, dot);
      if (!all.has(above)) continue;
      throw badFnArgs(
        `the variable ${quotedPath(above)} and its part ${quotedPath(path)} cannot be changed in one call`,
      );
    }
  }
}

/** Limits of one call. Lengths of paths are in UTF-16 units, like `length`. */
const varLimits = {
  pathsPerCall: 256,
  segments: 16,
  pathLength: 512,
  segmentLength: 128,
  /** Of each string in a value, in UTF-8 bytes. */
  stringBytes: 64 * 1024,
} as const;

/** A variable's path, for use in a sentence. */
export const quotedPath = (path: string): string => `'${cut(path)}'`;

/**
 * A path names a variable: `a.b` is the key `b` of the object at `a`.
 *
 * @throws PermanentError `bad_fn_args`
 */
export function checkVarPath(path: string): void {
  const problem = pathProblem(path);
  if (problem !== undefined) throw badFnArgs(`the variable path ${quotedPath(path)} ${problem}`);
}

/** Checks the paths of a call that has a list of them. */
export function checkVarPaths(paths: readonly string[]): void {
  const beyond = paths[varLimits.pathsPerCall];
  if (beyond !== undefined) throw tooManyPaths(beyond);
  for (const path of paths) checkVarPath(path);
}

/** @param beyond - the first path above the limit */
function tooManyPaths(beyond: string): Error {
  return badFnArgs(`a call may name at most ${varLimits.pathsPerCall} variables, exceeded at ${quotedPath(beyond)}`);
}

function pathProblem(path: string): string | undefined {
  if (path.length > varLimits.pathLength) {
    return `has ${path.length} characters, the limit is ${varLimits.pathLength}`;
  }
  const segments = path.split(".");
  if (segments.length > varLimits.segments) {
    return `has ${segments.length} segments, the limit is ${varLimits.segments}`;
  }
  for (const segment of segments) {
    const problem = segmentProblem(segment);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

function segmentProblem(segment: string): string | undefined {
  if (segment === "") return "has an empty segment";
  if (segment.length > varLimits.segmentLength) {
    return `has a segment of ${segment.length} characters, the limit is ${varLimits.segmentLength}`;
  }
  if (segment.startsWith("$")) return "has a segment that starts with $";
  if (segment.includes("\0")) return "has a NUL character";
  if (forbiddenKeys.has(segment)) return `has the segment ${segment}, which is reserved`;
  return undefined;
}
