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
  /** Found on demand. */
  #repeats: boolean | undefined;
  #async = false;

  constructor(schema: $ZodType) {
    this.#schema = schema;
    const { closed, symmetric } = closednessOf(schema);
    this.#closed = closed;
    this.#encoding = symmetric ? decoding : encoding;
    this.#toJson = closed ? withoutUndefined(undefinedFinder(schema)) : copyJson;
  }

  /** Whether whatever `other` has encoded would decode to the same JSON: then a copy of it is enough. */
  decodesAllOf(other: WireCodec): boolean {
    if (!isSame(this.#schema, other.#schema)) return false;
    this.#repeats ??= this.#encoding === decoding && repeats(this.#schema);
    return this.#repeats;
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
const withoutUndefined =
  (isIn: Finder | undefined) =>
  (value: unknown): Json =>
    isIn?.(value) === true ? copyJson(value) : (value as Json);

/** Whether a value of a schema has a key whose value is undefined. */
type Finder = (value: unknown) => boolean;

/** Looks where a value of this closed schema can have such a key; `undefined`: nowhere. */
function undefinedFinder(schema: $ZodType): Finder | undefined {
  const { def } = (schema as $ZodTypes)._zod;
  switch (def.type) {
    case "object": {
      if (def.catchall !== undefined && def.catchall._zod.def.type !== "never") return hasUndefined;
      const keys = Object.entries(def.shape).flatMap(([key, value]) => {
        const isIn = undefinedFinder(presentIn(value));
        return presentIn(value) !== value || isIn !== undefined ? [{ key, isIn }] : [];
      });
      if (keys.length === 0) return undefined;
      return (value) =>
        keys.some(({ key, isIn }) => {
          const item = (value as Record<string, unknown>)[key];
          return item === undefined ? key in (value as object) : isIn?.(item) === true;
        });
    }
    case "array": {
      const isIn = undefinedFinder(def.element);
      return isIn && ((value) => (value as readonly unknown[]).some(isIn));
    }
    case "union":
      return def.options.some((option) => undefinedFinder(option) !== undefined) ? hasUndefined : undefined;
    default:
      return isPrimitive(def) ? undefined : hasUndefined;
  }
}

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
  /**
   * Every value that passes the schema on the wire side is plain JSON newly created by zod, except for optional keys whose
   * value is undefined, which only a handler can return: no further check or copy.
   */
  readonly closed: boolean;
  /** Closed, and decodes and encodes alike. zod encodes at up to twice the cost: once without checks, and once with. */
  readonly symmetric: boolean;
}

export function closednessOf(schema: $ZodType): Closedness {
  const found = { directed: false };
  const closed = isClosed(schema, new Set(), found);
  return { closed, symmetric: closed && !found.directed };
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
  /** Decoding and encoding differ, or may differ. */
  directed: boolean;
}

function isClosed(schema: $ZodType, around: ReadonlySet<$ZodType>, found: Found): boolean {
  if (around.has(schema)) return false; // zod accepts a cyclic value for a recursive schema: only the copy detects it
  const within = new Set(around).add(schema);
  const closed = (inner: $ZodType): boolean => isClosed(inner, within, found);
  const closedKey = (value: $ZodType): boolean => closed(presentIn(value));
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

/** The schema of a key's value, if it is present. */
function presentIn(value: $ZodType): $ZodType {
  const { def } = (value as $ZodTypes)._zod;
  return def.type === "optional" ? def.innerType : value;
}

/** Lists are often written where they are needed, of a schema that is shared. */
function isSame(a: $ZodType, b: $ZodType): boolean {
  if (a === b) return true;
  const [one, other] = [(a as $ZodTypes)._zod.def, (b as $ZodTypes)._zod.def];
  if (one.type !== "array" || other.type !== "array") return false;
  return isUnchecked(one) && isUnchecked(other) && isSame(one.element, other.element);
}

const isUnchecked = ({ checks }: Def): boolean => checks === undefined || checks.length === 0;

/**
 * Whether a value that passed this schema, which is symmetric, passes it unchanged again. Not if a check may judge what it
 * has changed, or code of the user's, or if what one option of a union strips may keep another from matching.
 */
function repeats(schema: $ZodType): boolean {
  const { def } = (schema as $ZodTypes)._zod;
  if ("coerce" in def && def.coerce === true) return false;
  const formats: readonly object[] = [def, ...(def.checks ?? []).map((check) => check._zod.def)];
  if (formats.some((format) => "fn" in format || ("format" in format && format.format === "url"))) return false;
  switch (def.type) {
    case "object":
      return (
        (def.catchall === undefined || def.catchall._zod.def.type === "never" || repeats(def.catchall)) &&
        Object.values(def.shape).every((value) => repeats(presentIn(value)))
      );
    case "array":
      return repeats(def.element);
    case "union":
      return def.options.every((option, at) => repeats(option) && def.options.slice(at + 1).every(isApartFrom(option)));
    case "nullable":
      return repeats(def.innerType);
    default:
      return isPrimitive(def);
  }
}

/** Whether no value of one option of a union can match the other, or both return it unchanged. */
const isApartFrom =
  (one: $ZodType) =>
  (other: $ZodType): boolean => {
    const [a, b] = [(one as $ZodTypes)._zod.def, (other as $ZodTypes)._zod.def];
    if (isPrimitive(a) || isPrimitive(b)) return isPlain(a) && isPlain(b);
    if (a.type !== "object" || b.type !== "object") return isPlain(a) && isPlain(b) && a.type !== b.type;
    return Object.entries(a.shape).some(([key, value]) => {
      const values = tagsOf(value);
      const others = Object.hasOwn(b.shape, key) ? tagsOf(b.shape[key] as $ZodType) : undefined;
      return values !== undefined && others !== undefined && [...values].every((tag) => !others.has(tag));
    });
  };

type Def = $ZodTypes["_zod"]["def"];

const primitives: ReadonlySet<string> = new Set([
  "string",
  "number",
  "boolean",
  "null",
  "enum",
  "literal",
  "template_literal",
]);
const isPrimitive = ({ type }: Def): boolean => primitives.has(type);
const isPlain = (def: Def): boolean => isPrimitive(def) || def.type === "object" || def.type === "array";

/** The values that a literal or an enum accepts. */
function tagsOf(schema: $ZodType): ReadonlySet<unknown> | undefined {
  const { type } = (schema as $ZodTypes)._zod.def;
  return type === "literal" || type === "enum" ? schema._zod.values : undefined;
}
