import type { $ZodType, $ZodTypes } from "zod/v4/core";

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
  const found: string[] = [];
  const seen = new Set<$ZodType>();
  const walk = (current: $ZodType, path: string): void => {
    if (seen.has(current)) return; // a recursive schema, or one that is used twice, is reported once
    seen.add(current);
    const { def } = (current as $ZodTypes)._zod;
    const words = isEncoded && isOneWay(current) ? oneWay : noJson[def.type];
    if (words !== undefined) found.push(`${path} ${words}`);
    for (const [inner, innerPath] of wireParts(current, path)) walk(inner, innerPath);
  };
  walk(schema, name);
  return found;
}

function isOneWay(schema: $ZodType): boolean {
  const { def } = (schema as $ZodTypes)._zod;
  return def.type === "pipe" && [def.in, def.out].some((part) => part._zod.def.type === "transform");
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
