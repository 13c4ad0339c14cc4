import * as z from "zod";
import type { Json, JsonObject } from "../errors/index.ts";
import { isObject, sortKeys } from "../graph/format/plain-data.ts";
import { wireJsonSchema } from "../graph/format/wire-schema.ts";
import { array, call, type Doc, object, sequence } from "./layout.ts";
import { isPlainText, literal, property } from "./literals.ts";

/** A zod schema as source, and the schema that this source evaluates to. */
export interface ZodSource {
  readonly source: Doc;
  readonly schema: z.ZodType;
}

/** Whether the schema converts back to exactly the JSON Schema it came from. */
export function isExact({ schema }: ZodSource, json: JsonObject): boolean {
  return JSON.stringify(sortKeys(wireJsonSchema(schema))) === JSON.stringify(sortKeys(json));
}

/**
 * A JSON Schema as zod source. Parts without a counterpart in zod, and those that contain themselves, become
 * `z.json()`.
 *
 * @example
 * zodSource({ type: "object", properties: { id: { type: "string" } }, required: ["id"] }).source
 * // z.object({ id: z.string() })
 */
export function zodSource(json: JsonObject): ZodSource {
  return partOf(json, { root: json, within: new Set() });
}

const anyJson: ZodSource = { source: "z.json()", schema: z.json() };

interface Document {
  readonly root: JsonObject;
  /** The enclosing schemas. */
  readonly within: ReadonlySet<JsonObject>;
}

const annotations: ReadonlySet<string> = new Set(["title", "description", "examples", "deprecated"]);
const besides: ReadonlySet<string> = new Set([...annotations, "default", "$schema", "$defs", "$comment"]);

function partOf(json: Json | undefined, document: Document): ZodSource {
  if (!isObject(json) || document.within.has(json)) return anyJson;
  const inside = { ...document, within: new Set(document.within).add(json) };
  const bare = Object.fromEntries(Object.entries(json).filter(([key]) => !besides.has(key)));
  const made = bareOf(bare, inside);
  return made === undefined ? anyJson : (withDefault(annotated(made, json), json.default) ?? anyJson);
}

function annotated(part: ZodSource, json: JsonObject): ZodSource {
  const notes = Object.fromEntries(Object.entries(json).filter(([key]) => annotations.has(key)));
  const keys = Object.keys(notes);
  if (keys.length === 0) return part;
  if (keys.length === 1 && typeof notes.description === "string") {
    return method(part, "describe", [notes.description], part.schema.describe(notes.description));
  }
  return method(part, "meta", [notes], part.schema.meta(notes));
}

function withDefault(part: ZodSource, value: Json | undefined): ZodSource | undefined {
  if (value === undefined) return part;
  return part.schema.safeParse(value).success
    ? method(part, "default", [value], part.schema.default(value))
    : undefined;
}

function method(part: ZodSource, name: string, args: readonly Json[], schema: z.ZodType): ZodSource {
  return { source: sequence(part.source, call(`.${name}`, args.map(literal))), schema };
}

/** The schema without annotations; `undefined` if zod has no counterpart. */
function bareOf(json: JsonObject, document: Document): ZodSource | undefined {
  if (typeof json.$ref === "string") return has(json, ["$ref"]) ? referred(json.$ref, document) : undefined;
  if (json.const !== undefined) return has(json, ["const", "type"]) ? valuesOf([json.const]) : undefined;
  if (Array.isArray(json.enum)) return has(json, ["enum", "type"]) ? valuesOf(json.enum) : undefined;
  if (Array.isArray(json.anyOf)) return has(json, ["anyOf"]) ? unionOf("union", json.anyOf, document) : undefined;
  if (Array.isArray(json.oneOf)) return has(json, ["oneOf"]) ? unionOf("xor", json.oneOf, document) : undefined;
  if (Array.isArray(json.type)) return kindsOf(json, json.type, document);
  switch (json.type) {
    case "string":
      return stringOf(json);
    case "number":
    case "integer":
      return numberOf(json);
    case "boolean":
      return has(json, ["type"]) ? { source: "z.boolean()", schema: z.boolean() } : undefined;
    case "null":
      return has(json, ["type"]) ? { source: "z.null()", schema: z.null() } : undefined;
    case "array":
      return listOf(json, document);
    case "object":
      return objectOf(json, document);
    default:
      return undefined;
  }
}

const has = (json: JsonObject, keys: readonly string[]): boolean =>
  Object.keys(json).every((key) => keys.includes(key));

function referred(ref: string, document: Document): ZodSource {
  const [start, ...parts] = ref.split("/");
  if (start !== "#") return anyJson;
  const target = parts.reduce<Json | undefined>((at, part) => {
    const key = part.replaceAll("~1", "/").replaceAll("~0", "~");
    return isObject(at) && Object.hasOwn(at, key) ? at[key] : undefined;
  }, document.root);
  return partOf(target, document);
}

type Scalar = string | number | boolean | null;
const isScalar = (value: Json): value is Scalar => typeof value !== "object" || value === null;

function valuesOf(values: readonly Json[]): ZodSource | undefined {
  if (values.length === 0 || !values.every(isScalar)) return undefined;
  const [only] = values;
  if (values.length === 1 && only !== undefined) {
    return { source: call("z.literal", [literal(only)]), schema: z.literal(only) };
  }
  // An enum stores its values as keys of an object, which would reorder those that look like numbers.
  const isEnum = values.every((value) => typeof value === "string" && /^[A-Za-z]\w*$/.test(value));
  const schema = isEnum ? z.enum(values as string[]) : z.literal([...values]);
  return { source: call(isEnum ? "z.enum" : "z.literal", [array(values.map(literal))]), schema };
}

function unionOf(kind: "union" | "xor", members: readonly Json[], document: Document): ZodSource | undefined {
  if (members.length === 0) return undefined;
  if (kind === "union" && isJsonItself(members)) return anyJson;
  const parts = members.map((member) => partOf(member, document));
  const [first, second] = parts;
  if (parts.length === 2 && first !== undefined && second?.source === "z.null()") {
    return method(first, "nullable", [], first.schema.nullable());
  }
  const schemas = parts.map(({ schema }) => schema);
  const schema = kind === "union" ? z.union(schemas) : z.xor(schemas);
  return { source: call(`z.${kind}`, [array(parts.map(({ source }) => source))]), schema };
}

/** Whether this is the union that zod writes for `z.json()`. */
function isJsonItself(members: readonly Json[]): boolean {
  const kinds = members.map((member) => (isObject(member) ? member.type : undefined));
  return kinds.join() === "string,number,boolean,null,array,object";
}

/** `type: ["string", "null"]`: other keywords apply to the one type that is not `null`. */
function kindsOf(json: JsonObject, kinds: readonly Json[], document: Document): ZodSource | undefined {
  const [only, ...more] = kinds.filter((kind) => kind !== "null");
  if (only === undefined || (more.length > 0 && !has(json, ["type"]))) return undefined;
  const part =
    more.length === 0
      ? bareOf({ ...json, type: only }, document)
      : unionOf(
          "union",
          [only, ...more].map((type) => ({ type })),
          document,
        );
  const isNullable = kinds.includes("null");
  return part === undefined || !isNullable ? part : method(part, "nullable", [], part.schema.nullable());
}

const formats: ReadonlyMap<Json, ZodSource> = new Map([
  ["date", { source: "z.iso.date()", schema: z.iso.date() }],
  ["date-time", { source: "z.iso.datetime()", schema: z.iso.datetime() }],
  ["duration", { source: "z.iso.duration()", schema: z.iso.duration() }],
  ["email", { source: "z.email()", schema: z.email() }],
  ["uuid", { source: "z.uuid()", schema: z.uuid() }],
  ["uri", { source: "z.url()", schema: z.url() }],
  ["ipv4", { source: "z.ipv4()", schema: z.ipv4() }],
  ["ipv6", { source: "z.ipv6()", schema: z.ipv6() }],
]);

function stringOf(json: JsonObject): ZodSource | undefined {
  const { format, pattern, minLength, maxLength } = json;
  if (!has(json, ["type", "format", "pattern", "minLength", "maxLength"])) return undefined;
  const known = format === undefined ? undefined : formats.get(format);
  if (known !== undefined) {
    const isItsOwn = pattern === undefined || wireJsonSchema(known.schema).pattern === pattern;
    return isItsOwn && minLength === undefined && maxLength === undefined ? known : undefined;
  }
  let source: Doc = "z.string()";
  let schema = z.string();
  if (typeof minLength === "number") [source, schema] = [sequence(source, `.min(${minLength})`), schema.min(minLength)];
  if (typeof maxLength === "number") [source, schema] = [sequence(source, `.max(${maxLength})`), schema.max(maxLength)];
  if (pattern !== undefined) {
    const regex = typeof pattern === "string" ? regexOf(pattern) : undefined;
    if (regex === undefined) return undefined;
    [source, schema] = [sequence(source, `.regex(${String(regex)})`), schema.regex(regex)];
  }
  const part = { source, schema };
  // A format unknown to zod becomes an annotation, as it is in JSON Schema.
  return format === undefined ? part : method(part, "meta", [{ format }], schema.meta({ format }));
}

/** `undefined` if the pattern cannot be a literal: with invisible characters, or not a valid expression. */
function regexOf(pattern: string): RegExp | undefined {
  if (pattern === "" || !isPlainText(pattern)) return undefined;
  try {
    return new RegExp(pattern);
  } catch {
    return undefined; // another dialect
  }
}

const bounds = [
  ["minimum", "min"],
  ["maximum", "max"],
  ["exclusiveMinimum", "gt"],
  ["exclusiveMaximum", "lt"],
  ["multipleOf", "multipleOf"],
] as const;

function numberOf(json: JsonObject): ZodSource | undefined {
  if (!has(json, ["type", ...bounds.map(([key]) => key)])) return undefined;
  let source = json.type === "integer" ? "z.int()" : "z.number()";
  let schema: z.ZodNumber = json.type === "integer" ? z.int() : z.number();
  for (const [key, name] of bounds) {
    const value = json[key];
    if (value === undefined) continue;
    if (typeof value !== "number" || (key === "multipleOf" && value <= 0)) return undefined;
    source += `.${name}(${JSON.stringify(value)})`;
    schema = schema[name](value);
  }
  return { source, schema };
}

function listOf(json: JsonObject, document: Document): ZodSource | undefined {
  const { prefixItems, items, minItems, maxItems } = json;
  if (!has(json, ["type", "prefixItems", "items", "minItems", "maxItems"])) return undefined;
  if (prefixItems !== undefined) return tupleOf(json, document);
  const element = partOf(items, document);
  let source: Doc = call("z.array", [element.source]);
  let schema = z.array(element.schema);
  if (typeof minItems === "number") [source, schema] = [sequence(source, `.min(${minItems})`), schema.min(minItems)];
  if (typeof maxItems === "number") [source, schema] = [sequence(source, `.max(${maxItems})`), schema.max(maxItems)];
  return { source, schema };
}

/** A tuple of fixed length, or with further elements of one type. */
function tupleOf({ prefixItems, items, minItems, maxItems }: JsonObject, document: Document): ZodSource | undefined {
  if (!Array.isArray(prefixItems) || prefixItems.length === 0 || minItems !== prefixItems.length) return undefined;
  if (maxItems !== (items === false ? prefixItems.length : undefined)) return undefined;
  const parts = prefixItems.map((item: Json) => partOf(item, document));
  const elements = parts.map(({ schema }) => schema) as [z.ZodType, ...z.ZodType[]];
  const sources = array(parts.map(({ source }) => source));
  if (items === false) return { source: call("z.tuple", [sources]), schema: z.tuple(elements) };
  const rest = partOf(items, document);
  return { source: call("z.tuple", [sources, rest.source]), schema: z.tuple(elements, rest.schema) };
}

function objectOf(json: JsonObject, document: Document): ZodSource | undefined {
  const { properties, required = [], additionalProperties: others, propertyNames } = json;
  if (!has(json, ["type", "properties", "required", "additionalProperties", "propertyNames"])) return undefined;
  if (properties === undefined) return recordOf(json, document);
  if (!isObject(properties) || !Array.isArray(required) || propertyNames !== undefined) return undefined;
  if (!required.every((key: Json) => typeof key === "string" && Object.hasOwn(properties, key))) return undefined;
  // In the order of `required`: zod writes that list in the order of properties, which canonical graphs have sorted.
  const keys = new Set([...required.map(String), ...Object.keys(properties)]);
  const fields = [...keys].map((key) => {
    const inner = properties[key];
    const part = partOf(inner, document);
    const isThere = required.includes(key) || (isObject(inner) && inner.default !== undefined);
    return [key, isThere ? part : method(part, "optional", [], part.schema.optional())] as const;
  });
  const shape = Object.fromEntries(fields.map(([key, { schema }]) => [key, schema]));
  const source = object(fields.map(([key, part]) => property(key, part.source)));
  if (others === undefined) return { source: call("z.object", [source]), schema: z.object(shape) };
  if (others === false) return { source: call("z.strictObject", [source]), schema: z.strictObject(shape) };
  const rest = partOf(others, document);
  return {
    source: sequence(call("z.object", [source]), call(".catchall", [rest.source])),
    schema: z.object(shape).catchall(rest.schema),
  };
}

function recordOf(
  { additionalProperties, required, propertyNames }: JsonObject,
  document: Document,
): ZodSource | undefined {
  const anyName = propertyNames === undefined || JSON.stringify(propertyNames) === '{"type":"string"}';
  if (!anyName || required !== undefined || additionalProperties === false) return undefined;
  const value = partOf(additionalProperties, document);
  return {
    source: call("z.record", ["z.string()", value.source]),
    schema: z.record(z.string(), value.schema),
  };
}
