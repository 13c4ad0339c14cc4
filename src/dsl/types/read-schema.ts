import type { FlowSchemaError } from "./markers.ts";
import type { AnySchema, ReturnSchema } from "./schema.ts";

/**
 * The schema itself, or the sentence when it is none that can be read, one of zod 3 for example: then the compiler has
 * inferred nothing, and what stands here is the constraint of the parameter.
 */
export type ReadSchema<TSchema extends AnySchema, TMessage extends string> = [ReturnSchema] extends [TSchema]
  ? FlowSchemaError<TMessage>
  : TSchema;
