import { type ParamReference, paramReference } from "./model/param.ts";
import type { AcceptedName, ParamName } from "./rules/params/types.ts";

/**
 * The value of a parameter, as an argument or anywhere inside one. It is filled in when a task is created.
 *
 * @example
 * const etl = flow("etl", { params: z.object({ date: z.iso.date() }) })
 *   .node("extract", extract, { args: { day: param("date") } })
 * etl.compile().nodes[0]?.io // { input_inline: { day: { $ref: "params.date" } } }
 *
 * @param name - a parameter of the flow, of the type that the argument needs
 */
export function param<const TName extends string, TPlace = never>(
  name: ParamName<TName, TPlace>["name"],
): ParamReference<AcceptedName<TName, TPlace>, TPlace>;
export function param(name: string): ParamReference<string> {
  return paramReference(name);
}
