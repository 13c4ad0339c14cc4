import { type DataType, elementOf, type Field, objectOf, unionOf } from "../../../graph/data/data-type.ts";
import { Assignability } from "../../../graph/data/fit.ts";
import { readSchema } from "../../../graph/data/read-schema.ts";
import { showType } from "../../../graph/data/show-type.ts";
import { storedType } from "../../../graph/data/zod-data.ts";
import { formatMessage } from "../../../graph/format/messages.ts";
import { hasParam } from "../../../graph/format/params-schema.ts";
import { isParamRef, paramNameOf } from "../../model/param.ts";
import { knownKeys } from "../../model/schema.ts";
import type { FlowHead, Step } from "../../model/step.ts";

/** The parameters of a flow as arguments refer to them: with the defaults that are filled in when a task is created. */
export function givenParams({ paramsSchema, loaded }: FlowHead): DataType | undefined {
  if (loaded?.paramsSchema !== undefined) return readSchema(loaded.paramsSchema, { filled: true });
  return paramsSchema === undefined ? undefined : storedType(paramsSchema);
}

/** A value in the arguments. */
interface Place {
  readonly value: unknown;
  readonly key: string;
  /** The type that the place needs; `undefined` if it is not known. */
  readonly needed: Field | undefined;
}

/**
 * The parameters that arguments refer to exist, and have the type that their place needs.
 *
 * @param takes - the types of the arguments, in one or several objects
 */
export function paramFindings(args: object, takes: readonly DataType[], head: FlowHead): string[] {
  const findings = new Set<string>();
  const stored = givenParams(head);
  for (const { value, key, needed } of references({ value: args, key: "args", takes })) {
    const [param = "", ...inside] = value.split(".");
    const given = stored?.kind === "object" && inside.length === 0 ? stored.fields.get(param) : undefined;
    if (!isParam([param, ...inside], head)) findings.add(formatMessage("unknownParam", { param: value }));
    else if (given !== undefined && needed !== undefined && !fits(given, needed)) {
      findings.add(formatMessage("paramType", { param, is: show(given), key, needs: show(needed) }));
    }
  }
  return [...findings];
}

const delay = objectOf([["delaySec", { type: () => ({ kind: "number" }), optional: true }]]);

/** The parameter that replaces a delay is a number. */
export function delayFindings({ options: { delaySec } }: Step, head: FlowHead): string[] {
  return paramFindings({ delaySec }, [delay], head);
}

/** `z.any()` accepts a missing value and `z.json()` does not, but both have the same data type: neither is reported. */
const fits = (given: Field, needed: Field): boolean =>
  needed.type().kind === "any" ||
  ((needed.optional || !given.optional) && new Assignability().fits(given.type(), needed.type()));

const show = ({ type, optional }: Field): string => `${showType(type())}${optional ? " | undefined" : ""}`;

function isParam(path: readonly string[], { paramsSchema, loaded }: FlowHead): boolean {
  if (loaded !== undefined) return loaded.paramsSchema !== undefined && hasParam(loaded.paramsSchema, path);
  if (paramsSchema === undefined) return false;
  return knownKeys(paramsSchema)?.includes(path[0] ?? "") ?? true;
}

interface Reference extends Place {
  /** The name of the parameter. */
  readonly value: string;
}

function* references(
  place: Omit<Place, "needed"> & { readonly needed?: Field | undefined; readonly takes: readonly DataType[] },
  seen = new Set<object>(),
): Generator<Reference> {
  const { value, key, needed, takes } = place;
  if (typeof value !== "object" || value === null || seen.has(value)) return;
  if (isParamRef(value)) {
    yield { value: paramNameOf(value), key, needed };
    return;
  }
  seen.add(value);
  for (const [innerKey, inner] of Object.entries(value)) {
    const field = fieldOf(takes, innerKey, Array.isArray(value));
    yield* references(
      { value: inner, key: innerKey, needed: field, takes: field === undefined ? [] : membersOf(field.type()) },
      seen,
    );
  }
}

const membersOf = (type: DataType): readonly DataType[] => (type.kind === "union" ? type.members : [type]);

/** The type of a key in these types; `undefined` if one of them allows any value there. */
function fieldOf(types: readonly DataType[], key: string, isElement: boolean): Field | undefined {
  const fields = types.flatMap((type): readonly (Field | undefined)[] => {
    if (type.kind === "any") return [undefined];
    if (isElement) return type.kind === "list" ? [{ type: () => elementOf(type), optional: false }] : [];
    if (type.kind !== "object") return [];
    const { others } = type;
    return [type.fields.get(key) ?? (others === undefined ? undefined : { type: others, optional: false })];
  });
  const known = fields.filter((field) => field !== undefined);
  if (known.length === 0 || (known.length < fields.length && types.some(({ kind }) => kind === "any")))
    return undefined;
  return { type: () => unionOf(known.map(({ type }) => type())), optional: known.some(({ optional }) => optional) };
}
