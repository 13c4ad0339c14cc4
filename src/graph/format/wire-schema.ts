import * as z from "zod";
import type { $ZodRegistry, $ZodType, $ZodTypes } from "zod/v4/core";
import type { JsonObject } from "../../errors/index.ts";
import { descriptionIn } from "./standard-schema.ts";

type Draft = Parameters<NonNullable<NonNullable<Parameters<typeof z.toJSONSchema>[1]>["override"]>>[0]["jsonSchema"];

/**
 * The JSON Schema of a schema's wire form, as graphs contain it.
 *
 * @example
 * wireJsonSchema(z.object({ days: z.int().optional() }))
 * // { type: "object", properties: { days: { type: "integer" } } }
 */
export function wireJsonSchema(schema: $ZodType, metadata: Metadata = z.globalRegistry): JsonObject {
  const own = descriptionIn(schema)?.wire;
  if (own !== undefined) return own;
  return jsonSchema(schema, metadata, (part, json) => {
    if (takesAnything(part)) for (const key of Object.keys(json)) delete json[key];
    const { def } = part;
    // zod lists keys with a catch or a preprocess function as required, although it accepts objects without them.
    if (def.type === "object" && json.required !== undefined) {
      json.required = json.required.filter((key) => def.shape[key]?._zod.optin === undefined);
      if (json.required.length === 0) delete json.required;
    }
  });
}

/** The JSON Schema of a stored output: keys with a default are always present. */
export function storedJsonSchema(schema: $ZodType, metadata: Metadata = z.globalRegistry): JsonObject {
  const own = descriptionIn(schema)?.stored;
  if (own !== undefined) return own;
  return jsonSchema(schema, metadata, ({ def }, json) => {
    if (def.type !== "object") return;
    const filled = Object.keys(def.shape).filter((key) => def.shape[key]?._zod.optin === "defaulted");
    if (filled.length > 0) json.required = [...new Set([...(json.required ?? []), ...filled])];
  });
}

/** Coercion, catch and preprocess functions accept any value, although zod describes their result. */
function takesAnything({ def }: Part): boolean {
  if ("coerce" in def && def.coerce === true) return true;
  return def.type === "catch" || (def.type === "pipe" && def.in._zod.def.type === "transform");
}

/** Schemas of values that JSON does not have. */
const beyondJson: ReadonlySet<string> = new Set([
  ...["bigint", "date", "file", "function", "map", "nan", "promise", "set", "symbol", "undefined", "void"],
]);

const isBeyondJson = ({ def }: Part): boolean =>
  def.type === "literal"
    ? def.values.every((value) => value === undefined || typeof value === "bigint")
    : beyondJson.has(def.type);

// Titles, descriptions and other annotations of schemas.
type Metadata = $ZodRegistry<Record<string, unknown>>;
type Part = $ZodTypes["_zod"];

function jsonSchema(schema: $ZodType, metadata: Metadata, change: (part: Part, json: Draft) => void): JsonObject {
  const { $schema: _, ...made } = z.toJSONSchema(schema, {
    io: "input",
    // A part that JSON Schema cannot describe accepts anything, instead of failing the whole graph.
    unrepresentable: "any",
    metadata,
    override: ({ zodSchema, jsonSchema }) => {
      withoutSafeBounds(jsonSchema);
      // zod leaves open what such a part accepts; on the wire it accepts nothing.
      if (isBeyondJson((zodSchema as $ZodTypes)._zod)) jsonSchema.not = {};
      change((zodSchema as $ZodTypes)._zod, jsonSchema);
    },
  });
  return JSON.parse(JSON.stringify(made)) as JsonObject; // drops zod's internal properties
}

/** zod bounds each integer to the safe range; for readers of a graph that is noise. */
function withoutSafeBounds(json: Draft): void {
  if (json.type !== "integer") return;
  if (json.minimum === Number.MIN_SAFE_INTEGER) delete json.minimum;
  if (json.maximum === Number.MAX_SAFE_INTEGER) delete json.maximum;
}
