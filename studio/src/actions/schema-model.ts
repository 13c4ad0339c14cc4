import type { Json, JsonObject } from "../api/source.ts";

/*
 * Builds a form from a JSON Schema for values that are easier to fill in than JSON: text, numbers, choices, booleans, and
 * objects of these. For everything else, it has a field for JSON. The server checks the value against the whole schema.
 */

export type Kind =
  | { readonly kind: "text"; readonly format?: string; readonly isLong: boolean }
  | { readonly kind: "number"; readonly isInteger: boolean; readonly least?: number; readonly most?: number }
  | { readonly kind: "boolean" }
  | { readonly kind: "choice"; readonly values: readonly Json[] }
  | { readonly kind: "object"; readonly fields: readonly Field[] }
  | { readonly kind: "json" };

export interface Field {
  /** Keys from the root. */
  readonly path: readonly string[];
  readonly name: string;
  readonly title: string;
  readonly hint?: string;
  readonly isRequired: boolean;
  readonly default?: Json;
  readonly kind: Kind;
}

const deepest = 4;

/** The fields for the value of a schema: one for each key of an object, otherwise a single one. */
export function fieldsOf(schema: JsonObject): readonly Field[] {
  const root = resolved(schema, schema);
  const kind = kindOf(root, schema, []);
  return kind.kind === "object"
    ? kind.fields
    : [{ path: [], name: "payload", title: "Payload", isRequired: true, kind }];
}

function kindOf(schema: JsonObject, root: JsonObject, path: readonly string[]): Kind {
  const { type, properties, minimum, maximum, format, maxLength, additionalProperties } = schema;
  if (Array.isArray(schema.enum)) return { kind: "choice", values: schema.enum };
  if (schema.const !== undefined) return { kind: "choice", values: [schema.const] };
  if (type === "boolean") return { kind: "boolean" };
  if (type === "number" || type === "integer") {
    return {
      kind: "number",
      isInteger: type === "integer",
      ...(typeof minimum === "number" ? { least: minimum } : {}),
      ...(typeof maximum === "number" ? { most: maximum } : {}),
    };
  }
  if (type === "string") {
    const isLong = typeof maxLength === "number" && maxLength > 200;
    return { kind: "text", isLong, ...(typeof format === "string" ? { format } : {}) };
  }
  const isRecord = isObject(additionalProperties) || additionalProperties === true;
  if (type === "object" && isObject(properties) && !isRecord && path.length < deepest) {
    return { kind: "object", fields: Object.entries(properties).map(([key, value]) => fieldOf(key, value)) };
  }
  return { kind: "json" };

  function fieldOf(name: string, value: Json): Field {
    const own = resolved(isObject(value) ? value : {}, root);
    const at = [...path, name];
    const { title, description, default: standard } = own;
    const { required } = schema;
    return {
      path: at,
      name,
      title: typeof title === "string" ? title : name,
      ...(typeof description === "string" ? { hint: description } : {}),
      // A key with a default may be left out, though schemas of outputs list it as required.
      isRequired: Array.isArray(required) && required.includes(name) && standard === undefined,
      ...(standard === undefined ? {} : { default: standard }),
      kind: kindOf(own, root, at),
    };
  }
}

const isObject = (value: Json | undefined): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Resolves a reference within the same schema, such as `#/$defs/Name`. */
function resolved(schema: JsonObject, root: JsonObject): JsonObject {
  const { $ref } = schema;
  if (typeof $ref !== "string" || !$ref.startsWith("#/")) return schema;
  let found: Json | undefined = root;
  for (const key of $ref.slice(2).split("/")) {
    found = isObject(found) ? found[key.replaceAll("~1", "/").replaceAll("~0", "~")] : undefined;
  }
  return isObject(found) ? found : schema;
}

/** User input, by the path of the field as JSON. */
export type Typed = ReadonlyMap<string, string | boolean>;

export const keyOf = ({ path }: Pick<Field, "path">): string => JSON.stringify(path);

/** The initial values of the fields. */
export function initialValues(fields: readonly Field[]): Typed {
  const values = new Map<string, string | boolean>();
  for (const field of allFields(fields)) {
    const { kind, default: standard } = field;
    if (standard === undefined) continue;
    values.set(keyOf(field), typeof standard === "boolean" ? standard : textOf(standard, kind));
  }
  return values;
}

const textOf = (value: Json, { kind }: Kind): string =>
  kind === "json" || kind === "choice" || typeof value !== "string" ? JSON.stringify(value) : value;

export function allFields(fields: readonly Field[]): readonly Field[] {
  return fields.flatMap((field) => (field.kind.kind === "object" ? allFields(field.kind.fields) : [field]));
}

/** The error message for the input of a field; `undefined` if it is valid. */
export function errorOf(field: Field, typed: string | boolean | undefined): string | undefined {
  const { kind, isRequired, name } = field;
  if (kind.kind === "boolean") return undefined;
  const text = typeof typed === "string" ? typed : "";
  if (text === "") return isRequired ? `Enter ${name}.` : undefined;
  if (kind.kind === "number") {
    const value = Number(text);
    if (!Number.isFinite(value)) return "Enter a number.";
    if (kind.isInteger && !Number.isInteger(value)) return "Enter a whole number.";
    if (kind.least !== undefined && value < kind.least) return `Enter ${kind.least} or more.`;
    if (kind.most !== undefined && value > kind.most) return `Enter ${kind.most} or less.`;
  }
  if (kind.kind === "json" && parsed(text) === undefined) return "This is not valid JSON.";
  return undefined;
}

/** The value of the form, without empty fields. */
export function formValue(fields: readonly Field[], typed: Typed): Json {
  const [only] = fields;
  if (only !== undefined && only.path.length === 0) return leafValue(only, typed) ?? null;
  return objectOf(fields, typed);
}

function objectOf(fields: readonly Field[], typed: Typed): JsonObject {
  return Object.fromEntries(
    fields.flatMap((field): readonly (readonly [string, Json])[] => {
      const { name, kind, isRequired } = field;
      if (kind.kind === "object") {
        const value = objectOf(kind.fields, typed);
        return Object.keys(value).length === 0 && !isRequired ? [] : [[name, value]];
      }
      const value = leafValue(field, typed);
      return value === undefined ? [] : [[name, value]];
    }),
  );
}

function leafValue(field: Field, typed: Typed): Json | undefined {
  const { kind, isRequired } = field;
  const value = typed.get(keyOf(field));
  if (kind.kind === "boolean") return typeof value === "boolean" ? value : isRequired ? false : undefined;
  if (typeof value !== "string" || value === "") return undefined;
  if (kind.kind === "text") return value;
  return kind.kind === "number" ? Number(value) : parsed(value);
}

function parsed(text: string): Json | undefined {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return undefined;
  }
}
