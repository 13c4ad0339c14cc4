import type { $ZodType, $ZodTypes } from "zod/v4/core";

/**
 * Whether every value that the schema lets through on the wire side is plain JSON, newly made by zod: then nothing has
 * to be walked or copied again. `false` is always safe, so what isn't known here is not closed.
 */
export function isClosedSchema(schema: $ZodType, around: ReadonlySet<$ZodType> = new Set()): boolean {
  if (around.has(schema)) return false; // zod lets a cycle through a recursive schema: only a copy finds it
  const within = new Set(around).add(schema);
  const closed = (inner: $ZodType): boolean => isClosedSchema(inner, within);
  const { def } = (schema as $ZodTypes)._zod;
  if (def.type !== "string" && def.checks?.some((check) => check._zod.def.check === "overwrite")) return false;
  switch (def.type) {
    case "string":
    case "number":
    case "boolean":
    case "null":
    case "enum":
    case "template_literal":
      return true;
    case "literal":
      return def.values.every(
        (value) => value === null || ["string", "boolean"].includes(typeof value) || Number.isFinite(value),
      );
    case "object":
      return (
        (def.catchall === undefined || def.catchall._zod.def.type === "never" || closed(def.catchall)) &&
        Object.values(def.shape).every(closed)
      );
    case "array":
      return closed(def.element);
    case "tuple":
      return def.items.every(closed) && (def.rest === null || closed(def.rest));
    case "record":
      return closed(def.keyType) && closed(def.valueType);
    case "union":
      return def.options.every(closed);
    // Not "optional": a list may then hold undefined, and an object a key of that value, which JSON can't.
    case "nullable":
    case "default":
    case "prefault":
    case "nonoptional":
    case "readonly":
      return closed(def.innerType);
    case "lazy":
      return closed(def.getter());
    case "pipe":
      return closed(def.in); // a codec: its wire side
    default:
      return false;
  }
}
