import * as z from "zod";
import { namePattern, safeKey } from "./names.ts";

const nodeId = z.string().regex(namePattern, { error: "must be a node id" });
const values = z.record(z.string(), z.unknown());
const blockSensitive = z.boolean().optional();

/** How `metrics.aggregate` makes one number of a metric's values in all batches. */
export const aggregateModes = ["sum", "mean", "min", "max", "last"] as const;

/**
 * The built-in coordinator functions by name, each with the schema of its `fn_args`. Shapes only: the limits on
 * variables concern values that may come from parameters, so they are judged when the function runs.
 *
 * @example
 * builtInFunctionArgs["vars.incr"].safeParse({ key: "runs" }).data // { key: "runs", by: 1 }
 */
export const builtInFunctionArgs = {
  "vars.set": z.strictObject({ kv: values, block_sensitive: blockSensitive }),
  "vars.merge": z.strictObject({ data: values, block_sensitive: blockSensitive }),
  "vars.incr": z.strictObject({ key: z.string(), by: z.number().default(1) }),
  "vars.unset": z.strictObject({ keys: z.array(z.string()) }),
  "merge.generic": z.strictObject({
    from_nodes: z.array(nodeId).min(1),
    target: z.strictObject({ key: safeKey, node_id: nodeId.optional() }),
  }),
  "metrics.aggregate": z.strictObject({ node_id: nodeId, mode: z.enum(aggregateModes).default("sum") }),
  noop: z.looseObject({}),
} as const;

/** The coordinator functions that come with the engine, such as `vars.set`. */
export type BuiltInFunctionName = keyof typeof builtInFunctionArgs;
/** The arguments of a built-in coordinator function as it gets them: defaults filled in. */
export type BuiltInFunctionArgs<TName extends BuiltInFunctionName> = z.output<(typeof builtInFunctionArgs)[TName]>;
