import { forbiddenKeys } from "../../graph/names.ts";
import { cut } from "../../graph/quoted.ts";
import { badFnArgs } from "./bad-fn-args.ts";

/** What one call may name and store. Lengths of paths count UTF-16 units, as `length` does. */
export const varLimits = {
  pathsPerCall: 256,
  segments: 16,
  pathLength: 512,
  segmentLength: 128,
  /** Of each string in a value, in UTF-8. */
  stringBytes: 64 * 1024,
} as const;

/** A variable's path within a sentence. */
export const quotedPath = (path: string): string => `'${cut(path)}'`;

/**
 * A path names a variable: `a.b` is the key `b` of the object that is the value of `a`.
 *
 * @throws PermanentError `bad_fn_args`
 */
export function checkVarPath(path: string): void {
  const problem = pathProblem(path);
  if (problem !== undefined) throw badFnArgs(`the variable path ${quotedPath(path)} ${problem}`);
}

/** The paths of a call that lists them. */
export function checkVarPaths(paths: readonly string[]): void {
  const beyond = paths[varLimits.pathsPerCall];
  if (beyond !== undefined) throw tooManyPaths(beyond);
  for (const path of paths) checkVarPath(path);
}

/** @param beyond - the first path after as many as are allowed */
export function tooManyPaths(beyond: string): Error {
  return badFnArgs(
    `a call names at most ${varLimits.pathsPerCall} variables, this one goes on with ${quotedPath(beyond)}`,
  );
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
