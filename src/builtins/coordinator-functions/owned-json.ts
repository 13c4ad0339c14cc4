import type { Json, JsonObject } from "../../errors/index.ts";
import { copyJson } from "../../graph/format/plain-data.ts";

/** JSON without any other reference to it, so that it may be changed in place. */
export type OwnedJson = string | number | boolean | null | OwnedJson[] | OwnedObject;
export type OwnedObject = { [key: string]: OwnedJson };

/**
 * A deep copy to change in place. It has no key `__proto__`, so that its keys can safely be assigned to another object.
 *
 * @throws NotJsonError
 */
export function ownCopy(value: Json): OwnedJson {
  return copyJson(value) as OwnedJson; // a fresh copy, read-only only by its type
}

/** @throws NotJsonError */
export function ownObjectCopy(value: JsonObject): OwnedObject {
  return copyJson(value) as OwnedObject; // the copy of an object is an object
}

export function isOwnedObject(value: OwnedJson | undefined): value is OwnedObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The value of an own key: inherited properties are not data. */
export function ownValue(object: OwnedObject, key: string): OwnedJson | undefined {
  return Object.hasOwn(object, key) ? object[key] : undefined;
}
