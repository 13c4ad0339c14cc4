import type { Json, JsonObject } from "../../errors/index.ts";
import { isObject } from "./plain-data.ts";

/** The value with the keys of its objects sorted by code unit. */
export function sortKeys(value: Json): Json {
  if (Array.isArray(value)) return value.map(sortKeys);
  if (!isObject(value)) return value;
  return Object.fromEntries(sortedKeys(value).map((key) => [key, sortKeys(value[key] as Json)]));
}

/** The object with its keys sorted, `first` before the others. */
export function orderKeys(value: JsonObject, first: readonly string[]): JsonObject {
  const known = first.filter((key) => Object.hasOwn(value, key));
  const others = sortedKeys(value).filter((key) => !first.includes(key));
  return Object.fromEntries([...known, ...others].map((key) => [key, value[key] as Json]));
}

const sortedKeys = (value: JsonObject): string[] => Object.keys(value).sort();
