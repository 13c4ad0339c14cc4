import * as z from "zod";
import type { $ZodType } from "zod/v4/core";
import { type Json, type JsonObject, thrownMessage } from "../../errors/index.ts";
import { formatMessage, zodSchema } from "./messages.ts";
import { subschemas } from "./params-validator.ts";
import { isObject } from "./plain-data.ts";

/*
 * Schemas of other libraries, by the two interfaces that they have in common: Standard Schema, which validates, and
 * Standard JSON Schema, which describes. Each is converted to a zod schema on entry, so that nothing else has to handle
 * it.
 */

// The descriptions that a schema of another library provides.
interface Described {
  readonly wire: JsonObject;
  /** Of its outputs: keys with a default are always present. */
  readonly stored: JsonObject;
}

/** A registered symbol, so that another copy of the package can read it too. */
const described: unique symbol = Symbol.for("flowkit.standardSchema");

interface Standard {
  readonly vendor: string;
  readonly validate: (value: unknown) => Result | Promise<Result>;
  readonly jsonSchema: Readonly<Record<"input" | "output", (options: object) => object>>;
}

interface Result {
  readonly value?: unknown;
  readonly issues?: readonly Issue[] | undefined;
}

interface Issue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

const isZod = (value: unknown): value is $ZodType => typeof value === "object" && value !== null && "_zod" in value;

const made = new WeakMap<object, $ZodType>();

/** A schema of any library as a zod schema, from any copy of zod; unchanged if `schemaFault` reports a fault. */
export function asZod(value: unknown): unknown {
  if (isZod(value) || !isStandard(value)) return value;
  let schema = made.get(value);
  if (schema === undefined) {
    const description = descriptionOf(value["~standard"]);
    if ("fault" in description) return value;
    schema = Object.assign(zodOf(value["~standard"]), { [described]: description });
    made.set(value, schema);
  }
  return schema;
}

/** The requirement that a value does not meet, if it is not a schema or has no JSON Schema; `undefined` for a schema. */
export function schemaFault(value: unknown): string | undefined {
  if (isZod(value)) return undefined;
  if (!isStandard(value)) return zodSchema;
  const description = descriptionOf(value["~standard"]);
  return "fault" in description ? formatMessage("schemaWithoutJson", { why: description.fault }) : undefined;
}

/** The descriptions that a schema of another library provides; `undefined` for a zod schema. */
export function descriptionIn(schema: $ZodType): Described | undefined {
  return (schema as { readonly [described]?: Described })[described];
}

function isStandard(value: unknown): value is { readonly "~standard": Standard } {
  const isThing = (typeof value === "object" && value !== null) || typeof value === "function";
  if (!isThing || !("~standard" in value)) return false;
  const standard = value["~standard"];
  return typeof standard === "object" && standard !== null && "validate" in standard && "jsonSchema" in standard;
}

function descriptionOf({ vendor, jsonSchema }: Standard): Described | { readonly fault: string } {
  // valibot refuses everything that JSON Schema cannot express, even a check of a value, unless an option allows omitting it.
  const libraryOptions = vendor === "valibot" ? { errorMode: "ignore" } : {};
  const options = { target: "draft-2020-12", libraryOptions };
  try {
    return { wire: plain(jsonSchema.input(options)), stored: filled(plain(jsonSchema.output(options))) };
  } catch (error) {
    return { fault: thrownMessage(error) };
  }
}

function plain(made: object): JsonObject {
  const { $schema: _, ...schema } = JSON.parse(JSON.stringify(made)) as JsonObject;
  return schema;
}

/** Marks all keys with a default as required. */
function filled(schema: JsonObject): JsonObject {
  for (const { schema: part } of subschemas(schema)) {
    const { properties, required } = part;
    if (!isObject(properties)) continue;
    const always = Object.keys(properties).filter((key) => {
      const property: Json | undefined = properties[key];
      return isObject(property) && property.default !== undefined;
    });
    const listed = Array.isArray(required) ? required : [];
    if (always.length > 0) Object.assign(part, { required: [...new Set([...listed, ...always])] });
  }
  return schema;
}

/**
 * Both directions validate: a wire value becomes the output of the schema, and so does a value of a handler, which has
 * the same type by the rules for outputs.
 */
function zodOf(standard: Standard): $ZodType {
  const validated = (value: unknown, payload: Payload): unknown => {
    const result = standard.validate(value);
    if (!(result instanceof Promise)) return valueIn(result, payload);
    const later = result.then((finished) => valueIn(finished, payload));
    later.catch(() => {}); // in a synchronous parse, zod drops it and parses again
    return later;
  };
  return z.codec(z.any(), z.any(), { decode: validated, encode: validated });
}

type Payload = Pick<z.core.ParsePayload, "issues">;

function valueIn({ value, issues }: Result, payload: Payload): unknown {
  if (issues === undefined) return value;
  for (const { message, path = [] } of issues) {
    const keys = path.map((part) => (typeof part === "object" ? part.key : part));
    payload.issues.push({ code: "custom", message, path: keys, input: undefined });
  }
  return z.NEVER;
}
