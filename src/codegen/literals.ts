import type { Json, JsonObject } from "../errors/index.ts";
import { isObject } from "../graph/format/plain-data.ts";
import { array, type Doc, object, sequence } from "./layout.ts";

/*
 * Values of a graph as source text. They come from whoever wrote the graph, so nothing in them may end a literal, end
 * a comment, or show as something else than it is.
 */

/** Line ends of JavaScript that JSON doesn't escape, and what is invisible or turns the direction of text. */
const unseen = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

/** Whether a text can stand in source as it is, outside a string too. */
export const isPlainText = (text: string): boolean => text.search(unseen) === -1;

export function stringLiteral(text: string): string {
  return JSON.stringify(text).replace(unseen, (character) =>
    Array.from({ length: character.length }, (_, index) => codeUnit(character.charCodeAt(index))).join(""),
  );
}

const codeUnit = (code: number): string => `\\u${code.toString(16).padStart(4, "0")}`;

const plainKey = /^[A-Za-z_$][\w$]*$/;

/** A key in an object literal. `__proto__: x` would set the prototype; computed, it is a key like any other. */
function keyLiteral(key: string): string {
  if (key === "__proto__") return '["__proto__"]';
  return plainKey.test(key) ? key : stringLiteral(key);
}

export function property(key: string, value: Doc): Doc {
  return sequence(`${keyLiteral(key)}: `, value);
}

/** An object of those properties that are there. */
export function objectOf(properties: Readonly<Record<string, Doc | undefined>>): Doc {
  return object(
    Object.entries(properties).flatMap(([key, value]) => (value === undefined ? [] : [property(key, value)])),
  );
}

/** A JSON value as it is; members that are undefined are none. */
export function literal(value: Json): Doc {
  if (typeof value === "string") return stringLiteral(value);
  if (Array.isArray(value)) return array(value.map((item: Json) => literal(item)));
  if (!isObject(value)) return JSON.stringify(value);
  const members = Object.entries(value).filter(([, inner]) => inner !== undefined);
  return object(members.map(([key, inner]) => property(key, literal(inner))));
}

/** An argument of a node: references are calls of `param`, and `$$ref` is the key that it stands for. */
export function argument(value: Json): Doc {
  if (Array.isArray(value)) return array(value.map((item: Json) => argument(item)));
  if (!isObject(value)) return literal(value);
  const name = paramIn(value);
  if (name !== undefined) return `param(${stringLiteral(name)})`;
  return object(Object.entries(value).map(([key, inner]) => property(unescapedKey(key), argument(inner))));
}

const unescapedKey = (key: string): string => (/^\$\$+ref$/.test(key) ? key.slice(1) : key);

/** The parameter that a reference stands for. */
function paramIn(value: JsonObject): string | undefined {
  return typeof value.$ref === "string" ? value.$ref.slice("params.".length) : undefined;
}
