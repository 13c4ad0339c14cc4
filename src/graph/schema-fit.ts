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
 * const given = { type: "object", properties: { id: { type: "string" } } }
 * const wanted = { type: "object", properties: { id: { type: "number" } } }
 * misfit({ schema: given, root: given }, { schema: wanted, root: wanted }) // ".id is string, needs number"
 */
export function misfit(given: SchemaAt, wanted: SchemaAt): string | undefined {
  return compare(given, wanted, { path: "", depth: 0, known: new Map() });
}

interface Place {
  readonly path: string;
  readonly depth: number;
  /**
   * Verdicts by pair of schemas, so that schemas that contain themselves, in many unions, are compared once. A pair
   * still being compared counts as fitting: if it does not, the comparison under way finds out.
   */
  readonly known: Map<JsonObject, Map<JsonObject, string | undefined>>;
}

const deepest = 200;
const mostRefs = 32;
const inside = (place: Place, step: string): Place => ({
  ...place,
  path: `${place.path}${step}`,
  depth: place.depth + 1,
});

function compare(given: SchemaAt, wanted: SchemaAt, place: Place): string | undefined {
  const from = resolve(given);
  const to = resolve(wanted);
  if (place.depth > deepest || !isObject(from.schema) || !isObject(to.schema)) return undefined;
  const verdicts = place.known.get(from.schema) ?? new Map<JsonObject, string | undefined>();
  if (verdicts.has(to.schema)) return verdicts.get(to.schema);
  place.known.set(from.schema, verdicts.set(to.schema, undefined));
  const verdict = judge({ ...from, schema: from.schema }, { ...to, schema: to.schema }, place);
  verdicts.set(to.schema, verdict);
  return verdict;
}

function judge(from: ObjectAt, to: ObjectAt, place: Place): string | undefined {
  const within = inside(place, "");
  const sources = alternatives(from.schema);
  if (sources !== undefined) return first(sources, (schema) => compare({ ...from, schema }, to, within));
  const targets = alternatives(to.schema);
  if (targets !== undefined) {
    const fits = targets.some((schema) => compare(from, { ...to, schema }, within) === undefined);
    return fits ? undefined : unlike(from.schema, to.schema, place);
  }
  return (
    compareKinds(from.schema, to.schema, place) ?? compareObjects(from, to, place) ?? compareItems(from, to, place)
  );
}

function unlike(source: JsonObject, target: JsonObject, { path }: Place): string {
  return `${path === "" ? "it" : path} is ${kindsOf(source)}, needs ${kindsOf(target)}`;
}

/** `type: ["a", "b"]`, `anyOf` and `oneOf`: each is a schema of its own. */
function alternatives(schema: JsonObject): readonly Json[] | undefined {
  const listed = schema.anyOf ?? schema.oneOf;
  if (Array.isArray(listed)) return listed;
  return Array.isArray(schema.type) ? schema.type.map((type: Json) => ({ ...schema, type })) : undefined;
}

function compareKinds(source: JsonObject, target: JsonObject, place: Place): string | undefined {
  const given = valuesOf(source);
  const values = valuesOf(target);
  const kinds = kindsIn(source) ?? [];
  const wanted = kindsIn(target);
  const fits =
    values === undefined
      ? wanted === undefined || kinds.every((kind) => wanted.some((one) => covers(one, kind)))
      : (given?.every((value) => values.includes(value)) ?? kinds.length === 0);
  return fits ? undefined : unlike(source, target, place);
}

const covers = (wanted: string, kind: string): boolean =>
  wanted === kind || (wanted === "number" && kind === "integer");

function compareObjects(given: ObjectAt, wanted: ObjectAt, place: Place): string | undefined {
  const has = propertiesOf(given.schema);
  const needs = propertiesOf(wanted.schema);
  if (has === undefined || needs === undefined) return undefined;
  const others = given.schema.additionalProperties;
  const taken = wanted.schema.additionalProperties;
  const always = new Set(stringsIn(given.schema.required));
  const lacking = stringsIn(wanted.schema.required).find((key) => !always.has(key) && !maybeIn(others, key, has));
  if (lacking !== undefined) {
    return `${place.path}.${lacking} ${Object.hasOwn(has, lacking) ? "may be" : "is"} missing`;
  }
  const fault = first(Object.keys(has), (key) => {
    if (taken === false && !Object.hasOwn(needs, key)) return `${place.path}.${key} is not taken`;
    const schema = Object.hasOwn(needs, key) ? needs[key] : taken;
    return compare({ ...given, schema: has[key] }, { ...wanted, schema }, inside(place, `.${key}`));
  });
  return fault ?? compare({ ...given, schema: others }, { ...wanted, schema: taken }, inside(place, ".*"));
}

/** A record may well have the key: in doubt it fits. */
const maybeIn = (others: Json | undefined, key: string, has: JsonObject): boolean =>
  isObject(others) && !Object.hasOwn(has, key);

function compareItems(given: ObjectAt, wanted: ObjectAt, place: Place): string | undefined {
  const items = { ...wanted, schema: wanted.schema.items };
  return compare({ ...given, schema: given.schema.items }, items, inside(place, "[]"));
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
  for (let step = 0; step < mostRefs && isObject(at) && typeof at.$ref === "string"; step++) {
    const parts = at.$ref.split("/");
    at = parts[0] === "#" ? parts.slice(1).reduce<Json | undefined>(member, root) : undefined;
  }
  return { schema: at, root };
}

function member(value: Json | undefined, part: string): Json | undefined {
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

function first<TItem>(items: readonly TItem[], fault: (item: TItem) => string | undefined): string | undefined {
  for (const item of items) {
    const found = fault(item);
    if (found !== undefined) return found;
  }
  return undefined;
}
