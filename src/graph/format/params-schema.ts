import type { Json, JsonObject } from "../../errors/index.ts";
import { isObject } from "./plain-data.ts";

/** Schemas are untrusted and may refer to each other in a cycle. */
const mostSteps = 100;
const longestPointer = 1000;

/**
 * Whether a JSON Schema of params allows a parameter. True if in doubt: only a parameter that the schema clearly does
 * not have is a mistake.
 *
 * @example
 * hasParam({ type: "object", properties: { date: { type: "string" } } }, ["dat"]) // false
 */
export function hasParam(schema: JsonObject, name: readonly string[]): boolean {
  return roomFor(schema, name, { root: schema, steps: { left: mostSteps } });
}

interface Search {
  readonly root: JsonObject;
  readonly steps: { left: number };
}

function roomFor(schema: Json | undefined, name: readonly string[], search: Search): boolean {
  if (schema === false) return false;
  if (!isObject(schema) || name.length === 0 || search.steps.left-- <= 0) return true;
  const [first, ...rest] = name as readonly [string, ...string[]];
  if (typeof schema.$ref === "string") return roomFor(definition(schema.$ref, search.root), name, search);
  const branches = [schema.anyOf, schema.oneOf, schema.allOf].filter(Array.isArray);
  const roomInBranch = () => branches.some((list) => list.some((branch) => roomFor(branch, name, search)));
  if (branches.length > 0 && !isObject(schema.properties)) return roomInBranch();
  const { type, properties, additionalProperties: additional } = schema;
  if (isObject(properties) && Object.hasOwn(properties, first)) return roomFor(properties[first], rest, search);
  if (type === "array") return /^\d+$/.test(first) && roomFor(schema.items, rest, search);
  if (typeof type === "string" && type !== "object") return false;
  if (additional !== undefined) return roomFor(additional, rest, search);
  // JSON Schema allows further keys here, but a list of properties is taken as complete.
  return !isObject(properties) || roomInBranch();
}

function definition(ref: string, root: JsonObject): Json | undefined {
  if (!ref.startsWith("#") || ref.length > longestPointer) return undefined;
  let value: Json | undefined = root;
  for (const part of ref.slice(1).split("/").slice(1)) {
    const key = part.replaceAll("~1", "/").replaceAll("~0", "~");
    value = isObject(value) && Object.hasOwn(value, key) ? value[key] : undefined;
  }
  return value;
}

/** The names of the top-level parameters, for hints. */
export function paramNames(schema: JsonObject): ReadonlySet<string> {
  return new Set(isObject(schema.properties) ? Object.keys(schema.properties) : []);
}
