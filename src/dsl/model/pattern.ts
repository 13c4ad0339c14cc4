import { isParamRef } from "./param.ts";

/*
 * Patterns as they are written in a flow. In the graph, `not` and `exists` are `{ "$not": ... }` and `{ "$exists": true }`;
 * see `graph/format/pattern.ts`.
 */

declare const negated: unique symbol;
declare const existing: unique symbol;

/** What {@link not} returns. */
export interface Not<TPattern> {
  readonly [negated]: TPattern;
}

/** The message where a negation is wrong. */
export interface WrongNot<TMessage extends string> {
  readonly [negated]: { readonly message: TMessage };
}

/** The type of {@link exists}. */
export interface Exists {
  readonly [existing]: true;
}

const brand = Symbol.for("flowkit.pattern");

/**
 * In a `where`: any value that does not match, also a missing one.
 *
 * @example
 * .node("other", other, { after: ["classify"], where: { kind: not(["refund", "chargeback"]) } })
 */
export function not<const TPattern>(pattern: TPattern): Not<TPattern> {
  return operator("$not", pattern) as Not<TPattern>;
}

/** In a `where`: the key is present, whatever its value. `not(exists)`: it is absent. */
export const exists: Exists = operator("$exists", true) as Exists;

function operator(key: "$not" | "$exists", value: unknown): unknown {
  return Object.freeze(Object.defineProperty({ [key]: value }, brand, { value: true }));
}

const operatorKey = /^\$+(?:not|exists)$/;
/** Far beyond the graph's own depth limit. */
const deepEnough = 200;

/**
 * A pattern as it is written in the graph: keys that would read as an operator are escaped, and keys that are `undefined`
 * are left out.
 *
 * @example
 * patternJson({ kind: not("a"), $not: 1 }) // { kind: { $not: "a" }, $$not: 1 }
 */
export function patternJson(pattern: unknown, depth = 0): unknown {
  if (typeof pattern !== "object" || pattern === null || depth > deepEnough || isParamRef(pattern)) return pattern;
  if (Array.isArray(pattern)) return pattern.map((item) => patternJson(item, depth + 1));
  const isOperator = brand in pattern;
  return Object.fromEntries(
    Object.entries(pattern).flatMap(([key, inner]) =>
      inner === undefined
        ? []
        : [[operatorKey.test(key) && !isOperator ? `$${key}` : key, patternJson(inner, depth + 1)]],
    ),
  );
}
