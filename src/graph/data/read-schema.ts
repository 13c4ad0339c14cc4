import type { Json, JsonObject } from "../../errors/index.ts";
import { isObject } from "../format/plain-data.ts";
import {
  anyData,
  anything,
  type DataType,
  type Field,
  isValue,
  type Lazily,
  type ListType,
  type ObjectType,
  unionOf,
} from "./data-type.ts";

interface Document {
  readonly root: JsonObject;
  /** Types by schema: a schema that contains itself is read once. */
  readonly read: WeakMap<JsonObject, DataType>;
  /** Whether keys with a default count as present. */
  readonly filled: boolean;
  /** The nesting of schemas being read. */
  depth: number;
}

const deepest = 100;

const documents = { filled: new WeakMap<JsonObject, DataType>(), asGiven: new WeakMap<JsonObject, DataType>() };

/**
 * A JSON Schema as a type; `any` where it uses unsupported keywords.
 *
 * @param root - must not be modified afterwards, because its type is cached
 * @param options.filled - whether keys with a default count as present
 */
export function readSchema(root: JsonObject, { filled = false }: { readonly filled?: boolean } = {}): DataType {
  const known = filled ? documents.filled : documents.asGiven;
  let type = known.get(root);
  if (type === undefined) {
    type = read(root, { root, filled, read: new WeakMap(), depth: 0 });
    known.set(root, type);
  }
  return type;
}

function read(schema: Json | undefined, document: Document): DataType {
  const at = resolve(schema, document.root);
  if (!isObject(at) || document.depth > deepest) return anyData;
  const known = document.read.get(at);
  if (known !== undefined) return known;
  document.read.set(at, anyData); // a union with only itself as a member is unknown
  document.depth++;
  const type = readOnce(at, document);
  document.depth--;
  document.read.set(at, type);
  return type;
}

const unclear = ["not", "if", "patternProperties", "dependentSchemas", "$dynamicRef", "$ref"] as const;

const acceptsNothing = (schema: Json | undefined): boolean =>
  schema === false || (isObject(schema) && isObject(schema.not) && Object.keys(schema.not).length === 0);

/** The type that no value has. */
const nothing: DataType = { kind: "union", members: [] };

function readOnce(schema: JsonObject, document: Document): DataType {
  if (acceptsNothing(schema)) return nothing;
  if (unclear.some((key) => Object.hasOwn(schema, key))) return anyData;
  if (schema.allOf !== undefined) return readAll(schema, document);
  const listed = schema.anyOf ?? schema.oneOf;
  if (Array.isArray(listed)) return unionOf(listed.map((member: Json) => read(beside(schema, member), document)));
  if (Array.isArray(schema.type)) {
    return unionOf(schema.type.map((type: Json) => read({ ...schema, type }, document)));
  }
  const values = schema.const === undefined ? schema.enum : [schema.const];
  if (Array.isArray(values)) return values.every(isValue) ? { kind: "values", values } : anyData;
  switch (schema.type) {
    case "string":
      return { kind: "string" };
    case "number":
    case "integer": // like TypeScript, no distinction
      return { kind: "number" };
    case "boolean":
      return { kind: "values", values: [true, false] };
    case "null":
      return { kind: "values", values: [null] };
    case "array":
      return readList(schema, document);
    case "object":
      return readObject(schema, document);
    default:
      return anyData;
  }
}

/** A member of a union, combined with the keywords next to the union, which apply to each member. */
function beside({ anyOf: _, oneOf: __, ...rest }: JsonObject, member: Json): Json {
  const says = ["type", "properties", "required", "additionalProperties", "items", "enum", "const"];
  return says.some((key) => Object.hasOwn(rest, key)) ? { allOf: [rest, member] } : member;
}

/** All parts at once: objects are merged; the type of any other combination is unknown. */
function readAll({ allOf, ...rest }: JsonObject, document: Document): DataType {
  if (!Array.isArray(allOf)) return anyData;
  const parts = [...allOf, ...(rest.type === undefined && rest.properties === undefined ? [] : [rest])];
  const types = parts.map((part: Json) => read(part, document));
  const [only] = types;
  if (types.length === 1 && only !== undefined) return only;
  return types.reduce((all, type) => (all.kind === "object" && type.kind === "object" ? both(all, type) : anyData));
}

function both(left: ObjectType, right: ObjectType): ObjectType {
  const keys = new Set([...left.fields.keys(), ...right.fields.keys()]);
  const fields = [...keys].map((key): [string, Field] => {
    const [one, other] = [left.fields.get(key), right.fields.get(key)];
    const optional = (one?.optional ?? true) && (other?.optional ?? true);
    // The type of a key in both parts is unknown.
    return [
      key,
      { optional, type: one === undefined ? (other?.type ?? anything) : other === undefined ? one.type : anything },
    ];
  });
  const others = left.others === undefined || right.others === undefined ? (left.others ?? right.others) : anything;
  return { kind: "object", fields: new Map(fields), others, closed: false };
}

function readList(schema: JsonObject, document: Document): ListType {
  const { prefixItems, items, minItems, maxItems } = schema;
  const first = Array.isArray(prefixItems) ? prefixItems.map((item: Json) => lazily(item, document)) : [];
  const rest = acceptsNothing(items) ? undefined : lazily(items, document);
  const most = Math.min(
    typeof maxItems === "number" ? maxItems : Number.POSITIVE_INFINITY,
    rest === undefined ? first.length : Number.POSITIVE_INFINITY,
  );
  return { kind: "list", first, rest, least: typeof minItems === "number" ? minItems : 0, most };
}

function readObject(schema: JsonObject, document: Document): ObjectType {
  const { properties, additionalProperties, propertyNames } = schema;
  const required = new Set(Array.isArray(schema.required) ? schema.required.map(String) : []);
  const names = isObject(propertyNames) ? propertyNames.enum : undefined;
  const other = additionalProperties === undefined ? undefined : lazily(additionalProperties, document);
  if (document.filled && isObject(properties)) {
    for (const key of Object.keys(properties)) if (hasDefault(properties[key], document)) required.add(key);
  }
  const field = (key: string, type: Lazily): [string, Field] => [key, { type, optional: !required.has(key) }];
  const fields = new Map(
    isObject(properties)
      ? Object.keys(properties).map((key) => field(key, lazily(properties[key], document)))
      : Array.isArray(names)
        ? names.map((name: Json) => field(String(name), other ?? anything))
        : [],
  );
  for (const key of required) if (!fields.has(key)) fields.set(key, { type: other ?? anything, optional: false });
  // An object without any description may have any keys.
  const others = Array.isArray(names) ? undefined : (other ?? (isObject(properties) ? undefined : anything));
  return additionalProperties === false || Array.isArray(names)
    ? { kind: "object", fields, others: undefined, closed: true }
    : { kind: "object", fields, others, closed: false };
}

function hasDefault(schema: Json | undefined, { root }: Document): boolean {
  const at = resolve(schema, root);
  return isObject(at) && at.default !== undefined;
}

const lazily =
  (schema: Json | undefined, document: Document): Lazily =>
  () =>
    read(schema, document);

const mostRefs = 32;

/** Follows local references; returns a schema with an external one unchanged. */
function resolve(schema: Json | undefined, root: JsonObject): Json | undefined {
  let at = schema;
  for (let step = 0; step < mostRefs && isObject(at) && typeof at.$ref === "string"; step++) {
    const parts = at.$ref.split("/");
    if (parts[0] !== "#") return at;
    at = parts.slice(1).reduce<Json | undefined>(member, root);
  }
  return at;
}

function member(value: Json | undefined, part: string): Json | undefined {
  const key = part.replaceAll("~1", "/").replaceAll("~0", "~");
  return isObject(value) && Object.hasOwn(value, key) ? value[key] : undefined;
}
