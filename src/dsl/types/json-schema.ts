import type { Json } from "../../errors/index.ts";

/**
 * The type that a JSON Schema describes, if the schema is a literal; for the keywords that describe the shape of data. For
 * all others (`$ref`, `allOf`, tuples, ...) the type is any JSON.
 *
 * With `TFilled`, the type once defaults are filled in: a key with a default is present.
 *
 * @example
 * FromJsonSchema<{ type: "object"; properties: { id: { type: "string" }; n: { type: "integer" } }; required: ["id"] }>
 * // { id: string; n?: number }
 */
export type FromJsonSchema<T, TFilled = false> = T extends { readonly const: infer TValue }
  ? TValue
  : T extends { readonly enum: readonly (infer TValue)[] }
    ? TValue
    : T extends { readonly anyOf: readonly (infer TPart)[] }
      ? Each<TPart, TFilled>
      : T extends { readonly oneOf: readonly (infer TPart)[] }
        ? Each<TPart, TFilled>
        : T extends { readonly type: readonly (infer TKind)[] }
          ? OfKind<TKind, T, TFilled>
          : T extends { readonly type: infer TKind }
            ? OfKind<TKind, T, TFilled>
            : Json;

type Each<TPart, TFilled> = TPart extends unknown ? FromJsonSchema<TPart, TFilled> : never;

type OfKind<TKind, T, TFilled> = TKind extends "string"
  ? string
  : TKind extends "number" | "integer"
    ? number
    : TKind extends "boolean"
      ? boolean
      : TKind extends "null"
        ? null
        : TKind extends "array"
          ? ListOf<T, TFilled>
          : TKind extends "object"
            ? ObjectOf<T, TFilled>
            : Json;

type ListOf<T, TFilled> = T extends { readonly prefixItems: unknown }
  ? Json[]
  : T extends { readonly items: infer TItem }
    ? FromJsonSchema<TItem, TFilled>[]
    : Json[];

type ObjectOf<T, TFilled> = T extends { readonly properties: infer TProperties }
  ? T extends { readonly required: readonly (infer TRequired)[] }
    ? Keys<TProperties, TRequired | Defaulted<TProperties, TFilled>, TFilled>
    : Keys<TProperties, Defaulted<TProperties, TFilled>, TFilled>
  : T extends { readonly additionalProperties: infer TValue }
    ? { [key: string]: FromJsonSchema<TValue, TFilled> }
    : { [key: string]: Json };

type Defaulted<TProperties, TFilled> = TFilled extends true
  ? {
      [TKey in keyof TProperties]: TProperties[TKey] extends { readonly default: unknown } ? TKey : never;
    }[keyof TProperties]
  : never;

// One object instead of an intersection of two, because it is printed in messages and compared.
type Keys<TProperties, TRequired, TFilled> = {
  [TKey in keyof TProperties as TKey extends TRequired ? TKey : never]: FromJsonSchema<TProperties[TKey], TFilled>;
} & {
  [TKey in keyof TProperties as TKey extends TRequired ? never : TKey]?: FromJsonSchema<TProperties[TKey], TFilled>;
} extends infer TBoth
  ? { -readonly [TKey in keyof TBoth]: TBoth[TKey] }
  : never;
