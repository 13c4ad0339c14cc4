import { anyData, type DataType, elementOf, type ListType, listOf, objectOf } from "../../../graph/data/data-type.ts";
import { Assignability } from "../../../graph/data/fit.ts";
import { showType } from "../../../graph/data/show-type.ts";
import { formatMessage } from "../../../graph/format/messages.ts";
import { isParamRef } from "../../model/param.ts";

/** Far beyond the graph's limit of depth, which reports such a value. */
const deepEnough = 200;

interface Place {
  readonly value: unknown;
  readonly needed: DataType;
  /** As messages name it. */
  readonly path: string;
}

/**
 * Where a value in the arguments does not match its type, in the compiler's words: for lists and objects, by part. Values
 * that parameters fill in are not checked.
 *
 * @example
 * [...valueFaults({ value: { city: 1 }, needed: wireType(z.object({ city: z.string() })), path: "args.where" })]
 * // ["args.where.city is 1, needs string"]
 */
export function* valueFaults(place: Place): Generator<string> {
  const unstorable = [...noJsonIn(place.value, place.path)];
  if (unstorable.length > 0) yield* unstorable;
  else yield* misfits(place);
}

function* noJsonIn(value: unknown, path: string, depth = 0): Generator<string> {
  if (depth > deepEnough || isParamRef(value)) return;
  if (["bigint", "symbol", "function"].includes(typeof value)) yield formatMessage("valueNotJson", { what: path });
  if (typeof value !== "object" || value === null) return;
  if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) yield* noJsonIn(item, `${path}[${index}]`, depth + 1);
  } else if (isPlain(value)) {
    for (const [key, inner] of Object.entries(value)) yield* noJsonIn(inner, `${path}.${key}`, depth + 1);
  } else yield formatMessage("valueNotJson", { what: path });
}

function* misfits({ value, needed, path }: Place): Generator<string> {
  const given = typeOf(value);
  if (new Assignability().fits(given, needed)) return;
  const parts = Array.isArray(value) ? partsOfList(value, needed, path) : partsOfObject(value, needed, path);
  if (parts === undefined) yield formatMessage("mismatch", { path, given: showType(given), needed: showType(needed) });
  else yield* parts;
}

/** With several list types it is not clear which one an element should match, so the whole value is reported. */
function partsOfList(value: readonly unknown[], needed: DataType, path: string): Generator<string> | undefined {
  const list = only(needed, "list");
  if (list === undefined || value.length < list.least || value.length > list.most) return undefined;
  return (function* () {
    for (const [index, item] of value.entries()) {
      yield* misfits({ value: item, needed: elementAt(list, index), path: `${path}[${index}]` });
    }
  })();
}

const elementAt = (list: ListType, index: number): DataType => (list.first[index] ?? list.rest)?.() ?? elementOf(list);

function partsOfObject(value: unknown, needed: DataType, path: string): Generator<string> | undefined {
  const object = only(needed, "object");
  if (object === undefined || typeof value !== "object" || value === null) return undefined;
  return (function* () {
    const given = new Map(Object.entries(value).filter(([, inner]) => inner !== undefined));
    for (const [key, { type, optional }] of object.fields) {
      if (!given.has(key) && !optional) {
        yield formatMessage("keyMissing", { path: `${path}.${key}`, needed: showType(type()) });
      }
    }
    for (const [key, inner] of given) {
      const type = object.fields.get(key)?.type ?? object.others;
      if (type !== undefined) yield* misfits({ value: inner, needed: type(), path: `${path}.${key}` });
      else if (object.closed) yield formatMessage("keyNotTaken", { path: `${path}.${key}` });
    }
  })();
}

/** The member of this kind, if the type has exactly one. */
function only<TKind extends DataType["kind"]>(
  type: DataType,
  kind: TKind,
): Extract<DataType, { readonly kind: TKind }> | undefined {
  const members = type.kind === "union" ? type.members : [type];
  const found = members.filter((member): member is Extract<DataType, { readonly kind: TKind }> => member.kind === kind);
  return found.length === 1 ? found[0] : undefined;
}

/** The type of a value; strings and numbers become literal types. */
function typeOf(value: unknown): DataType {
  if (isParamRef(value)) return anyData;
  if (Array.isArray(value)) {
    if (value.length === 0) return listOf({ kind: "union", members: [] });
    return {
      kind: "list",
      first: value.map((item) => () => typeOf(item)),
      rest: undefined,
      least: value.length,
      most: value.length,
    };
  }
  if (typeof value === "object" && value !== null) {
    const given = Object.entries(value).filter(([, inner]) => inner !== undefined);
    return objectOf(given.map(([key, inner]) => [key, { type: () => typeOf(inner), optional: false }]));
  }
  if (typeof value === "boolean") return { kind: "values", values: [true, false] };
  if (typeof value === "number" && !Number.isFinite(value)) return { kind: "number" };
  return { kind: "values", values: [value as string | number | null] };
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
