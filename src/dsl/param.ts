import type { AcceptedName, ParamName, ParamReference } from "./types/params.ts";

const brand = Symbol.for("flowkit.param");

/**
 * The value of a parameter, wherever an argument may stand. It is filled in when a task is created.
 *
 * @example
 * const etl = flow("etl", { params: z.object({ date: z.iso.date() }) })
 *   .node("extract", extract, { args: { day: param("date") } })
 * etl.compile().nodes[0]?.io // { input_inline: { day: { $ref: "params.date" } } }
 *
 * @param name - a parameter of the flow, of a type that fits where it stands
 */
export function param<const TName extends string, TPlace = never>(
  name: ParamName<TName, TPlace>,
): ParamReference<AcceptedName<TName, TPlace>, TPlace>;
export function param(name: string): ParamReference<string> {
  const written: WrittenReference = { $ref: `params.${name}` };
  return Object.freeze(Object.defineProperty(written, brand, { value: true })) as unknown as ParamReference<string>;
}

interface WrittenReference {
  readonly $ref: `params.${string}`;
}

/** A reference made by {@link param}, not an object of the user's that has a key `$ref`. */
export function isParamRef(value: unknown): value is ParamReference<string> {
  return typeof value === "object" && value !== null && brand in value;
}

/** The parameter that a reference names. */
export function paramNameOf(ref: ParamReference<string>): string {
  return (ref as unknown as WrittenReference).$ref.slice("params.".length);
}
