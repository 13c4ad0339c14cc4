import type { Json, JsonObject } from "../errors/index.ts";
import { patternForm } from "../graph/format/pattern.ts";
import { isObject } from "../graph/format/plain-data.ts";
import { array, call, type Doc, object, sequence } from "./layout.ts";

/*
 * Values of a graph as source text. They are untrusted: nothing in them may end a literal or a comment, or be displayed
 * as something other than it is.
 */

/** JavaScript line ends that JSON does not escape, invisible characters, and those that change the text direction. */
const unseen = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

/** Whether a text is safe in source without escapes, even outside a string. */
export const isPlainText = (text: string): boolean => text.search(unseen) === -1;

export function stringLiteral(text: string): string {
  return JSON.stringify(text).replace(unseen, (character) =>
    Array.from({ length: character.length }, (_, index) => codeUnit(character.charCodeAt(index))).join(""),
  );
}

const codeUnit = (code: number): string => `\\u${code.toString(16).padStart(4, "0")}`;

const plainKey = /^[A-Za-z_$][\w$]*$/;

/** A key in an object literal. `__proto__: x` would set the prototype; a computed key does not. */
function keyLiteral(key: string): string {
  if (key === "__proto__") return '["__proto__"]';
  return plainKey.test(key) ? key : stringLiteral(key);
}

export function property(key: string, value: Doc): Doc {
  return sequence(`${keyLiteral(key)}: `, value);
}

/** An object literal; omits properties that are `undefined`. */
export function objectOf(properties: Readonly<Record<string, Doc | undefined>>): Doc {
  return object(
    Object.entries(properties).flatMap(([key, value]) => (value === undefined ? [] : [property(key, value)])),
  );
}

/** A JSON value as a literal; omits members that are `undefined`. */
export function literal(value: Json): Doc {
  if (typeof value === "string") return stringLiteral(value);
  if (Array.isArray(value)) return array(value.map((item: Json) => literal(item)));
  if (!isObject(value)) return JSON.stringify(value);
  const members = Object.entries(value).filter(([, inner]) => inner !== undefined);
  return object(members.map(([key, inner]) => property(key, literal(inner))));
}

/** An argument of a node: a reference becomes a call of `param`, and `$$ref` is unescaped. */
export function argument(value: Json): Doc {
  if (Array.isArray(value)) return array(value.map((item: Json) => argument(item)));
  if (!isObject(value)) return literal(value);
  const name = paramIn(value);
  if (name !== undefined) return `param(${stringLiteral(name)})`;
  return object(Object.entries(value).map(([key, inner]) => property(unescapedKey(key), argument(inner))));
}

/** A pattern with the builder's `not` and `exists`. */
export function patternDoc(pattern: Json): Doc {
  const form = patternForm(pattern);
  switch (form.kind) {
    case "oneOf":
      return literal(pattern);
    case "exists":
      return form.exists ? "exists" : "not(exists)";
    case "not":
      return call("not", [patternDoc(form.pattern)]);
    case "keys":
      return object(form.keys.map(([key, inner]) => property(key, patternDoc(inner))));
  }
}

const unescapedKey = (key: string): string => (/^\$\$+ref$/.test(key) ? key.slice(1) : key);

/** The name of the parameter if `value` is a reference. */
function paramIn(value: JsonObject): string | undefined {
  return typeof value.$ref === "string" ? value.$ref.slice("params.".length) : undefined;
}
