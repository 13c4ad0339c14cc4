import { RE2JS } from "re2js";
import * as z from "zod";

/**
 * Patterns come from untrusted graphs, and a backtracking engine takes exponential time for some of them. RE2 takes
 * linear time for every pattern that it accepts; it has no lookaround and no backreferences.
 */
class LinearPattern extends RegExp {
  readonly #compiled: RE2JS;

  constructor(source: string) {
    super(source);
    this.#compiled = compile(source);
  }

  override test(text: string): boolean {
    return this.#compiled.test(text);
  }
}

/** Patterns that zod writes into a JSON Schema for its own formats; some have a lookahead, which RE2 rejects. */
const patternsOfZod: ReadonlyMap<string, RegExp> = new Map(
  [...Object.values(z.regexes), z.regexes.emoji()].flatMap((pattern) =>
    pattern instanceof RegExp ? [[pattern.source, pattern]] : [],
  ),
);

/** A regular expression that matches in linear time. */
export const linearPattern = (source: string): RegExp => patternsOfZod.get(source) ?? new LinearPattern(source);

/** The size of a pattern in RE2 instructions, or why it is rejected. */
export function patternSize(source: string): { readonly size: number } | { readonly fault: string } {
  if (patternsOfZod.has(source)) return { size: 0 };
  try {
    new RegExp(source);
    return { size: compile(source).programSize() };
  } catch (error) {
    return { fault: (error as Error).message.replace("error parsing regexp: ", "") };
  }
}

function compile(source: string): RE2JS {
  // JavaScript reads it as a backreference if the pattern has a named group, otherwise as text.
  if (source.includes("\\k<")) throw new SyntaxError("invalid escape sequence: `\\k`");
  return RE2JS.compile(RE2JS.translateRegExp(source));
}
