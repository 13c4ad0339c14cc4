import * as z from "zod";
import type { $ZodType } from "zod/v4/core";
import { formatMessage } from "../format/messages.ts";
import type { TypeSchemas } from "../format/types.ts";
import { storedJsonSchema, wireJsonSchema } from "../format/wire-schema.ts";
import type { DataType } from "./data-type.ts";
import { Assignability } from "./fit.ts";
import { mismatchText } from "./mismatch.ts";
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

/** Zod schemas of one node type, such as those of a handler. */
export type GivenTypeSchemas = { readonly [TPart in SchemaPart]?: $ZodType | undefined };
export const schemaParts = ["args", "input", "output"] as const;
type SchemaPart = (typeof schemaParts)[number];

/** Where the schemas that a graph declares for a type do not fit those of its handler. */
export function contradictions(what: string, given: GivenTypeSchemas, declared: TypeSchemas | undefined): string[] {
  return schemaParts.flatMap((part) => {
    const schema = given[part];
    const wanted = declared?.[part];
    if (schema === undefined || wanted === undefined) return [];
    // A handler may accept more than the graph declares, and store less.
    const why =
      part === "output"
        ? mismatchText(storedType(schema), readSchema(wanted), new Assignability())
        : mismatchText(readSchema(wanted), wireType(schema), new Assignability());
    return why === undefined ? [] : [formatMessage("contradictsGraph", { what, part, why })];
  });
}
