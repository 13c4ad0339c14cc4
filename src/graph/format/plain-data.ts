import type { Json, JsonObject } from "../../errors/index.ts";
import type { FindingList } from "./findings.ts";
import { codeAt } from "./known-keys.ts";
import type { GraphLimits } from "./limits.ts";
import { cut, formatMessage } from "./messages.ts";
import { forbiddenKeys } from "./names.ts";
import { type Path, pointer } from "./pointer.ts";

export interface PlainCopy {
  readonly value: Json;
  /** JSON pointers of values that JSON cannot represent; already reported, and copied as `null`. */
  readonly spoilt: ReadonlySet<string>;
}

/**
 * A deep copy of the caller's object as JSON represents it; the original is read once and never modified. Size and
 * depth are checked while copying, so that a value that is deep, contains itself, or shares a part a billion times
 * costs no more than a graph of the allowed size.
 *
 * @returns `undefined` if a limit was exceeded; the finding names it
 */
export function copyPlain(input: unknown, limits: GraphLimits, findings: FindingList): PlainCopy | undefined {
  const copier = new Copier(limits, findings);
  try {
    return { value: copier.copy(input), spoilt: copier.spoilt };
  } catch (error) {
    if (error === limitMet) return undefined;
    throw error;
  }
}

const limitMet = new Error("graph limit exceeded");
const mostSpoilt = 1000;

class Copier {
  readonly spoilt = new Set<string>();
  readonly #limits: GraphLimits;
  readonly #findings: FindingList;
  readonly #path: (string | number)[] = [];
  #bytes = 0;

  constructor(limits: GraphLimits, findings: FindingList) {
    this.#limits = limits;
    this.#findings = findings;
  }

  copy(value: unknown): Json {
    if (typeof value === "string") {
      this.#count(jsonBytes(value));
      return value;
    }
    if (typeof value === "number") {
      if (!Number.isFinite(value)) return this.#spoil(String(value));
      const kept = value === 0 ? 0 : value; // JSON has no -0
      this.#count(String(kept).length);
      return kept;
    }
    if (value === null || typeof value === "boolean") {
      this.#count(value === false ? 5 : 4);
      return value;
    }
    if (typeof value !== "object") return this.#spoil(value === undefined ? "undefined" : `a ${typeof value}`);
    return this.#copyInside(value);
  }

  #copyInside(value: object): Json {
    if (this.#path.length >= this.#limits.maxDepth) {
      this.#stop(formatMessage("graphTooDeep", { limit: this.#limits.maxDepth }), this.#path.slice(0, 8));
    }
    this.#count(1); // the opening bracket; each element counts what follows it
    if (Array.isArray(value)) {
      const copy: Json[] = [];
      for (let i = 0; i < value.length; i++) copy.push(this.#at(i, value[i]));
      if (copy.length === 0) this.#count(1);
      return copy;
    }
    if (!isPlain(value)) return this.#spoil(`a ${className(value)}`);
    const copy: { [key: string]: Json } = {};
    let empty = true;
    for (const key of Object.keys(value)) {
      if (forbiddenKeys.has(key)) {
        const path = [...this.#path, key];
        this.#findings.add({ code: "GRAPH_SHAPE", path, message: formatMessage("forbiddenKey", { key }) });
        continue;
      }
      const inner = (value as { readonly [key: string]: unknown })[key];
      if (inner === undefined) continue;
      this.#count(jsonBytes(key) + 1);
      copy[key] = this.#at(key, inner);
      empty = false;
    }
    if (empty) this.#count(1);
    return copy;
  }

  #at(part: string | number, value: unknown): Json {
    this.#count(1);
    if (typeof value === "string") return this.copy(value); // the common case, which needs no path
    this.#path.push(part);
    const copy = this.copy(value);
    this.#path.pop();
    return copy;
  }

  #spoil(what: string): null {
    this.#count(4);
    if (this.spoilt.size < mostSpoilt) {
      const path = [...this.#path];
      this.spoilt.add(pointer(path));
      this.#findings.add({ code: codeAt(path), path, message: formatMessage("valueNotJson", { what: cut(what) }) });
    }
    return null;
  }

  #count(bytes: number): void {
    this.#bytes += bytes;
    if (this.#bytes > this.#limits.maxBytes) {
      this.#stop(formatMessage("graphTooManyBytes", { limit: this.#limits.maxBytes }), []);
    }
  }

  #stop(message: string, path: Path): never {
    this.#findings.add({ code: "GRAPH_TOO_LARGE", path, message });
    throw limitMet;
  }
}

/**
 * The limit that a value exceeds as JSON. Stops there, so that a value that contains itself, or shares a part a billion
 * times, costs no more than one of the allowed size.
 */
export function excessOf(
  value: unknown,
  limits: Pick<GraphLimits, "maxBytes" | "maxDepth">,
): "maxBytes" | "maxDepth" | undefined {
  let bytes = 0;
  let excess: "maxBytes" | "maxDepth" | undefined;
  const measure = (part: unknown, depth: number): void => {
    if (typeof part === "string") bytes += jsonBytes(part);
    else if (typeof part !== "object" || part === null) bytes += String(part).length;
    else if (depth >= limits.maxDepth) excess = "maxDepth";
    else {
      bytes += 2;
      for (const [key, inner] of Object.entries(part)) {
        bytes += Array.isArray(part) ? 1 : jsonBytes(key) + 2;
        measure(inner, depth + 1);
        if (bytes > limits.maxBytes) excess ??= "maxBytes";
        if (excess !== undefined) return;
      }
    }
    if (bytes > limits.maxBytes) excess ??= "maxBytes";
  };
  measure(value, 0);
  return excess;
}

/** Counts without JSON.stringify if nothing is escaped, as in nearly all of a graph's many short strings. */
function jsonBytes(text: string): number {
  let bytes = 2;
  for (let i = 0; i < text.length; i++) {
    const char = text.charCodeAt(i);
    const isEscaped = char < 0x20 || char === quote || char === backslash || (char >= 0xd800 && char <= 0xdfff);
    if (isEscaped) return Buffer.byteLength(JSON.stringify(text));
    bytes += char < 0x80 ? 1 : char < 0x800 ? 2 : 3;
  }
  return bytes;
}

const quote = 0x22;
const backslash = 0x5c;

/** Includes objects of other realms, which have a different `Object.prototype`. */
function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

function className(value: object): string {
  const maker: unknown = Reflect.get(value, "constructor");
  return typeof maker === "function" && maker.name !== "" ? maker.name : "object with a prototype";
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/**
 * Freezes plain data deeply; a frozen object is assumed to be deeply frozen. Bottom-up, which measured three times as
 * fast as top-down.
 */
export function deepFreeze<TValue>(value: TValue): TValue {
  if (typeof value !== "object" || value === null || Object.isFrozen(value)) return value;
  if (Array.isArray(value)) for (const item of value) deepFreeze(item);
  else for (const key in value) deepFreeze(value[key]);
  return Object.freeze(value);
}

/** The nesting limit of stored values: far deeper than real data, and within the call stack. */
const maxDepth = 200;

export class NotJsonError extends Error {
  override readonly name = "NotJsonError";
}

/**
 * A copy of a JSON value; like JSON, it omits keys whose value is `undefined` and writes -0 as 0.
 *
 * @throws NotJsonError with the path of a value that JSON cannot represent
 */
export function copyJson(value: unknown): Json {
  try {
    return copy(value, undefined, 0);
  } catch (error) {
    if (error !== isNotJson) throw error;
    return copy(value, "", 0);
  }
}

const isNotJson = Symbol("is not JSON");

/** @param path - `undefined` while it is not tracked, which would cost as much as the copy */
function copy(value: unknown, path: string | undefined, depth: number): Json {
  if (typeof value !== "object" || value === null) return copyPrimitive(value, path);
  if (depth >= maxDepth) throw refusal(path, `is nested deeper than ${maxDepth} levels`);
  if (Array.isArray(value)) {
    const list: Json[] = [];
    // By index, which fills holes, and into a plain list, even from a subclass.
    for (let at = 0; at < value.length; at++)
      list.push(copy(value[at], path === undefined ? path : `${path}[${at}]`, depth + 1));
    return list;
  }
  const prototype = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null)
    throw refusal(path, `is a ${value.constructor?.name ?? "class instance"}`);
  const result: Record<string, Json> = {};
  for (const key in value) {
    if (!isOwn.call(value, key)) continue;
    if (key === "__proto__") throw refusal(path, "has the key __proto__");
    const item = (value as Record<string, unknown>)[key];
    if (typeof item === "string") result[key] = item;
    else if (item !== undefined) result[key] = copy(item, path === undefined ? path : `${path}.${key}`, depth + 1);
  }
  return result;
}

/** In a loop over keys, this costs nothing, unlike `Object.keys` or `Object.hasOwn`. */
const { hasOwnProperty: isOwn } = Object.prototype;

function copyPrimitive(value: unknown, path: string | undefined): Json {
  if (value === null || typeof value === "string" || typeof value === "boolean") return value;
  if (typeof value !== "number") throw refusal(path, `is ${describe(value)}`);
  if (!Number.isFinite(value)) throw refusal(path, `is ${value}`);
  return value === 0 ? 0 : value;
}

const refusal = (path: string | undefined, why: string): unknown =>
  path === undefined ? isNotJson : new NotJsonError(`${where(path)} ${why}`);

const where = (path: string): string => (path === "" ? "the value" : path);

function describe(value: unknown): string {
  return value === undefined ? "undefined" : `a ${typeof value}`;
}

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
