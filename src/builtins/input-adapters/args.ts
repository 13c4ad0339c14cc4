import * as z from "zod";
import type { $ZodType } from "zod/v4/core";
import type { Json, JsonObject } from "../../errors/index.ts";
import { hasOwnWhere, patternFaults } from "../../graph/format/pattern.ts";

const nodeIds = z.array(z.string()).min(1);
const milliseconds = z.int().min(1);

const pattern = z.custom<Json>().superRefine((value, { addIssue }) => {
  for (const { path, expected } of patternFaults(value))
    addIssue({ code: "custom", path: [...path], message: expected });
});

/** Arguments of every adapter, including custom ones. The engine uses them; a custom adapter does not see them. */
export const commonAdapterArgs = z.strictObject({
  /** The nodes whose artifacts to read. @defaultValue all parents, in the order of `depends_on` */
  from_nodes: nodeIds.optional(),
  /** Which artifacts to read, by their data: a pattern. @defaultValue all */
  where: pattern.optional(),
  /** Initial polling interval when there is nothing to read. */
  poll_ms: milliseconds.optional(),
  /** Maximum polling interval. */
  backoff_max_ms: milliseconds.optional(),
  /** Has no effect: an input ends when its sources have finished. */
  eof_on_task_done: z.boolean().default(true),
});

/** Likewise for the builder, without `from`, which has its own checks. */
export interface PullArgs {
  /**
   * Maximum polling interval for a source that has nothing new, in milliseconds.
   *
   * @defaultValue the engine's
   */
  readonly pollMs?: number;
  readonly backoffMaxMs?: number;
  /** Accepted for existing graphs, without effect: an input ends when its sources have finished. */
  readonly eofOnTaskDone?: boolean;
}

/**
 * Expands `from_node: "x"` to `from_nodes: ["x"]`. Returns the same object if there is nothing to expand.
 *
 * @example
 * spellOutArgs({ from_node: "extract", size: 10 }) // { from_nodes: ["extract"], size: 10 }
 */
export function spellOutArgs(args: JsonObject): JsonObject {
  if (typeof args.from_node !== "string" || Object.hasOwn(args, "from_nodes")) return args;
  const { from_node: source, ...rest } = args;
  return { from_nodes: [source], ...rest };
}

/**
 * Separates the arguments that the engine uses for any adapter from those of a custom one.
 *
 * @example
 * splitArgs({ from_nodes: ["extract"], column: "price" }, z.object({ column: z.string() }))
 * // { common: { from_nodes: ["extract"] }, own: { column: "price" } }
 *
 * @param schema - the arguments of the custom adapter
 */
export function splitArgs(
  args: JsonObject,
  schema: $ZodType,
): { readonly common: JsonObject; readonly own: JsonObject } {
  const entries = Object.entries(args);
  const isCommon = (key: string) =>
    Object.hasOwn(commonAdapterArgs.shape, key) && !(key === "where" && hasOwnWhere(schema));
  return {
    common: Object.fromEntries(entries.filter(([key]) => isCommon(key))),
    own: Object.fromEntries(entries.filter(([key]) => !isCommon(key))),
  };
}
