import type { Json } from "../../errors/index.ts";

/** How deep a stored value may nest: far beyond any data, and short of the call stack. */
const maxDepth = 200;

export class NotJsonError extends Error {
  override readonly name = "NotJsonError";
}

/**
 * A copy of a value that JSON can hold; keys whose value is `undefined` are left out and -0 becomes 0, as JSON does.
 *
 * @throws NotJsonError naming the path of what JSON can't hold
 */
export function copyJson(value: unknown): Json {
  return copy(value, "", 0);
}

function copy(value: unknown, path: string, depth: number): Json {
  if (value === null || typeof value === "string" || typeof value === "boolean") return value;
  if (typeof value === "number") {
    if (Number.isFinite(value)) return value === 0 ? 0 : value;
    throw new NotJsonError(`${where(path)} is ${value}`);
  }
  if (typeof value !== "object") throw new NotJsonError(`${where(path)} is ${describe(value)}`);
  if (depth >= maxDepth) throw new NotJsonError(`${where(path)} is nested deeper than ${maxDepth} levels`);
  // Not `map`: it leaves holes as they are, and makes another of a subclass.
  if (Array.isArray(value)) return Array.from(value, (item, index) => copy(item, `${path}[${index}]`, depth + 1));
  const prototype = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) {
    throw new NotJsonError(`${where(path)} is a ${value.constructor?.name ?? "class instance"}`);
  }
  const result: Record<string, Json> = {};
  for (const [key, item] of Object.entries(value)) {
    if (key === "__proto__") throw new NotJsonError(`${where(path)} has the key __proto__`);
    if (item !== undefined) result[key] = copy(item, `${path}.${key}`, depth + 1);
  }
  return result;
}

const where = (path: string): string => (path === "" ? "the value" : path);

function describe(value: unknown): string {
  return value === undefined ? "undefined" : `a ${typeof value}`;
}
