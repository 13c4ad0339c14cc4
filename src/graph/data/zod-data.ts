import * as z from "zod";
import type { $ZodType } from "zod/v4/core";
import { storedJsonSchema, wireJsonSchema } from "../format/wire-schema.ts";
import type { DataType } from "./data-type.ts";
import { readSchema } from "./read-schema.ts";

const wire = new WeakMap<$ZodType, DataType>();
const stored = new WeakMap<$ZodType, DataType>();
/** An empty registry: metadata may contain anything, and zod cannot convert two schemas with one id together. */
const nothingSaid = z.registry<Record<string, unknown>>();

/** The type of a schema's wire form; cached. */
export function wireType(schema: $ZodType): DataType {
  return remembered(wire, schema, () => readSchema(wireJsonSchema(schema, nothingSaid)));
}

/** The type of a stored output; cached. */
export function storedType(schema: $ZodType): DataType {
  return remembered(stored, schema, () => readSchema(storedJsonSchema(schema, nothingSaid)));
}

function remembered(types: WeakMap<$ZodType, DataType>, schema: $ZodType, make: () => DataType): DataType {
  let type = types.get(schema);
  if (type === undefined) {
    type = make();
    types.set(schema, type);
  }
  return type;
}
