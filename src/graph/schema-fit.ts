import type { Json, JsonObject } from "../errors/index.ts";
import { isObject } from "./plain-data.ts";

/*
 * Whether what one JSON Schema describes is taken by another, for the subset that says which data there is: types,
 * properties, items, enumerations, unions, references. Ranges, patterns and formats are not compared: a value may break
 * them, but it need not. When in doubt it fits.
 */

/** A schema, and the document that its references point into. */
export interface SchemaAt {
  readonly schema: Json | undefined;
  readonly root: JsonObject;
}

/**
 * The first reason why not every value of `given` is one of `wanted`; `undefined` when it fits.
 *
 * @example
 * misfit({ type: "object", properties: { id: { type: "string" } } }, { type: "object", properties: { id: { type: "number" } } })
 * // ".id is string, needs number"
 */
export function misfit(given: JsonObject, wanted: JsonObject): string | undefined {
  return compare({ schema: given, root: given }, { schema: wanted, root: wanted }, "");
}

const deepest = 32;

export function compare(given: SchemaAt, wanted: SchemaAt, path: string, depth = 0): string | undefined {
  const from = resolve(given);
  const to = resolve(wanted);
  if (depth > deepest || !isObject(from.schema) || !isObject(to.schema)) return undefined;
  const [source, target] = [from.schema, to.schema];
  const sources = alternatives(source);
  if (sources !== undefined) {
    return first(sources, (schema) => compare({ ...from, schema }, to, path, depth + 1));
  }
  const targets = alternatives(target);
  if (targets !== undefined) {
    const faults = targets.map((schema) => compare(from, { ...to, schema }, path, depth + 1));
    return faults.includes(undefined) ? undefined : `${named(path)} is ${kindsOf(source)}, needs ${kindsOf(target)}`;
  }
  return (
    compareKinds(source, target, path) ??
    compareObjects({ ...from, schema: source }, { ...to, schema: target }, path, depth) ??
    compareItems({ ...from, schema: source }, { ...to, schema: target }, path, depth)
  );
}

/** `type: ["a", "b"]`, `anyOf` and `oneOf`: each is a schema of its own. */
function alternatives(schema: JsonObject): readonly Json[] | undefined {
  const listed = schema.anyOf ?? schema.oneOf;
  if (Array.isArray(listed)) return listed;
  return Array.isArray(schema.type) ? schema.type.map((type: Json) => ({ ...schema, type })) : undefined;
}

function compareKinds(source: JsonObject, target: JsonObject, path: string): string | undefined {
  const values = valuesOf(target);
  const given = valuesOf(source);
  const fits =
    values === undefined
      ? (kindsIn(source) ?? []).every((kind) => kindsIn(target)?.some((wanted) => covers(wanted, kind)) ?? true)
      : (given?.every((value) => values.includes(value)) ?? kindsIn(source) === undefined);
  return fits ? undefined : `${named(path)} is ${kindsOf(source)}, needs ${kindsOf(target)}`;
}

const covers = (wanted: string, kind: string): boolean =>
  wanted === kind || (wanted === "number" && kind === "integer");

function compareObjects(given: ObjectAt, wanted: ObjectAt, path: string, depth: number): string | undefined {
  const has = propertiesOf(given.schema);
  const needs = propertiesOf(wanted.schema);
  if (has === undefined || needs === undefined) return undefined;
  const always = new Set(stringsIn(given.schema.required));
  for (const key of stringsIn(wanted.schema.required)) {
    if (!Object.hasOwn(has, key) && given.schema.additionalProperties !== false) {
      if (isObject(given.schema.additionalProperties)) continue;
      return `${path}.${key} is missing`;
    }
    if (!always.has(key))
      return Object.hasOwn(has, key) ? `${path}.${key} may be missing` : `${path}.${key} is missing`;
  }
  return first(Object.keys(has), (key) => {
    if (Object.hasOwn(needs, key)) {
      return compare({ ...given, schema: has[key] }, { ...wanted, schema: needs[key] }, `${path}.${key}`, depth + 1);
    }
    const extra = wanted.schema.additionalProperties;
    if (extra === false) return `${path}.${key} is not taken`;
    return compare({ ...given, schema: has[key] }, { ...wanted, schema: extra }, `${path}.${key}`, depth + 1);
  });
}

function compareItems(given: ObjectAt, wanted: ObjectAt, path: string, depth: number): string | undefined {
  return compare(
    { ...given, schema: given.schema.items },
    { ...wanted, schema: wanted.schema.items },
    `${path}[]`,
    depth + 1,
  );
}

interface ObjectAt extends SchemaAt {
  readonly schema: JsonObject;
}

function propertiesOf(schema: JsonObject): JsonObject | undefined {
  if (isObject(schema.properties)) return schema.properties;
  return schema.type === "object" ? {} : undefined;
}

/** A schema with its local references followed; one that points elsewhere says nothing. */
export function resolve({ schema, root }: SchemaAt): SchemaAt {
  let at = schema;
  for (let step = 0; step < deepest && isObject(at) && typeof at.$ref === "string"; step++) {
    const parts = at.$ref.split("/");
    at = parts[0] === "#" ? parts.slice(1).reduce<Json | undefined>(inside, root) : undefined;
  }
  return { schema: at, root };
}

function inside(value: Json | undefined, part: string): Json | undefined {
  const key = part.replaceAll("~1", "/").replaceAll("~0", "~");
  return isObject(value) && Object.hasOwn(value, key) ? value[key] : undefined;
}

function valuesOf(schema: JsonObject): readonly Json[] | undefined {
  if (schema.const !== undefined) return [schema.const];
  return Array.isArray(schema.enum) ? schema.enum : undefined;
}

function kindsIn(schema: JsonObject): readonly string[] | undefined {
  if (typeof schema.type === "string") return [schema.type];
  return valuesOf(schema)?.map((value) => (value === null ? "null" : Array.isArray(value) ? "array" : typeof value));
}

function kindsOf(schema: JsonObject): string {
  const parts = alternatives(schema)?.map((part) => (isObject(part) ? kindsOf(part) : "anything"));
  const values = valuesOf(schema)?.map((value) => JSON.stringify(value));
  return [...new Set(parts ?? values ?? kindsIn(schema) ?? ["anything"])].join(" or ");
}

const stringsIn = (value: Json | undefined): readonly string[] =>
  Array.isArray(value) ? value.filter((item) => typeof item === "string") : [];

const named = (path: string): string => (path === "" ? "it" : path);

function first<TItem>(items: readonly TItem[], fault: (item: TItem) => string | undefined): string | undefined {
  for (const item of items) {
    const found = fault(item);
    if (found !== undefined) return found;
  }
  return undefined;
}
