import type { $ZodType } from "zod/v4/core";
import { FlowBuilder } from "./flow-builder.ts";
import type { AnyInputAdapter } from "./types/adapter.ts";
import type { Flow } from "./types/flow.ts";
import type { ParamTypes } from "./types/flow-types.ts";
import type { Absent } from "./types/markers.ts";
import type { StoredOr, WireOr } from "./types/schema.ts";

/**
 * Starts a flow: nodes are added one by one, each checked against those before it.
 *
 * @example
 * const etl = flow("etl", { params: z.object({ date: z.iso.date() }) })
 *   .node("extract", extract, { args: { day: param("date") } })
 *   .then("clean", clean)
 * etl.compile().edges // [["extract", "clean"]]
 *
 * @param name - a label in logs, metrics and pages
 * @param options.params - what a run of the flow takes
 * @param options.adapters - input adapters of your own that its nodes may name
 * @returns an empty flow; each method returns a new one
 */
export function flow<
  TParams extends $ZodType | Absent = Absent,
  const TAdapters extends readonly AnyInputAdapter[] = [],
>(
  name?: string,
  options?: { readonly params?: TParams; readonly adapters?: TAdapters },
): Flow<
  {},
  {},
  never,
  0,
  never,
  never,
  never,
  [],
  ParamTypes<WireOr<TParams, {}>, StoredOr<TParams, {}>>,
  TAdapters[number]
>;
// The builder has the run time of `Flow` and none of its types: they meet here.
export function flow(name?: string, options: FlowOptions = {}): object {
  return new FlowBuilder({ name, paramsSchema: options.params, inputAdapters: options.adapters ?? [] }, undefined);
}

interface FlowOptions {
  readonly params?: $ZodType;
  readonly adapters?: FlowBuilder["inputAdapters"];
}
