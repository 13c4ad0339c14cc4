import type { $ZodType } from "zod/v4/core";
import type { Say } from "../../graph/messages.ts";
import type { FlowSchemaError } from "./markers.ts";
import type { IsPlainJson, Wire } from "./schema.ts";

/** The schema itself when its wire type is JSON, else the sentence that says which part of it is not. */
export type JsonSchema<TSchema extends $ZodType, TName extends string, TWhat extends string> =
  IsPlainJson<Wire<TSchema>> extends true
    ? TSchema
    : // The test above is fast and says no to some types that are JSON (interfaces, optional keys under
      // exactOptionalPropertyTypes): the walk decides.
      [NotJson<Wire<TSchema>, TWhat>] extends [never]
      ? TSchema
      : FlowSchemaError<Say<"notJson", { handler: TName; what: TWhat; where: NotJson<Wire<TSchema>, TWhat> }>>;

/** Where a type has no JSON form, in words; `never` when it has one everywhere. */
type NotJson<T, TPath extends string> = unknown extends T
  ? // `any` is the author's own word for it
    0 extends 1 & T
    ? never
    : `${TPath} is unknown (say what it is, or z.json())`
  : T extends string | number | boolean | null
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
                : T extends readonly (infer TElement)[]
                  ? NotJson<TElement, `${TPath}[]`>
                  : T extends object
                    ? NotJsonKeys<T, TPath>
                    : `${TPath} has no JSON form`;

type NotJsonKeys<T extends object, TPath extends string> = {
  [TKey in keyof T & string]-?: NotJson<
    {} extends Pick<T, TKey> ? Exclude<T[TKey], undefined> : T[TKey],
    `${TPath}.${TKey}`
  >;
}[keyof T & string];
