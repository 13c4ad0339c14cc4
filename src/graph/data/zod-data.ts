import * as z from "zod";
import type { $ZodType } from "zod/v4/core";
import { storedJsonSchema, wireJsonSchema } from "../format/wire-schema.ts";
import type { DataType } from "./data-type.ts";
import { readSchema } from "./read-schema.ts";

const wire = new WeakMap<$ZodType, DataType>();
const stored = new WeakMap<$ZodType, DataType>();
/** No metadata: it may say anything of a schema, and two schemas with one id can't be described together. */
const nothingSaid = z.registry<Record<string, unknown>>();

/** A schema's wire form as a type. Made once, when it is needed. */
export function wireType(schema: $ZodType): DataType {
  return remembered(wire, schema, () => readSchema(wireJsonSchema(schema, nothingSaid)));
}

/** What is stored of an output as a type. Made once, when it is needed. */
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
