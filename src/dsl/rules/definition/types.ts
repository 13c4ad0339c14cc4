import type { IsNever, Recorded } from "../../../builtins/node-records.ts";
import type { Json } from "../../../errors/index.ts";
import type { Join, MessageText, storedSchema, twoWaySchema, zodSchema } from "../../../graph/format/messages.ts";
import type { WrongSchema } from "../../model/markers.ts";
import type { DescribedSchema, IsPlainJson, OneWay, ReadableSchema, ZodSchema } from "../../model/schema.ts";

/*
 * The schema if its wire type is JSON, else a message that names the parts that are not. In a helper that is generic over
 * its schema, it is the schema, whatever that turns out to be.
 *
 * A schema that fails the constraint of its type parameter, such as one of zod 3 or an output with a one-way transform, is
 * the constraint here: which of the two it was cannot be told.
 */
export type JsonSchema<TSchema, TWire, TName extends string, TWhat extends string, TOwner = "handler"> =
  IsPlainJson<TWire> extends true
    ? TSchema
    : // The test above is fast but fails for some types that are JSON (interfaces, optional keys), so the next decides.
      HasNotJson<TWire, TWhat> extends true
      ? TSchema extends ReadableSchema
        ? WrongSchema<
            MessageText<
              "notJson",
              { owner: TOwner; name: TName; what: TWhat; where: Join<NotJson<TWire, TWhat>, ", "> }
            >
          >
        : WrongSchema<
            MessageText<"definitionMember", { what: TOwner; name: TName; member: TWhat; needs: typeof storedSchema }>
          >
      : TSchema;

// An object of JSON with optional keys, such as most arguments, is checked without building texts.
type HasNotJson<T, TPath extends string> = [T] extends [{ readonly [key: string]: Json | undefined }]
  ? IsNever<MaybeUndefined<T>> extends false
    ? true
    : false
  : IsNever<NotJson<T, TPath>> extends false
    ? true
    : false;

// Of types that are JSON or undefined. A required key of type `any` is not.
type MaybeUndefined<T> = {
  [TKey in keyof T]-?: undefined extends T[TKey]
    ? T extends Recorded<TKey & string, unknown>
      ? 0 extends 1 & T[TKey]
        ? never
        : TKey
      : never
    : never;
}[keyof T];

/*
 * The places where a type has no JSON form, as text; `never` if there are none. A type that contains itself is examined
 * six levels deep; at run time `notJsonIn` examines all of its schema.
 */
type NotJson<T, TPath extends string, TDepth extends 0[] = []> = TDepth["length"] extends 6
  ? never
  : unknown extends T
    ? // an author who writes `any` asks for no check
      0 extends 1 & T
      ? never
      : `${TPath} is unknown (declare its type, such as z.ZodType<T, T>, or use z.json())`
    : // also stops at recursive types that are JSON, such as z.json()
      T extends Json
      ? never
      : T extends object
        ? T extends NoData
          ? NoDataText<T, TPath>
          : T extends readonly (infer TElement)[]
            ? NotJson<TElement, `${TPath}[]`, [...TDepth, 0]>
            : NotJsonKeys<T, TPath, TDepth>
        : T extends undefined
          ? `${TPath} may be undefined`
          : T extends bigint
            ? `${TPath} is a bigint`
            : T extends symbol
              ? `${TPath} is a symbol`
              : `${TPath} has no JSON form`;

/* Objects without a JSON form. */
type NoData = AnyFunction | Date | ReadonlyMap<unknown, unknown> | ReadonlySet<unknown> | OneWay;
/* Declared outside the types that compare with it, which would instantiate it each time. */
type AnyFunction = (...args: never) => unknown;

type NoDataText<T, TPath extends string> = T extends AnyFunction
  ? `${TPath} is a function`
  : T extends Date
    ? `${TPath} is a Date (use a codec: the wire type must be JSON)`
    : T extends OneWay
      ? `${TPath} must be ${typeof twoWaySchema}`
      : `${TPath} is a Map or Set`;

type NotJsonKeys<T extends object, TPath extends string, TDepth extends 0[]> = {
  [TKey in keyof T & string]-?: [T[TKey]] extends [Json]
    ? never
    : T extends Recorded<TKey, unknown>
      ? NotJson<T[TKey], `${TPath}.${TKey}`, [...TDepth, 0]>
      : // an optional key
        [T[TKey]] extends [Json | undefined]
        ? never
        : NotJson<Exclude<T[TKey], undefined>, `${TPath}.${TKey}`, [...TDepth, 0]>;
}[keyof T & string];

/*
 * The schema, or a message if it cannot be read, such as a schema of zod 3: the compiler then infers nothing, and
 * `TSchema` is the constraint of the type parameter.
 */
export type ReadSchema<TSchema, TName, TMember, TOwner = "handler"> =
  IsRead<TSchema> extends false
    ? WrongSchema<
        MessageText<"definitionMember", { what: TOwner; name: TName; member: TMember; needs: typeof zodSchema }>
      >
    : TSchema;

/* The same for an option of `flow()`. */
export type ReadOption<TSchema, TOption, TNeeds> =
  IsRead<TSchema> extends false ? WrongSchema<MessageText<"flowOption", { option: TOption; needs: TNeeds }>> : TSchema;

type IsRead<TSchema> = IsNever<TSchema extends ZodSchema ? never : TSchema extends DescribedSchema ? never : TSchema>;
