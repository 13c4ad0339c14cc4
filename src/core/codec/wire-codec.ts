import {
  $ZodAsyncError,
  type $ZodError,
  type $ZodType,
  type $ZodTypes,
  safeDecode,
  safeDecodeAsync,
  safeEncode,
  safeEncodeAsync,
} from "zod/v4/core";
import { isInstance, type Json } from "../../errors/index.ts";
import { copyJson, NotJsonError } from "../../graph/format/plain-data.ts";

/** A value that does not match its schema. The message is: `.rows[3].price: expected number, received string`. */
export class SchemaMismatch extends Error {
  override readonly name = "SchemaMismatch";
}

type Parsed = { success: true; data: unknown } | { success: false; error: $ZodError };

/**
 * Converts values between handlers (decoded by their schemas) and the store (JSON). Synchronous unless the schema is
 * not: a promise per batch would cost more than the validation. Wire values that zod did not create are copied, so that
 * a handler cannot change what is stored.
 */
export class WireCodec {
  readonly #schema: $ZodType;
  readonly #closed: boolean;
  readonly #encoding: Direction;
  /** Converts what the schema returned to JSON. */
  readonly #toJson: (value: unknown) => Json;
  #async = false;

  constructor(schema: $ZodType) {
    this.#schema = schema;
    const { closed, optionalKeys, symmetric } = closednessOf(schema);
    this.#closed = closed;
    this.#encoding = symmetric ? decoding : encoding;
    this.#toJson = !closed ? copyJson : optionalKeys ? withoutUndefined : asJson;
  }

  /** Wire to handler. Rejects or throws {@link SchemaMismatch}. */
  decode(wire: Json): unknown | Promise<unknown> {
    return this.#parse(decoding, this.#closed ? wire : copyJson(wire), unchanged);
  }

  /** Handler to wire. Rejects or throws {@link SchemaMismatch} or `NotJsonError`. */
  encode(value: unknown): Json | Promise<Json> {
    return this.#parse(this.#encoding, value, this.#toJson);
  }

  #parse<T>(direction: Direction, value: unknown, finish: (data: unknown) => T): T | Promise<T> {
    if (!this.#async) {
      try {
        return finish(dataOf(direction.parse(this.#schema, value)));
      } catch (error) {
        if (!isInstance(error, $ZodAsyncError)) throw refused(error);
        this.#async = true; // the schema has an asynchronous check, which only its first value shows
      }
    }
    return direction.parseAsync(this.#schema, value).then(
      (parsed) => finish(dataOf(parsed)),
      (error: unknown) => {
        throw refused(error);
      },
    );
  }
}

interface Direction {
  readonly parse: (schema: $ZodType, value: unknown) => Parsed;
  readonly parseAsync: (schema: $ZodType, value: unknown) => Promise<Parsed>;
}

const decoding: Direction = { parse: safeDecode, parseAsync: safeDecodeAsync };
const encoding: Direction = { parse: safeEncode, parseAsync: safeEncodeAsync };

const unchanged = (data: unknown): unknown => data;
const asJson = (data: unknown): Json => data as Json;

/** A recursive schema follows a value to any depth, and may overflow the call stack. */
const refused = (error: unknown): unknown =>
  error instanceof RangeError && error.message === "Maximum call stack size exceeded"
    ? new NotJsonError("the value is nested too deeply", { cause: error })
    : error;

function dataOf(parsed: Parsed): unknown {
  if (parsed.success) return parsed.data;
  throw new SchemaMismatch(describeIssues(parsed.error), { cause: parsed.error });
}

const shownIssues = 3;

/** The first few issues of a zod error, each with its path. */
export function describeIssues(error: $ZodError): string {
  const shown = error.issues.slice(0, shownIssues).map((issue) => {
    const path = issue.path.map((key) => (typeof key === "number" ? `[${key}]` : `.${String(key)}`)).join("");
    return `${path === "" ? "the value" : path}: ${issue.message.replace(/^Invalid input: /, "")}`;
  });
  const more = error.issues.length - shown.length;
  return shown.join("; ") + (more > 0 ? `; and ${more} more` : "");
}

/** Most values have no undefined key, and need no copy. */
const withoutUndefined = (value: unknown): Json => (hasUndefined(value) ? copyJson(value) : (value as Json));

function hasUndefined(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return value === undefined;
  if (Array.isArray(value)) {
    for (let at = 0; at < value.length; at++) if (hasUndefined(value[at])) return true;
    return false;
  }
  for (const key in value) if (hasUndefined((value as Record<string, unknown>)[key])) return true;
  return false;
}

/** What is known about all values of a schema. `false` is always safe for `closed` and `symmetric`. */
interface Closedness {
  /** Every value that passes the schema on the wire side is plain JSON newly created by zod: no further check or copy. */
  readonly closed: boolean;
  /** Closed except for keys whose value is undefined, which only a handler can return. */
  readonly optionalKeys: boolean;
  /** Closed, and decodes and encodes alike. zod encodes at up to twice the cost: once without checks, and once with. */
  readonly symmetric: boolean;
}

export function closednessOf(schema: $ZodType): Closedness {
  const found = { optionalKeys: false, directed: false };
  const closed = isClosed(schema, new Set(), found);
  return { closed, optionalKeys: found.optionalKeys, symmetric: closed && !found.directed };
}

/** The checks that only look at a value. A custom one could change it, which zod undoes when it encodes. */
const lookingChecks: ReadonlySet<string> = new Set([
  "less_than",
  "greater_than",
  "multiple_of",
  "number_format",
  "min_length",
  "max_length",
  "length_equals",
  "string_format",
]);

interface Found {
  optionalKeys: boolean;
  /** Decoding and encoding differ, or may differ. */
  directed: boolean;
}

function isClosed(schema: $ZodType, around: ReadonlySet<$ZodType>, found: Found): boolean {
  if (around.has(schema)) return false; // zod accepts a cyclic value for a recursive schema: only the copy detects it
  const within = new Set(around).add(schema);
  const closed = (inner: $ZodType): boolean => isClosed(inner, within, found);
  const closedKey = (value: $ZodType): boolean => {
    const { def } = (value as $ZodTypes)._zod;
    if (def.type !== "optional") return closed(value);
    found.optionalKeys = true;
    return closed(def.innerType);
  };
  const { def } = (schema as $ZodTypes)._zod;
  if (def.type !== "string" && def.checks?.some((check) => check._zod.def.check === "overwrite")) return false;
  if (def.checks?.some((check) => !lookingChecks.has(check._zod.def.check))) found.directed = true;
  switch (def.type) {
    case "string":
    case "number":
    case "boolean":
    case "null":
    case "enum":
    case "template_literal":
      return true;
    case "literal":
      return def.values.every(
        (value) => value === null || ["string", "boolean"].includes(typeof value) || Number.isFinite(value),
      );
    case "object":
      return (
        (def.catchall === undefined || def.catchall._zod.def.type === "never" || closed(def.catchall)) &&
        Object.values(def.shape).every(closedKey)
      );
    case "array":
      return closed(def.element);
    case "tuple":
      return def.items.every(closed) && (def.rest === null || closed(def.rest));
    case "record":
      return def.mode !== "loose" && closed(def.keyType) && closed(def.valueType);
    case "union":
      return def.options.every(closed);
    // Not "optional", but under a key: it would allow undefined in a list, which JSON cannot represent.
    case "nullable":
      return closed(def.innerType);
    case "default":
    case "prefault":
    case "nonoptional":
    case "readonly":
      found.directed = true;
      return closed(def.innerType);
    case "lazy":
      return closed(def.getter());
    case "pipe":
      found.directed = true;
      return closed(def.in); // a codec: its wire side
    default:
      return false;
  }
}
