import type { JsonObject } from "../../errors/index.ts";
import { commonAdapterArgs } from "./adapters.ts";

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
