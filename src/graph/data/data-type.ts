import type { Json } from "../../errors/index.ts";

/*
 * What a JSON Schema says about which data there is, in the words of types: kinds, keys, elements, values. Ranges,
 * patterns and formats are no part of it: a value may break them, but it need not.
 */

/** Read when it is needed, and the same object each time: a type may contain itself. */
export type Lazily = () => DataType;

export type DataType = AnyData | ScalarType | ValuesType | UnionType | ListType | ObjectType;

/** Nothing is known. */
export interface AnyData {
  readonly kind: "any";
}

export interface ScalarType {
  readonly kind: "string" | "number";
}

export type Value = string | number | boolean | null;

/** One of these values. `boolean` is two of them, and `null` is one. */
export interface ValuesType {
  readonly kind: "values";
  readonly values: readonly Value[];
}

/** One of several types, none of them a union itself. */
export interface UnionType {
  readonly kind: "union";
  readonly members: readonly DataType[];
}

/** A list of any length, or one whose first elements have types of their own. */
export interface ListType {
  readonly kind: "list";
  readonly first: readonly Lazily[];
  /** Of the elements after the first ones; `undefined` when there are none. */
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
  /** Of the keys that `fields` doesn't name; `undefined` when nothing is said of them. */
  readonly others: Lazily | undefined;
  /** A value with other keys is refused. */
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

/** In doubt about a member there is doubt about the whole. */
export function unionOf(types: readonly DataType[]): DataType {
  const members = [...new Set(types.flatMap((type) => (type.kind === "union" ? type.members : [type])))];
  if (members.some(({ kind }) => kind === "any")) return anyData;
  const [only] = members;
  return members.length === 1 && only !== undefined ? only : { kind: "union", members };
}

/** What any of the list's elements is. */
export function elementOf({ first, rest }: ListType): DataType {
  if (first.length === 0 && rest !== undefined) return rest();
  return unionOf([...first, ...(rest === undefined ? [] : [rest])].map((read) => read()));
}

export const isValue = (value: Json): value is Value => typeof value !== "object" || value === null;
