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

/** Where a variable is: `a.b` is the key `b` of the object that is the value of `a`. */
export interface VarPath {
  readonly text: string;
  readonly segments: readonly string[];
}

/** A path within a sentence. */
export const quotedPath = (text: string): string => `'${cut(text)}'`;

/**
 * @example
 * parseVarPath("totals.rows").segments // ["totals", "rows"]
 *
 * @throws PermanentError `bad_fn_args`
 */
export function parseVarPath(text: string): VarPath {
  if (text.length > varLimits.pathLength) {
    throw badPath(text, `has ${text.length} characters, the limit is ${varLimits.pathLength}`);
  }
  const segments = text.split(".");
  if (segments.length > varLimits.segments) {
    throw badPath(text, `has ${segments.length} segments, the limit is ${varLimits.segments}`);
  }
  for (const segment of segments) {
    const problem = segmentProblem(segment);
    if (problem !== undefined) throw badPath(text, problem);
  }
  return { text, segments };
}

/** The paths of a call that lists them. */
export function parseVarPaths(texts: readonly string[]): readonly VarPath[] {
  const first = texts[varLimits.pathsPerCall];
  if (first !== undefined) throw tooManyPaths(first);
  return texts.map(parseVarPath);
}

/** @param first - the path with which the limit is passed */
export function tooManyPaths(first: string): Error {
  return badFnArgs(`more than ${varLimits.pathsPerCall} variables in one call, from ${quotedPath(first)} on`);
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

function badPath(text: string, problem: string): Error {
  return badFnArgs(`the variable path ${quotedPath(text)} ${problem}`);
}
