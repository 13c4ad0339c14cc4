import type { Json } from "../../errors/index.ts";

/*
 * The types that JSON Schemas describe: kinds, keys, elements, values. Ranges, patterns and formats are not part of a
 * type: a value of the right type may or may not satisfy them.
 */

/** Evaluated when needed, to the same object each time, because a type may contain itself. */
export type Lazily = () => DataType;

export type DataType = AnyData | ScalarType | ValuesType | UnionType | ListType | ObjectType;

/** The type is unknown. */
export interface AnyData {
  readonly kind: "any";
}

export interface ScalarType {
  readonly kind: "string" | "number";
}

export type Value = string | number | boolean | null;

/** One of these values. `boolean` is two values, `null` is one. */
export interface ValuesType {
  readonly kind: "values";
  readonly values: readonly Value[];
}

/** One of several types, none of which is a union. */
export interface UnionType {
  readonly kind: "union";
  readonly members: readonly DataType[];
}

/** A list, possibly with separate types for its first elements. */
export interface ListType {
  readonly kind: "list";
  readonly first: readonly Lazily[];
  /** The type of the elements after the first ones; `undefined` if there are none. */
  readonly rest: Lazily | undefined;
  readonly least: number;
  readonly most: number;
}

export interface Field {
  readonly type: Lazily;
  readonly optional: boolean;
}

export interface ObjectType {
  readonly kind: "object";
  readonly fields: ReadonlyMap<string, Field>;
  /** The type of keys that are not in `fields`; `undefined` if unspecified. */
  readonly others: Lazily | undefined;
  /** Whether other keys are rejected. */
  readonly closed: boolean;
}

export const anyData: AnyData = { kind: "any" };
export const anything: Lazily = () => anyData;

export function listOf(element: DataType): ListType {
  return { kind: "list", first: [], rest: () => element, least: 0, most: Number.POSITIVE_INFINITY };
}

export function objectOf(fields: Iterable<readonly [string, Field]>): ObjectType {
  return { kind: "object", fields: new Map(fields), others: undefined, closed: false };
}

/** Unknown if a member is unknown. */
export function unionOf(types: readonly DataType[]): DataType {
  const members = [...new Set(types.flatMap((type) => (type.kind === "union" ? type.members : [type])))];
  if (members.some(({ kind }) => kind === "any")) return anyData;
  const [only] = members;
  return members.length === 1 && only !== undefined ? only : { kind: "union", members };
}

/** The type of all elements of a list. */
export function elementOf({ first, rest }: ListType): DataType {
  if (first.length === 0 && rest !== undefined) return rest();
  return unionOf([...first, ...(rest === undefined ? [] : [rest])].map((read) => read()));
}

export const isValue = (value: Json): value is Value => typeof value !== "object" || value === null;
