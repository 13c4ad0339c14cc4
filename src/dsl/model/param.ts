/** What is `$ref` in the graph: as a name it would be offered wherever an object may stand among arguments. */
declare const reference: unique symbol;

/**
 * Stands for the value of a parameter wherever an argument may stand; it is filled in when a task is created.
 * In the graph it is `{ "$ref": "params.<name>" }`.
 *
 * `TPlace` is in no property: it carries the place of the argument to `param(...)`, as the type expected there.
 */
// biome-ignore lint/correctness/noUnusedVariables: inferred from, see above
export interface ParamReference<TName extends string, TPlace = never> {
  readonly [reference]: TName;
}

/** The sentence where such a reference, made elsewhere, does not fit. */
export interface FlowReferenceError<TMessage extends string> {
  readonly [reference]: TMessage;
}

const brand = Symbol.for("flowkit.param");

interface WrittenReference {
  readonly $ref: `params.${string}`;
}

export function paramReference(name: string): ParamReference<string> {
  const written: WrittenReference = { $ref: `params.${name}` };
  return Object.freeze(Object.defineProperty(written, brand, { value: true })) as unknown as ParamReference<string>;
}

/** A reference made by {@link paramReference}, not an object of the user's that has a key `$ref`. */
export function isParamRef(value: unknown): value is ParamReference<string> {
  return typeof value === "object" && value !== null && brand in value;
}

/** The parameter that a reference names. */
export function paramNameOf(ref: ParamReference<string>): string {
  return (ref as unknown as WrittenReference).$ref.slice("params.".length);
}
