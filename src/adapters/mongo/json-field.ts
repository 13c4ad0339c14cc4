import type { Json } from "../../errors/index.ts";
import { recordTooLarge } from "./mongo-error.ts";

/** MongoDB nests up to 100 levels, of which the document around the value needs some. */
const deepest = 80;

/**
 * JSON of users as the field of a document: as it is, which other programs can read and query, or in the field's twin
 * as text where BSON, a driver or an older server would make something else of it.
 */
export function jsonField<TName extends string>(name: TName, value: Json | undefined): Record<string, Json> {
  if (value === undefined) return {};
  return fits(value, 0) ? { [name]: value } : { [`${name}_json`]: textOf(name, value) };
}

/** What {@link jsonField} wrote. */
export function jsonOf<T>(document: object, name: string): T | undefined {
  const fields: Readonly<Record<string, unknown>> = { ...document };
  const text = fields[`${name}_json`];
  return (typeof text === "string" ? JSON.parse(text) : fields[name]) as T | undefined;
}

function textOf(name: string, value: Json): string {
  try {
    return JSON.stringify(value);
  } catch (error) {
    if (error instanceof RangeError) throw recordTooLarge(`a record's field '${name}'`); // longer than a string can be
    throw error;
  }
}

function fits(value: Json, depth: number): boolean {
  if (typeof value === "string") return value.isWellFormed();
  if (typeof value !== "object" || value === null) return !Object.is(value, -0);
  if (depth >= deepest) return false;
  if (Array.isArray(value)) return value.every((item) => fits(item, depth + 1));
  return Object.entries(value).every(([key, item]) => isPlainKey(key) && fits(item, depth + 1));
}

/** A driver makes objects of its own of `$ref` and `_bsontype`, servers before 5.0 refuse `$`, and BSON ends at NUL. */
const isPlainKey = (key: string): boolean =>
  !key.startsWith("$") && key !== "_bsontype" && key !== "__proto__" && !key.includes("\0") && key.isWellFormed();
