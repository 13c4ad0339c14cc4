import type { $ZodType, $ZodTypes } from "zod/v4/core";
import type { Json } from "../../errors/index.ts";
import type { AnyJson } from "../../graph/data/show-type.ts";

/**
 * Any schema of zod, reduced to what types read. The compiler would compare all of `$ZodType` with every schema, member
 * by member, which was two thirds of the cost of a handler.
 */
export interface AnySchema {
  readonly _zod: { readonly input: unknown; readonly output: unknown };
}

/** A schema of the value that a method returns. */
export interface ReturnSchema {
  readonly _zod: { readonly input: unknown; readonly output: AnyValue };
}

/**
 * `unknown`, spelled out. For a method that returns `{ kind: "a", pair: [1, true] }`, the compiler needs a return type
 * before it knows the schema: with `unknown` it would infer `string` and an array where an enum and a tuple are needed.
 * The literal makes it keep string literals, the empty tuple makes it keep tuples. A number literal is left out: it
 * would give `reduce(..., 0)` in a returned value the type `0`.
 */
type AnyValue = {} | null | undefined | "" | boolean | [] | AnyValues;
interface AnyValues {
  readonly [key: string]: AnyValue;
}

/** The wire form of a value: its JSON. */
export type Wire<TSchema extends AnySchema> = TSchema["_zod"]["input"];

/** The form of a value in handler code, after decoding. */
export type Decoded<TSchema extends AnySchema> = TSchema["_zod"]["output"];

/** The wire form, or `TElse` without a schema. */
export type WireOr<TSchema, TElse> = TSchema extends AnySchema ? TSchema["_zod"]["input"] : TElse;
export type DecodedOr<TSchema, TElse> = TSchema extends AnySchema ? TSchema["_zod"]["output"] : TElse;

/** Whether a type is JSON without keys that may be `undefined`, which JSON leaves out. */
export type IsPlainJson<T> = [T] extends [Json] ? HasAllKeys<T> : false;

/**
 * Under `exactOptionalPropertyTypes`, `Json` has refused a key that may be `undefined`. Without it the compiler takes
 * such a key for one that is there, so each is looked for.
 */
type HasAllKeys<T> = { a?: "" | undefined } extends { [key: string]: "" } ? IsFull<T> : true;

type IsFull<T> = [T] extends [Full<T>] ? true : false;
type Full<T> = AnyJson extends T ? T : FullInside<T>;
type FullInside<T> = { [TKey in keyof T]-?: Full<T[TKey]> };

/**
 * The stored form of an output. The decoded value is encoded, and it has every key that `.default()` or `.prefault()`
 * fills, so the stored type has these keys although `z.input` calls them optional.
 *
 * Such a key may be `undefined` on the wire, so a wire type that passes `IsPlainJson` has none: to look at the schema,
 * or only at its decoded type, would raise the cost of every handler by half.
 */
export type Stored<TSchema extends AnySchema> =
  IsPlainJson<Wire<TSchema>> extends true ? Wire<TSchema> : StoredOf<DefinitionOf<TSchema>, Wire<TSchema>>;

export type StoredOr<TSchema, TElse> = TSchema extends AnySchema ? Stored<TSchema> : TElse;

type DefinitionOf<TSchema> = TSchema extends { readonly _zod: { readonly def: infer TDefinition } }
  ? TDefinition
  : never;

type StoredOf<TDefinition, TWire> = TDefinition extends {
  readonly type: "default" | "prefault";
  innerType: infer TInner;
}
  ? TInner extends AnySchema
    ? Exclude<Stored<TInner>, undefined>
    : TWire
  : TDefinition extends { readonly type: "optional" | "nullable" | "readonly" | "nonoptional"; innerType: infer TInner }
    ? TInner extends AnySchema
      ? StoredInside<TDefinition["type"], Stored<TInner>>
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
                : TWire;

type StoredInside<TKind, TInner> = TKind extends "optional"
  ? TInner | undefined
  : TKind extends "nullable"
    ? TInner | null
    : TKind extends "nonoptional"
      ? Exclude<TInner, undefined>
      : TInner;

/** Keys are optional as on the wire, except those that a default fills. Keys of a catchall are unchanged. */
type StoredObject<TShape, TWire> = {
  [TKey in keyof TWire as TKey extends Filled<TShape> ? never : TKey]: TKey extends keyof TShape
    ? TShape[TKey] extends AnySchema
      ? Stored<TShape[TKey]>
      : TWire[TKey]
    : TWire[TKey];
} & { [TKey in Filled<TShape>]: TShape[TKey] extends AnySchema ? Stored<TShape[TKey]> : never } extends infer TBoth
  ? { [TKey in keyof TBoth]: TBoth[TKey] }
  : never;

/** The keys of a shape that every stored value has although the wire form may lack them. */
type Filled<TShape> = {
  [TKey in keyof TShape]: TShape[TKey] extends { _zod: { optin: "defaulted" } } ? TKey : never;
}[keyof TShape];

/** Whether a value is a schema of zod 4, from any copy of zod. */
export function isSchema(value: unknown): value is $ZodType {
  return typeof value === "object" && value !== null && "_zod" in value;
}

/** The keys of an object schema; `undefined` if it accepts any key, or is not an object schema. */
export function knownKeys(schema: $ZodType): readonly string[] | undefined {
  const { def } = (schema as $ZodTypes)._zod;
  if (def.type !== "object") return undefined;
  const isOpen = def.catchall !== undefined && def.catchall._zod.def.type !== "never";
  return isOpen ? undefined : Object.keys(def.shape);
}
