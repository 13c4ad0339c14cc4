import type { Json } from "../../errors/index.ts";

/**
 * The type that a JSON Schema describes, where the schema is a literal; for the parts of the language that say which
 * data there is. Of all else (`$ref`, `allOf`, tuples, ...) it says no more than that it is JSON.
 *
 * @example
 * FromJsonSchema<{ type: "object"; properties: { id: { type: "string" }; n: { type: "integer" } }; required: ["id"] }>
 * // { id: string; n?: number }
 */
export type FromJsonSchema<T> = T extends { readonly const: infer TValue }
  ? TValue
  : T extends { readonly enum: readonly (infer TValue)[] }
    ? TValue
    : T extends { readonly anyOf: readonly (infer TPart)[] }
      ? Each<TPart>
      : T extends { readonly oneOf: readonly (infer TPart)[] }
        ? Each<TPart>
        : T extends { readonly type: readonly (infer TKind)[] }
          ? OfKind<TKind, T>
          : T extends { readonly type: infer TKind }
            ? OfKind<TKind, T>
            : Json;

type Each<TPart> = TPart extends unknown ? FromJsonSchema<TPart> : never;

type OfKind<TKind, T> = TKind extends "string"
  ? string
  : TKind extends "number" | "integer"
    ? number
    : TKind extends "boolean"
      ? boolean
      : TKind extends "null"
        ? null
        : TKind extends "array"
          ? ListOf<T>
          : TKind extends "object"
            ? ObjectOf<T>
            : Json;

type ListOf<T> = T extends { readonly prefixItems: unknown }
  ? Json[]
  : T extends { readonly items: infer TItem }
    ? FromJsonSchema<TItem>[]
    : Json[];

type ObjectOf<T> = T extends { readonly properties: infer TProperties }
  ? T extends { readonly required: readonly (infer TRequired)[] }
    ? Keys<TProperties, TRequired>
    : Keys<TProperties, never>
  : T extends { readonly additionalProperties: infer TValue }
    ? { [key: string]: FromJsonSchema<TValue> }
    : { [key: string]: Json };

/** One object instead of an intersection of two: it is printed in messages, and compared. */
type Keys<TProperties, TRequired> = {
  [TKey in keyof TProperties as TKey extends TRequired ? TKey : never]: FromJsonSchema<TProperties[TKey]>;
} & {
  [TKey in keyof TProperties as TKey extends TRequired ? never : TKey]?: FromJsonSchema<TProperties[TKey]>;
} extends infer TBoth
  ? { -readonly [TKey in keyof TBoth]: TBoth[TKey] }
  : never;
