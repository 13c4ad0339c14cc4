import * as z from "zod";
import { $ZodObject, type $ZodType } from "zod/v4/core";
import type { Json, JsonObject } from "../../errors/index.ts";
import type { Path } from "./pointer.ts";

/*
 * A pattern chooses values: a scalar equals, a list is one of its scalars, an object holds for each of its keys,
 * regardless of other keys of the value. `{ "$not": pattern }` and `{ "$exists": true }` stand for a value. A key
 * `$not` of the data is written `$$not`, a key `$$not` is written `$$$not`, and so on.
 */

export type Scalar = string | number | boolean | null;

/** A pattern, by its form. */
export type PatternForm =
  | { readonly kind: "oneOf"; readonly values: readonly Scalar[] }
  | { readonly kind: "not"; readonly pattern: Json }
  | { readonly kind: "exists"; readonly exists: boolean }
  /** By keys of the data. */
  | { readonly kind: "keys"; readonly keys: readonly (readonly [key: string, pattern: Json])[] };

const operators = ["$not", "$exists"] as const;
const escapedKey = /^\$\$+(?:not|exists)$/;

/** The form of a valid pattern. */
export function patternForm(pattern: Json): PatternForm {
  if (Array.isArray(pattern)) return { kind: "oneOf", values: pattern as readonly Scalar[] };
  if (!isObject(pattern)) return { kind: "oneOf", values: [pattern as Scalar] };
  if (pattern.$not !== undefined) return { kind: "not", pattern: pattern.$not };
  if (pattern.$exists !== undefined) return { kind: "exists", exists: pattern.$exists === true };
  const keys = Object.entries<Json>(pattern as { readonly [key: string]: Json });
  return { kind: "keys", keys: keys.map(([key, inner]) => [escapedKey.test(key) ? key.slice(1) : key, inner]) };
}

/**
 * Whether values match a pattern; `undefined` stands for a missing key.
 *
 * @example
 * const isLarge = matcher({ kind: ["refund", "chargeback"], bank: { country: { $not: "de" } } })
 * isLarge({ kind: "refund", bank: { country: "fr" }, cents: 5 }) // true
 */
export function matcher(pattern: Json): (value: Json | undefined) => boolean {
  const form = patternForm(pattern);
  switch (form.kind) {
    case "oneOf":
      return (value) => form.values.includes(value as Scalar);
    case "not": {
      const matches = matcher(form.pattern);
      return (value) => !matches(value);
    }
    case "exists":
      return (value) => (value !== undefined) === form.exists;
    case "keys": {
      const keys = form.keys.map(([key, inner]) => ({ key, matches: matcher(inner) }));
      return (value) =>
        isObject(value) &&
        keys.every(({ key, matches }) => matches(Object.hasOwn(value, key) ? value[key] : undefined));
    }
  }
}

/** The faults in the shape of a pattern, as expectations in the words of {@link expectation}. */
export function* patternFaults(
  pattern: Json | undefined,
  path: Path = [],
): Generator<{
  readonly path: Path;
  readonly expected: string;
}> {
  if (Array.isArray(pattern)) {
    if (pattern.length === 0) yield { path, expected: "must not be empty" };
    for (const [index, item] of pattern.entries()) {
      if (typeof item === "object" && item !== null) {
        yield { path: [...path, index], expected: "must be a string, a number, true, false or null" };
      }
    }
  } else if (isObject(pattern)) {
    const operator = operators.find((key) => Object.hasOwn(pattern, key));
    if (operator !== undefined && Object.keys(pattern).length > 1) {
      yield { path, expected: `must have no other key besides ${operator} (write $${operator} for a key ${operator})` };
    } else if (operator === "$exists" && typeof pattern.$exists !== "boolean") {
      yield { path: [...path, operator], expected: "must be true or false" };
    } else if (operator !== "$exists") {
      for (const [key, inner] of Object.entries(pattern)) yield* patternFaults(inner, [...path, key]);
    }
  }
}

/**
 * The one way to write a pattern: with sorted keys, sorted lists without repetitions, none of one item, and no negation of
 * another or of `$exists`.
 *
 * @example
 * canonicalPattern({ kind: ["b", "a", "b"], at: { $not: { $exists: true } } }) // { at: { $exists: false }, kind: ["a", "b"] }
 */
export function canonicalPattern(pattern: Json): Json {
  if (Array.isArray(pattern)) {
    const texts = [...new Set(pattern.map((item: Json) => JSON.stringify(item)))].sort();
    const items = texts.map((text): Json => JSON.parse(text));
    return items.length === 1 ? (items[0] as Json) : items;
  }
  if (!isObject(pattern)) return pattern;
  if (pattern.$not !== undefined) {
    const negated = canonicalPattern(pattern.$not);
    if (!isObject(negated)) return { $not: negated };
    return negated.$not ?? (negated.$exists === undefined ? { $not: negated } : { $exists: negated.$exists !== true });
  }
  const keys = Object.keys(pattern).sort();
  return Object.fromEntries(keys.map((key) => [key, canonicalPattern(pattern[key] as Json)])) as JsonObject;
}

/**
 * A pattern in a few words, for drawings.
 *
 * @example
 * patternWords({ kind: ["a", "b"], bank: { country: { $not: "de" } } }) // "kind: a or b, bank.country: not de"
 */
export function patternWords(pattern: Json): string {
  return wordsAt(pattern, "");
}

/**
 * A condition in a few words.
 *
 * @example
 * whenWords([{ params: { mode: "full" } }, { status: { check: "failed" } }])
 * // "when params.mode: full or status.check: failed"
 */
export function whenWords(when: Condition | readonly Condition[]): string {
  return `when ${[when].flat().map(patternWords).join(" or ")}`;
}

function wordsAt(pattern: Json, path: string): string {
  const form = patternForm(pattern);
  if (form.kind === "keys") {
    return form.keys.map(([key, inner]) => wordsAt(inner, path === "" ? key : `${path}.${key}`)).join(", ");
  }
  return path === "" ? valueWords(form) : `${path}: ${valueWords(form)}`;
}

function valueWords(form: Exclude<PatternForm, { readonly kind: "keys" }>): string {
  switch (form.kind) {
    case "oneOf":
      return form.values.map(String).join(" or ");
    case "exists":
      return form.exists ? "exists" : "missing";
    case "not": {
      const inner = patternForm(form.pattern);
      return `not ${inner.kind === "keys" ? `(${patternWords(form.pattern)})` : valueWords(inner)}`;
    }
  }
}

/** Whether a custom adapter has its own argument `where`, as it may have had before inputs had a pattern. */
export function hasOwnWhere(args: $ZodType | undefined): boolean {
  return args instanceof $ZodObject && Object.hasOwn(args._zod.def.shape, "where");
}

/**
 * A pattern over the facts that are known when a node is dispatched: the parameters of the task, and the status and
 * result of its parents, by their ids. A type alias, because an interface is not assignable to JSON.
 */
export type Condition = {
  readonly params?: Json;
  readonly status?: JsonObject;
  readonly results?: JsonObject;
};

const pattern = z.unknown(); // `checkControl` checks its shape
const byNode = z.record(z.string(), pattern);
export const condition = z.strictObject({
  params: pattern.optional().describe("A pattern of the task's params."),
  status: byNode.optional().describe("By parent: a pattern of its final status."),
  results: byNode.optional().describe("By parent: a pattern of its result."),
});

// Not imported from plain-data.ts, which depends on this file.
const isObject = (value: unknown): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);
