import { FlowError } from "../../errors/index.ts";
import { formatMessage } from "../../graph/format/messages.ts";

/** Stands for `$ref`, which as a name would be offered as a completion wherever an argument may be an object. */
declare const reference: unique symbol;

/**
 * An argument whose value is a parameter of the task, filled in when the task is created.
 * In the graph it is `{ "$ref": "params.<name>" }`.
 *
 * No property has the type `TPlace`: it carries the place of the argument to `param(...)`, as the type expected there.
 */
// biome-ignore lint/correctness/noUnusedVariables: inferred from, see above
export interface ParamReference<TName extends string, TPlace = never> {
  readonly [reference]: TName;
}

/** The message for a reference that was created elsewhere and does not fit here. */
export interface WrongParam<TMessage extends string> {
  readonly [reference]: TMessage;
}

const brand = Symbol.for("flowkit.param");

interface WrittenReference {
  readonly $ref: `params.${string}`;
}

export function paramReference(name: string): ParamReference<string> {
  const written: WrittenReference = { $ref: `params.${name}` };
  const members = { [brand]: { value: true }, [Symbol.toPrimitive]: { value: () => refuseText(name) } };
  return Object.freeze(Object.defineProperties(written, members)) as unknown as ParamReference<string>;
}

/** The compiler accepts any object in a template; "[object Object]" would reach the graph. */
function refuseText(param: string): never {
  throw new FlowError("FLOW_INVALID", formatMessage("paramInText", { param }));
}

/** Whether a value was made by {@link paramReference}; a user's object with a key `$ref` is not a reference. */
export function isParamRef(value: unknown): value is ParamReference<string> {
  return typeof value === "object" && value !== null && brand in value;
}

/** The parameter that a reference names. */
export function paramNameOf(ref: ParamReference<string>): string {
  return (ref as unknown as WrittenReference).$ref.slice("params.".length);
}
