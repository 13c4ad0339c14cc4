import type { $ZodType, $ZodTypes } from "zod/v4/core";
import type { JsonObject } from "../../../errors/index.ts";
import { Assignability } from "../../../graph/data/fit.ts";
import { storedType, wireType } from "../../../graph/data/zod-data.ts";
import { twoWaySchema } from "../../../graph/format/messages.ts";
import { subschemas } from "../../../graph/format/params-validator.ts";
import type { Path } from "../../../graph/format/pointer.ts";
import { descriptionIn } from "../../../graph/format/standard-schema.ts";

const noJson: Readonly<Record<string, string>> = {
  date: "is a Date (use a codec: the wire type must be JSON)",
  bigint: "is a bigint",
  symbol: "is a symbol",
  undefined: "may be undefined",
  void: "may be undefined",
  nan: "has no JSON form",
  map: "is a Map or Set",
  set: "is a Map or Set",
  function: "is a function",
  promise: "has no JSON form",
  file: "has no JSON form",
  unknown: "is unknown (declare its type, such as z.ZodType<T, T>, or use z.json())",
};

const oneWay = "is a one-way transform (use z.codec, which also encodes)";

/**
 * The places of a schema whose wire form is not JSON, or to which values cannot be encoded, as text. Arguments are only
 * decoded.
 *
 * @example
 * notJsonIn(z.object({ at: z.date() }), "output") // ["output.at is a Date (use a codec: the wire type must be JSON)"]
 */
export function notJsonIn(schema: $ZodType, name: string): string[] {
  const isEncoded = name !== "args";
  const own = descriptionIn(schema);
  if (own !== undefined)
    return [
      ...undescribedIn(own.wire, name),
      ...(isEncoded && isOneWay(schema) ? [`${name} must be ${twoWaySchema}`] : []),
    ];
  const found: string[] = [];
  const seen = new Set<$ZodType>();
  const walk = (current: $ZodType, path: string): void => {
    if (seen.has(current)) return; // a recursive schema, or one that is used twice, is reported once
    seen.add(current);
    const { def } = (current as $ZodTypes)._zod;
    const words = isEncoded && isTransform(def) ? oneWay : noJson[kindOf(def)];
    if (words !== undefined) found.push(`${path} ${words}`);
    for (const [inner, innerPath] of wireParts(current, path)) walk(inner, innerPath);
  };
  walk(schema, name);
  return found;
}

/** A coerced value may be anything, and a literal has the kind of its values. */
function kindOf(def: $ZodTypes["_zod"]["def"]): string {
  if ("coerce" in def && def.coerce === true) return "unknown";
  if (def.type !== "literal") return def.type;
  if (def.values.includes(undefined)) return "undefined";
  return def.values.some((value) => typeof value === "bigint") ? "bigint" : "literal";
}

/** The places that a JSON Schema says nothing about. */
function undescribedIn(schema: JsonObject, name: string): string[] {
  return [...subschemas(schema)]
    .filter(({ schema: part }) => Object.keys(part).every((key) => annotations.has(key)))
    .map(({ path }) => `${name}${placeOf(path)} ${noJson.unknown}`);
}

const annotations: ReadonlySet<string> = new Set(["title", "description", "examples", "default", "deprecated"]);

function placeOf(path: Path): string {
  return path
    .map((part, index) => {
      if (path[index - 1] === "properties") return `.${part}`;
      return part === "items" || part === "prefixItems" || part === "additionalProperties" ? "[]" : "";
    })
    .join("");
}

/**
 * Whether the values of a schema of another library change their type when they are read. Such a schema cannot encode: what
 * a handler returns must have the wire type.
 */
export function isOneWay(schema: $ZodType): boolean {
  return descriptionIn(schema) !== undefined && !new Assignability().fits(storedType(schema), wireType(schema));
}

function isTransform(def: $ZodTypes["_zod"]["def"]): boolean {
  if (def.type !== "pipe") return def.type === "transform";
  return [def.in, def.out].some((part) => isTransform((part as $ZodTypes)._zod.def));
}

/** The schemas that a schema's wire form consists of. */
function wireParts(schema: $ZodType, path: string): readonly (readonly [$ZodType, string])[] {
  const { def } = (schema as $ZodTypes)._zod;
  switch (def.type) {
    case "object":
      return [
        ...Object.entries(def.shape).map(([key, value]) => [value, `${path}.${key}`] as const),
        ...(def.catchall === undefined ? [] : [[def.catchall, `${path}[]`] as const]),
      ];
    case "array":
      return [[def.element, `${path}[]`]];
    case "tuple":
      return [...def.items, ...(def.rest === null ? [] : [def.rest])].map((item) => [item, `${path}[]`] as const);
    case "record":
      return [[def.valueType, `${path}[]`]];
    case "union":
      return def.options.map((option) => [option, path] as const);
    case "intersection":
      return [
        [def.left, path],
        [def.right, path],
      ];
    case "optional":
    case "nullable":
    case "default":
    case "prefault":
    case "nonoptional":
    case "readonly":
    case "catch":
      return [[def.innerType, path]];
    case "pipe":
      return [[def.in, path]];
    case "lazy":
      return [[def.getter(), path]];
    default:
      return [];
  }
}
