import type { $ZodType } from "zod/v4/core";
import type { Json } from "../errors/index.ts";

/**
 * A custom input adapter: splits each upstream artifact into the payloads of batches. It must be a pure function of its
 * arguments: a retry splits again and continues after the last payload that was processed.
 */
export interface InputAdapterDefinition {
  readonly kind: "inputAdapter";
  readonly name: string;
  /** Its arguments besides `from_nodes`, as in `io.input_inline.input_args`. */
  readonly args: $ZodType;
  readonly payload?: $ZodType;
  /** The payloads of one upstream artifact, in order; may be empty. */
  expand(artifact: { readonly meta: Json; readonly nodeId: string; readonly args: unknown }): readonly unknown[];
}
