import * as z from "zod";
import type { $ZodType, $ZodTypes } from "zod/v4/core";
import type { JsonObject } from "../errors/index.ts";

type Draft = Parameters<NonNullable<NonNullable<Parameters<typeof z.toJSONSchema>[1]>["override"]>>[0]["jsonSchema"];

/**
 * The JSON Schema of a schema's wire form, as it stands in a graph.
 *
 * @example
 * wireJsonSchema(z.object({ days: z.int().optional() }))
 * // { type: "object", properties: { days: { type: "integer" } } }
 */
export function wireJsonSchema(schema: $ZodType): JsonObject {
  return jsonSchema(schema, () => {});
}

/** The JSON Schema of what is stored of an output: keys that a default fills are always there. */
export function storedJsonSchema(schema: $ZodType): JsonObject {
  return jsonSchema(schema, (part, json) => {
    const { def } = (part as $ZodTypes)._zod;
    if (def.type !== "object") return;
    const filled = Object.keys(def.shape).filter((key) => def.shape[key]?._zod.optin === "defaulted");
    if (filled.length > 0) json.required = [...new Set([...(json.required ?? []), ...filled])];
  });
}

function jsonSchema(schema: $ZodType, change: (part: $ZodType, json: Draft) => void): JsonObject {
  const { $schema: _, ...made } = z.toJSONSchema(schema, {
    io: "input",
    // A part that JSON Schema can't describe accepts anything, instead of failing the whole graph.
    unrepresentable: "any",
    override: ({ zodSchema, jsonSchema }) => {
      withoutSafeBounds(jsonSchema);
      change(zodSchema, jsonSchema);
    },
  });
  return JSON.parse(JSON.stringify(made)) as JsonObject; // without what zod hangs on it for its own use
}

/** That an integer is a safe one, zod says of each: graphs are read by people, who mean it by the word. */
function withoutSafeBounds(json: Draft): void {
  if (json.type !== "integer") return;
  if (json.minimum === Number.MIN_SAFE_INTEGER) delete json.minimum;
  if (json.maximum === Number.MAX_SAFE_INTEGER) delete json.maximum;
}
