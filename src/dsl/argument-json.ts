import { isParamRef, paramNameOf } from "./param.ts";

/** Where the graph's own limit of depth is long exceeded: `parseGraph` says so, a recursion without end couldn't. */
const deepEnough = 200;

/**
 * A value of the user's as it stands among a node's arguments: references written out, `undefined` left out as JSON
 * does, and keys escaped that would read as a reference.
 *
 * @example
 * argumentJson({ day: param("date"), $ref: "x" }) // { day: { $ref: "params.date" }, $$ref: "x" }
 */
export function argumentJson(value: unknown, depth = 0): unknown {
  if (typeof value !== "object" || value === null || depth > deepEnough) return value;
  if (isParamRef(value)) return { $ref: `params.${paramNameOf(value)}` };
  if (Array.isArray(value)) return value.map((item) => argumentJson(item, depth + 1));
  if (!isPlain(value)) return value; // a Date, a Map: no JSON, which parseGraph reports
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, inner]) =>
      inner === undefined ? [] : [[escapedKey(key), argumentJson(inner, depth + 1)]],
    ),
  );
}

const escapedKey = (key: string): string => (/^\$+ref$/.test(key) ? `$${key}` : key);

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
