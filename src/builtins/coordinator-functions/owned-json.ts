import type { Json, JsonObject } from "../../errors/index.ts";
import { copyJson } from "../../graph/format/plain-data.ts";

/** JSON that nobody else holds a reference to, so that it may be changed in place. */
export type OwnedJson = string | number | boolean | null | OwnedJson[] | OwnedObject;
export type OwnedObject = { [key: string]: OwnedJson };

/**
 * A deep copy to change. It has no key `__proto__`, so that assigning its keys to another object is safe.
 *
 * @throws NotJsonError
 */
export function ownCopy(value: Json): OwnedJson {
  return copyJson(value) as OwnedJson; // a fresh copy: only its type says that it can't be changed
}

/** @throws NotJsonError */
export function ownObjectCopy(value: JsonObject): OwnedObject {
  return copyJson(value) as OwnedObject; // the copy of an object is one
}

export function isOwnedObject(value: OwnedJson | undefined): value is OwnedObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The value under an own key: what an object inherits is none of its data. */
export function ownValue(object: OwnedObject, key: string): OwnedJson | undefined {
  return Object.hasOwn(object, key) ? object[key] : undefined;
}
