import type { $ZodType, $ZodTypes } from "zod/v4/core";
import type { Absent } from "../../builtins/node-records.ts";
import type { Json } from "../../errors/index.ts";
import type { AnyJson } from "../../graph/data/show-type.ts";
import { asZod, schemaFault } from "../../graph/format/standard-schema.ts";

/**
 * Any schema, of zod or of another library that implements Standard JSON Schema, reduced to the members that types read.
 * With `$ZodType`, the compiler would compare every schema member by member, which was two thirds of the cost of a handler;
 * a union with the schemas of other libraries would add another third.
 */
export interface AnySchema {
  readonly _zod?: { readonly input: unknown; readonly output: unknown };
  readonly "~standard": unknown;
}

/**
 * A schema whose values are encoded, which a one-way transform cannot do: in a constraint, this is compared once, for a
 * fifth of what a condition on the schema would cost.
 */
export interface EncodableSchema {
  readonly _zod?: { readonly input: unknown; readonly output: unknown; readonly def: TwoWayPipe | TwoWayParts };
  readonly "~standard": unknown;
}

/** The same, of the value that a method returns. */
export interface ReturnSchema {
  readonly _zod?: { readonly input: unknown; readonly output: AnyValue; readonly def: TwoWayPipe | TwoWayParts };
  readonly "~standard": unknown;
}

interface TwoWay {
  readonly _zod: { readonly def: TwoWayPipe | TwoWayParts };
}

// Codecs are pipes too.
interface TwoWayPipe {
  readonly type: "pipe";
  readonly in: TwoWay;
  readonly out: TwoWay;
}

interface TwoWayParts {
  readonly type: string;
  /** Only transforms and codecs have one. */
  readonly transform?: never;
  readonly shape?: { readonly [key: string]: TwoWay };
  readonly element?: TwoWay;
  readonly items?: readonly TwoWay[];
  readonly valueType?: TwoWay;
  readonly options?: readonly TwoWay[];
  readonly left?: TwoWay;
  readonly right?: TwoWay;
  readonly innerType?: TwoWay;
  readonly getter?: () => TwoWay;
}

/** The same where the method returns the wire form. */
export interface WireSchema {
  readonly _zod?: { readonly input: AnyValue; readonly output: unknown };
  readonly "~standard": unknown;
}

export interface ZodSchema {
  readonly _zod: { readonly input: unknown; readonly output: unknown };
}

export interface DescribedSchema {
  readonly "~standard": { readonly jsonSchema: object };
}

/** A schema whose types and JSON Schema can be read. */
export type ReadableSchema = ZodSchema | DescribedSchema;

// The types of a schema of another library.
type StandardTypes<TSchema> = TSchema extends { readonly "~standard": { readonly types?: infer TTypes } }
  ? TSchema extends DescribedSchema
    ? Extract<TTypes, AnyTypes>
    : Undescribed
  : Undescribed;

interface AnyTypes {
  readonly input: unknown;
  readonly output: unknown;
}

// For a schema without a JSON Schema, which is rejected, and for one that is not known yet: see {@link AnyValue}.
interface Undescribed {
  readonly input: AnyValue;
  readonly output: AnyValue;
}

/** Replaces the wire type of an output whose values change type when they are read. */
export interface OneWay {
  readonly oneWay: symbol;
}

/**
 * `unknown`, spelled out. For a method that returns `{ kind: "a", pair: [1, true] }`, the compiler needs a return type
 * before it knows the schema: with `unknown` it would infer `string` and an array where an enum and a tuple are needed.
 * The literal makes it keep string literals, the empty tuple makes it keep tuples. A number literal is left out: it
 * would give `reduce(..., 0)` in a returned value the type `0`.
 */
export type AnyValue = {} | null | undefined | "" | boolean | [] | AnyValues;
interface AnyValues {
  readonly [key: string]: AnyValue;
}

/**
 * The schema of what a definition does not declare: the default of an inferred type parameter. As it can be read like any
 * other schema, the types of a helper that is generic over its schemas are read without a condition.
 */
export interface NoSchema<TWire, TDecoded = TWire> {
  readonly _zod: { readonly input: TWire; readonly output: TDecoded };
  readonly "~standard": unknown;
}
/** No input: the handler is a source, or gets its arguments. */
export type NoInput = NoSchema<Absent>;
/** No arguments: none is accepted. */
export type NoArgs = NoSchema<{}>;
/** No payload schema of an input adapter: it passes on any JSON unchanged. */
export type NoPayload = NoSchema<Json, Absent>;
/** No result: `finalize` returns nothing. */
export type NoResult = NoSchema<Absent, void>;

/** The wire form of a value: its JSON. */
export type Wire<TSchema> = TSchema extends ZodSchema ? TSchema["_zod"]["input"] : StandardTypes<TSchema>["input"];

/**
 * The wire form of an input. A schema of type `z.ZodType<T>` does not declare it, so it counts as `T`: checking that is
 * better than no check. Other schemas whose input is `unknown`, such as `z.unknown()` and `z.coerce`, accept anything.
 */
export type InputWire<TSchema> = TSchema extends ZodSchema
  ? "string" | "object" extends KindOf<TSchema>
    ? TSchema["_zod"]["output"]
    : TSchema["_zod"]["input"]
  : StandardTypes<TSchema>["input"];

type KindOf<TSchema> = TSchema extends { readonly type: infer TKind } ? TKind : never;

/** The form of a value in handler code, after decoding. */
export type Decoded<TSchema> =
  // biome-ignore lint/suspicious/noExplicitAny: as in zod's `output`, whose values a generic helper has instead
  TSchema extends { _zod: { output: any } } ? TSchema["_zod"]["output"] : StandardTypes<TSchema>["output"];

/**
 * The wire form of a schema whose values are encoded. Only schemas of zod can encode: with one of another library, a
 * handler returns a value of the wire type.
 */
export type Encoded<TSchema> = TSchema extends ZodSchema
  ? TSchema["_zod"]["input"]
  : EncodedTypes<StandardTypes<TSchema>>;

type EncodedTypes<TTypes extends AnyTypes> = [TTypes["output"]] extends [TTypes["input"]] ? TTypes["output"] : OneWay;

/** The wire form, or `TElse` without a schema. */
export type WireOr<TSchema, TElse> = TSchema extends AnySchema ? Wire<TSchema> : TElse;

/** Whether a type is JSON without keys that may be `undefined`, which JSON leaves out. */
export type IsPlainJson<T> = [T] extends [Json] ? HasAllKeys<T> : false;

// Under `exactOptionalPropertyTypes`, `Json` already rejects a key that may be `undefined`. Without it, the compiler treats
// such a key as present, so each key is checked.
type HasAllKeys<T> = { a?: "" | undefined } extends { [key: string]: "" } ? IsFull<T> : true;

type IsFull<T> = [T] extends [Full<T>] ? true : false;
type Full<T> = AnyJson extends T ? T : FullInside<T>;
type FullInside<T> = { [TKey in keyof T]-?: Full<T[TKey]> };

/**
 * The stored form of an output. The decoded value is encoded, and it has every key that `.default()` or `.prefault()`
 * fills, so the stored type has these keys although they are optional in `z.input`.
 *
 * Such a key may be `undefined` on the wire, so a wire type that passes `IsPlainJson` has none. Examining the schema, or
 * only its decoded type, would raise the cost of every handler by half.
 */
export type Stored<TSchema extends AnySchema> =
  IsPlainJson<Encoded<TSchema>> extends true
    ? Encoded<TSchema>
    : TSchema extends { readonly _zod: { readonly def: infer TDefinition } }
      ? StoredOf<TDefinition, Encoded<TSchema>>
      : Decoded<TSchema>;

export type StoredOr<TSchema, TElse> = TSchema extends AnySchema ? Stored<TSchema> : TElse;

type StoredOf<TDefinition, TWire> = TDefinition extends {
  readonly type: "default" | "prefault";
  innerType: infer TInner;
}
  ? TInner extends AnySchema
    ? Exclude<Stored<TInner>, undefined>
    : TWire
  : TDefinition extends { readonly type: "optional" | "nullable" | "readonly" | "nonoptional"; innerType: infer TInner }
    ? TInner extends AnySchema
      ? StoredInside<TDefinition["type"], Stored<TInner>, TWire>
      : TWire
    : TDefinition extends { readonly type: "object"; shape: infer TShape }
      ? StoredObject<TShape, TWire>
      : TDefinition extends { readonly type: "array"; element: infer TElement extends AnySchema }
        ? Stored<TElement>[]
        : TDefinition extends { readonly type: "union"; options: readonly (infer TOption)[] }
          ? TOption extends AnySchema
            ? Stored<TOption>
            : TWire
          : TDefinition extends { readonly type: "pipe"; in: infer TIn extends AnySchema }
            ? Stored<TIn>
            : TDefinition extends { readonly type: "lazy"; getter: () => infer TInner extends AnySchema }
              ? Stored<TInner>
              : TDefinition extends { readonly type: "intersection"; left: infer TLeft; right: infer TRight }
                ? StoredOr<TLeft, TWire> & StoredOr<TRight, TWire>
                : StoredElements<TDefinition, TWire>;

// Of a tuple of one length, and of a record.
type StoredElements<TDefinition, TWire> = TDefinition extends {
  readonly type: "tuple";
  items: infer TItems extends readonly AnySchema[];
}
  ? TWire extends { readonly length: TItems["length"] }
    ? { -readonly [TIndex in keyof TItems]: Stored<TItems[TIndex]> }
    : TWire
  : TDefinition extends { readonly type: "record"; valueType: infer TValue extends AnySchema }
    ? { [TKey in keyof TWire]: Stored<TValue> }
    : TWire;

// `z.exactOptional()` has the type "optional" too, but no `undefined`.
type StoredInside<TKind, TInner, TWire> = TKind extends "optional"
  ? TInner | Extract<TWire, undefined>
  : TKind extends "nullable"
    ? TInner | null
    : TKind extends "nonoptional"
      ? Exclude<TInner, undefined>
      : TInner;

// Keys are optional as on the wire, except those that a default fills. Keys of a catchall are unchanged.
type StoredObject<TShape, TWire> = {
  [TKey in keyof TWire as TKey extends Filled<TShape> ? never : TKey]: TKey extends keyof TShape
    ? TShape[TKey] extends AnySchema
      ? Stored<TShape[TKey]>
      : TWire[TKey]
    : TWire[TKey];
} & { [TKey in Filled<TShape>]: TShape[TKey] extends AnySchema ? Stored<TShape[TKey]> : never } extends infer TBoth
  ? { [TKey in keyof TBoth]: TBoth[TKey] }
  : never;

// The keys of a shape that every stored value has although the wire form may lack them.
type Filled<TShape> = {
  [TKey in keyof TShape]: TShape[TKey] extends { _zod: { optin: "defaulted" } } ? TKey : never;
}[keyof TShape];

/** Whether a value is a schema of zod 4, or of another library with a JSON Schema. */
export function isSchema(value: unknown): value is $ZodType {
  return schemaFault(value) === undefined;
}

/** A copy of options with zod's form of the schemas in it. */
export function withZodSchemas<TOptions extends object>(options: TOptions): TOptions {
  return Object.fromEntries(Object.entries(options).map(([key, value]) => [key, asZod(value)])) as TOptions;
}

/** The keys of an object schema; `undefined` if it accepts any key, or is not an object schema. */
export function knownKeys(schema: $ZodType): readonly string[] | undefined {
  const { def } = (schema as $ZodTypes)._zod;
  if (def.type !== "object") return undefined;
  const isOpen = def.catchall !== undefined && def.catchall._zod.def.type !== "never";
  return isOpen ? undefined : Object.keys(def.shape);
}
