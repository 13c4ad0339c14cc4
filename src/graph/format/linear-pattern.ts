import { RE2JS } from "re2js";
import * as z from "zod";

/**
 * Patterns come from graphs that anybody may have written, and a backtracking engine needs exponential time for some of
 * them. RE2 needs linear time for every pattern that it accepts; it has no lookaround and no backreferences.
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

/** What zod writes into a JSON Schema for its own formats; some of it has a lookahead. */
const patternsOfZod: ReadonlyMap<string, RegExp> = new Map(
  [...Object.values(z.regexes), z.regexes.emoji()].flatMap((pattern) =>
    pattern instanceof RegExp ? [[pattern.source, pattern]] : [],
  ),
);

/** An expression that tests a text in linear time. */
export const linearPattern = (source: string): RegExp => patternsOfZod.get(source) ?? new LinearPattern(source);

/** How much a pattern costs, in instructions of RE2; or why it is refused. */
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
  // In a pattern without such a group JavaScript takes it for text, in one with it for a backreference.
  if (source.includes("\\k<")) throw new SyntaxError("invalid escape sequence: `\\k`");
  return RE2JS.compile(RE2JS.translateRegExp(source));
}
