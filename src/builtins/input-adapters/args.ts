import * as z from "zod";
import type { JsonObject } from "../../errors/index.ts";

const nodeIds = z.array(z.string()).min(1);
const milliseconds = z.int().min(1);

/** Arguments of every adapter, those of your own included. The engine takes them; a custom adapter doesn't see them. */
export const commonAdapterArgs = z.strictObject({
  /** Whose artifacts to read. Absent: all parents, in the order of `depends_on`. */
  from_nodes: nodeIds.optional(),
  /** First pause when there is nothing to read. */
  poll_ms: milliseconds.optional(),
  /** Longest pause. */
  backoff_max_ms: milliseconds.optional(),
  /** Without effect: an input ends when its sources have finished. */
  eof_on_task_done: z.boolean().default(true),
});

/** The same for the builder, besides `from`, which carries checks of its own. */
export interface PullArgs {
  /**
   * Longest time between two looks at an upstream that has nothing new, in milliseconds.
   *
   * @defaultValue the engine's
   */
  readonly pollMs?: number;
  readonly backoffMaxMs?: number;
  /** Taken for the sake of graphs that have it, and without effect: an input ends when its sources have finished. */
  readonly eofOnTaskDone?: boolean;
}

/**
 * `from_node: "x"` written out as `from_nodes: ["x"]`. The same object when there is nothing to write out.
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
 * The arguments that the engine takes for any adapter, and those that are left for a custom one.
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
