import type { $ZodType } from "zod/v4/core";
import type { Json } from "../errors/index.ts";

/**
 * An input adapter of your own: cuts each upstream artifact into the payloads of batches. It must be a pure function
 * of its arguments: a retry cuts again and goes on after the last payload that was processed.
 */
export interface InputAdapterDefinition {
  readonly kind: "inputAdapter";
  readonly name: string;
  /** Its arguments besides `from_nodes`, as they stand in `io.input_inline.input_args`. */
  readonly args: $ZodType;
  readonly payload?: $ZodType;
  /** The payloads that one upstream artifact gives, in order; none is allowed. */
  expand(artifact: { readonly meta: Json; readonly nodeId: string; readonly args: unknown }): readonly unknown[];
}
