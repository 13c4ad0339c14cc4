import * as z from "zod";
import type { JsonObject } from "../../errors/index.ts";

const nodeIds = z.array(z.string()).min(1);
const milliseconds = z.int().min(1);

/** Arguments of every adapter, including custom ones. The engine uses them; a custom adapter does not see them. */
export const commonAdapterArgs = z.strictObject({
  /** The nodes whose artifacts to read. @defaultValue all parents, in the order of `depends_on` */
  from_nodes: nodeIds.optional(),
  /** Initial polling interval when there is nothing to read. */
  poll_ms: milliseconds.optional(),
  /** Maximum polling interval. */
  backoff_max_ms: milliseconds.optional(),
  /** Has no effect: an input ends when its sources have finished. */
  eof_on_task_done: z.boolean().default(true),
});

/** Likewise for the builder, without `from`, which has checks of its own. */
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
 * splitArgs({ from_nodes: ["extract"], column: "price" })
 * // { common: { from_nodes: ["extract"] }, own: { column: "price" } }
 */
export function splitArgs(args: JsonObject): { readonly common: JsonObject; readonly own: JsonObject } {
  const entries = Object.entries(args);
  const isCommon = (key: string) => Object.hasOwn(commonAdapterArgs.shape, key);
  return {
    common: Object.fromEntries(entries.filter(([key]) => isCommon(key))),
    own: Object.fromEntries(entries.filter(([key]) => !isCommon(key))),
  };
}
