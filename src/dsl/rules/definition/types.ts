import type { IsNever } from "../../../builtins/node-records.ts";
import type { Json } from "../../../errors/index.ts";
import type { Join, MessageText, twoWaySchema, zodSchema } from "../../../graph/format/messages.ts";
import type { FlowSchemaError } from "../../model/markers.ts";
import type { DescribedSchema, IsPlainJson, OneWay, ReadableSchema, ZodSchema } from "../../model/schema.ts";

/**
 * The schema if its wire type is JSON, else a message that names the parts that are not. In a helper that is generic
 * over its schema, it is the schema, whatever that will be.
 */
export type JsonSchema<TSchema, TWire, TName extends string, TWhat extends string, TOwner = "handler"> =
  IsPlainJson<TWire> extends true
    ? TSchema
    : // The test above is fast but fails for some types that are JSON (interfaces, optional keys under
      // exactOptionalPropertyTypes), so `NotJson` decides.
      IsNever<NotJson<TWire, TWhat>> extends false
      ? TSchema extends ReadableSchema
        ? FlowSchemaError<
            MessageText<
              "notJson",
              { owner: TOwner; name: TName; what: TWhat; where: Join<NotJson<TWire, TWhat>, ", "> }
            >
          >
        : FlowSchemaError<
            MessageText<"definitionMember", { what: TOwner; name: TName; member: TWhat; needs: typeof zodSchema }>
          >
      : TSchema;

/**
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
      : T extends undefined
        ? `${TPath} may be undefined`
        : T extends bigint
          ? `${TPath} is a bigint`
          : T extends symbol
            ? `${TPath} is a symbol`
            : T extends (...args: never) => unknown
              ? `${TPath} is a function`
              : T extends Date
                ? `${TPath} is a Date (use a codec: the wire type must be JSON)`
                : T extends ReadonlyMap<unknown, unknown> | ReadonlySet<unknown>
                  ? `${TPath} is a Map or Set`
                  : T extends OneWay
                    ? `${TPath} must be ${typeof twoWaySchema}`
                    : T extends readonly (infer TElement)[]
                      ? NotJson<TElement, `${TPath}[]`, [...TDepth, 0]>
                      : T extends object
                        ? NotJsonKeys<T, TPath, TDepth>
                        : `${TPath} has no JSON form`;

type NotJsonKeys<T extends object, TPath extends string, TDepth extends 0[]> = {
  [TKey in keyof T & string]-?: NotJson<
    {} extends Pick<T, TKey> ? Exclude<T[TKey], undefined> : T[TKey],
    `${TPath}.${TKey}`,
    [...TDepth, 0]
  >;
}[keyof T & string];

/**
 * The schema, or a message if it cannot be read, such as a schema of zod 3: the compiler then infers nothing, and
 * `TSchema` is the constraint of the type parameter.
 */
export type ReadSchema<TSchema, TName, TMember, TOwner = "handler"> =
  IsRead<TSchema> extends false
    ? FlowSchemaError<
        MessageText<"definitionMember", { what: TOwner; name: TName; member: TMember; needs: typeof zodSchema }>
      >
    : TSchema;

/** The same for an option of `flow()`. */
export type ReadOption<TSchema, TOption, TNeeds> =
  IsRead<TSchema> extends false
    ? FlowSchemaError<MessageText<"flowOption", { option: TOption; needs: TNeeds }>>
    : TSchema;

type IsRead<TSchema> = IsNever<TSchema extends ZodSchema ? never : TSchema extends DescribedSchema ? never : TSchema>;
