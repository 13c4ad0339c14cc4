import * as z from "zod";
import type { $ZodType, $ZodTypes } from "zod/v4/core";
import type { Json, JsonObject } from "../../errors/index.ts";
import { linearPattern, patternSize } from "./linear-pattern.ts";
import { isObject } from "./plain-data.ts";
import type { Path } from "./pointer.ts";

const schemaKeys = ["items", "prefixItems", "additionalItems", "additionalProperties", "contains", "propertyNames"];
const inPlaceKeys = ["allOf", "anyOf", "oneOf", "not", "if", "then", "else"];
const schemaMapKeys = ["properties", "patternProperties", "dependentSchemas", "$defs", "definitions"];

/** A schema inside a JSON Schema, with its path. */
export interface Subschema {
  readonly schema: JsonObject;
  readonly path: Path;
}

/** A JSON Schema and all schemas inside it. A key `pattern` in `properties` or `default` is not a schema's pattern. */
export function* subschemas(schema: Json | undefined, path: Path = []): Generator<Subschema> {
  if (!isObject(schema)) return;
  yield { schema, path };
  for (const [key, value] of Object.entries(schema)) {
    if (Array.isArray(value) && (schemaKeys.includes(key) || inPlaceKeys.includes(key))) {
      for (const [index, item] of value.entries()) yield* subschemas(item, [...path, key, index]);
    } else if (schemaKeys.includes(key) || inPlaceKeys.includes(key)) {
      yield* subschemas(value, [...path, key]);
    } else if (schemaMapKeys.includes(key) && isObject(value)) {
      for (const [name, item] of Object.entries(value)) yield* subschemas(item, [...path, key, name]);
    }
  }
}

/** The subschemas that apply to the same value as `schema`. */
export function inPlace(schema: JsonObject, root: JsonObject): readonly JsonObject[] {
  const listed = inPlaceKeys.flatMap((key) => schema[key] ?? []);
  return [...listed, definition(schema.$ref, root)].filter(isObject);
}

/** Resolves a reference as zod does. */
function definition(ref: Json | undefined, root: JsonObject): Json | undefined {
  if (typeof ref !== "string" || !ref.startsWith("#")) return undefined;
  const [holder, name, ...rest] = ref.slice(1).split("/").filter(Boolean);
  if (holder === undefined) return root;
  const definitions = holder === "$defs" || holder === "definitions" ? root[holder] : undefined;
  const key = name?.replaceAll("~1", "/").replaceAll("~0", "~");
  if (!isObject(definitions) || key === undefined || rest.length > 0 || !Object.hasOwn(definitions, key)) return;
  return definitions[key];
}

/** Without alternatives or repetition, a backtracking engine has nothing to backtrack to. */
export const isPlainKeyPattern = (source: string): boolean => !/[*+?{(|]/.test(source);

/** A JSON Schema written by zod, without the patterns that a graph may not contain; any string matches instead. */
export function withoutRefusedPatterns(schema: JsonObject): JsonObject {
  const copy = structuredClone(schema) as JsonObject;
  for (const { schema: part } of subschemas(copy)) {
    const inner = part as Record<string, Json>;
    if (typeof inner.pattern === "string" && "fault" in patternSize(inner.pattern)) delete inner.pattern;
    const { patternProperties } = inner;
    if (!isObject(patternProperties) || Object.keys(patternProperties).every(isPlainKeyPattern)) continue;
    delete inner.patternProperties;
    delete inner.additionalProperties;
  }
  return copy;
}

const patternKey = "x-flowkit-pattern";

/**
 * A zod schema of a valid `params_schema`. zod compiles each pattern for JavaScript's engine, so it receives a harmless
 * placeholder, which is replaced with a linear-time pattern as soon as zod has built the schema.
 *
 * @throws Error if zod does not support the schema
 */
export function paramsValidator(schema: JsonObject): $ZodType {
  const copy = structuredClone(schema) as JsonObject;
  const patterns = new Map<string, string>();
  for (const { schema: part } of subschemas(copy)) {
    if (typeof part.pattern !== "string") continue;
    const placeholder = `${patternKey}-${patterns.size}`;
    patterns.set(placeholder, part.pattern);
    Object.assign(part, { pattern: placeholder, [patternKey]: true });
  }
  const registry = new PatternRegistry(patterns);
  return z.fromJSONSchema(copy as Parameters<typeof z.fromJSONSchema>[0], { registry });
}

/** zod registers each schema that it builds from a JSON Schema with an unknown key, wherever it is nested. */
class PatternRegistry extends z.core.$ZodRegistry {
  readonly #patterns: ReadonlyMap<string, string>;
  readonly #seen = new WeakSet<$ZodType>();

  constructor(patterns: ReadonlyMap<string, string>) {
    super();
    this.#patterns = patterns;
  }

  override add(schema: $ZodType): this {
    this.#replace(schema);
    return this;
  }

  #replace(schema: $ZodType): void {
    if (this.#seen.has(schema)) return;
    this.#seen.add(schema);
    const { def } = (schema as $ZodTypes)._zod;
    for (const check of def.checks ?? []) {
      const checkDef = check._zod.def as { pattern?: RegExp };
      const source = this.#patterns.get(checkDef.pattern?.source ?? "");
      if (source !== undefined) checkDef.pattern = linearPattern(source);
    }
    const parts = [
      ...("innerType" in def ? [def.innerType] : []),
      ...(def.type === "union" ? def.options : []),
      ...(def.type === "intersection" ? [def.left, def.right] : []),
      ...(def.type === "pipe" ? [def.in, def.out] : []),
    ];
    for (const part of parts) this.#replace(part);
  }
}
