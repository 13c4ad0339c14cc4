import { type Few, few, type InOrder, type IsOne, inOrder, type Join, type JoinList } from "../format/messages.ts";
import type { DataType, ListType, ObjectType, UnionType, ValuesType } from "./data-type.ts";

const deepest = 2;
/** Characters of one type: a message that shows two types stays readable. */
const longest = 90;
/** Limits the parts shown, because schemas are untrusted and may have thousands of keys. */
const mostParts = 100;
/** This many kinds of objects are longer than what is shown. */
const mostKinds = 9;

/**
 * A short text for a type, in the style of the compiler's messages.
 *
 * @example
 * showType(readSchema({ type: "array", items: { type: ["string", "null"] } })) // "(string | null)[]"
 */
export function showType(type: DataType): string {
  const text = show(type, { depth: 0, within: [], parts: { left: mostParts } });
  return text.length > longest ? `${text.slice(0, longest)}...` : text;
}

interface Place {
  readonly depth: number;
  /** The enclosing lists and unions: a type is not expanded inside itself. */
  readonly within: readonly DataType[];
  readonly parts: { left: number };
}

const more = "...";

function show(type: DataType, place: Place): string {
  if (place.within.includes(type) || place.parts.left-- <= 0) return more;
  const inner = type.kind === "object" ? place : { ...place, within: [...place.within, type] };
  switch (type.kind) {
    case "any":
      return "unknown";
    case "values":
    case "union":
      return (
        showKinds(type, inner) ?? (nullLast(inOrder(membersOf(type, inner), (member) => member)).join(" | ") || "never")
      );
    case "list":
      return showList(type, inner);
    case "object":
      return showObject(type, inner);
    default:
      return type.kind;
  }
}

function membersOf(type: DataType, place: Place): readonly string[] {
  if (type.kind === "union") {
    const shown = type.members.slice(0, mostParts).flatMap((member) => membersOf(member, place));
    return [...new Set(type.members.length > mostParts ? [...shown, more] : shown)];
  }
  if (type.kind !== "values") return [show(type, place)];
  const isBoolean = type.values.includes(true) && type.values.includes(false);
  return [
    ...new Set(type.values.map((one) => (isBoolean && typeof one === "boolean" ? "boolean" : JSON.stringify(one)))),
  ];
}

/** For many kinds of objects, shows only the first ones, by the key that tells them apart: no more would be shown. */
function showKinds(type: UnionType | ValuesType, place: Place): string | undefined {
  const kindsOf = type.kind === "union" ? kindsIn(type.members) : undefined;
  const kinds = [...new Set([...(kindsOf ?? [])].flatMap(([, own]) => own))];
  if (kindsOf === undefined || kinds.length <= few) return undefined;
  const shown = inOrder(kinds, (kind) => kind).slice(0, mostKinds);
  const texts = shown.map((kind) => {
    const members = [...kindsOf].flatMap(([member, own]) => (own.includes(kind) ? [show(member, place)] : []));
    return inOrder([...new Set(members)], (member) => member).join(" | ");
  });
  return texts.join(" | ");
}

/** The kinds of each object, if exactly one key of all of them has literal texts. */
function kindsIn(members: readonly DataType[]): ReadonlyMap<DataType, readonly string[]> | undefined {
  const [first] = members;
  if (first?.kind !== "object") return undefined;
  const [found, ...others] = [...first.fields.keys()].flatMap((key) => {
    const own = new Map<DataType, readonly string[]>();
    for (const member of members) {
      const texts = textsAt(member, key);
      // Stops at the first member that differs: schemas are untrusted, and may be large.
      if (texts === undefined) return [];
      own.set(member, texts);
    }
    return [own];
  });
  return others.length === 0 ? found : undefined;
}

function textsAt(type: DataType, key: string): readonly string[] | undefined {
  const field = type.kind === "object" ? type.fields.get(key) : undefined;
  const is = field?.optional === false ? field.type() : undefined;
  const texts = is?.kind === "values" ? is.values.filter((value) => typeof value === "string") : [];
  return is?.kind === "values" && texts.length === is.values.length ? texts : undefined;
}

/** `null` reads better at the end. */
function nullLast(members: readonly string[]): readonly string[] {
  return members.includes("null") ? [...members.filter((member) => member !== "null"), "null"] : members;
}

function showList({ first, rest, least }: ListType, place: Place): string {
  const others = rest === undefined ? undefined : listText(show(rest(), place));
  if (first.length === 0 && others !== undefined) return others;
  const parts = first
    .slice(0, mostParts)
    .map((element, index) => `${show(element(), place)}${index < least ? "" : "?"}`);
  return `[${[...parts, ...(others === undefined ? [] : [`...${others}`])].join(", ")}]`;
}

const listText = (element: string): string =>
  element.includes(" | ") || element === more ? `(${element})[]` : `${element}[]`;

/** Two levels deep: deeper levels would make the message unreadable. */
function showObject({ fields, others }: ObjectType, place: Place): string {
  if (place.depth === deepest) return `{ ${more} }`;
  const inner = { ...place, depth: place.depth + 1 };
  const parts: string[] = [];
  const named = [...fields].map(([key, field]) => ({ ...field, name: `${key}${field.optional ? "?" : ""}: ` }));
  for (const { name, type } of inOrder(named, (field) => field.name)) {
    if (inner.parts.left <= 0) break;
    parts.push(`${name}${show(type(), inner)}`);
  }
  if (parts.length < fields.size) parts.push(more);
  else if (others !== undefined) parts.push(`[key: string]: ${show(others(), inner)}`);
  return parts.length === 0 ? "{}" : `{ ${parts.join(", ")} }`;
}

/*
 * The same at the type level. The compiler evaluates these types only for a mistake.
 *
 * `& string` in the templates: to prove that a recursive alias is a string, the compiler would expand all its possible
 * values, in every program that sees these declarations.
 */

/**
 * A short text for a type.
 *
 * @example
 * Show<{ id: string; tags?: string[] } | null> // "{ id: string, tags?: string[] } | null"
 */
export type Show<T> = Cut<ShowWhole<T>>;

// The first 90 characters: a message that shows two types stays readable.
type Cut<
  TText,
  THead extends string = "",
  TTens extends 0[] = [],
> = TText extends `${infer T0}${infer T1}${infer T2}${infer T3}${infer T4}${infer T5}${infer T6}${infer T7}${infer T8}${infer T9}${infer TRest}`
  ? TTens["length"] extends 9
    ? `${THead}...`
    : Cut<TRest, `${THead}${T0}${T1}${T2}${T3}${T4}${T5}${T6}${T7}${T8}${T9}`, [...TTens, 0]>
  : CutEnd<TText, THead, TTens>;

type CutEnd<TText, THead extends string, TTens extends 0[]> = TTens["length"] extends 9
  ? TText extends ""
    ? THead
    : `${THead}...`
  : `${THead}${TText & string}`;

type ShowWhole<T, TDepth extends 0[] = []> = [T] extends [never]
  ? "never"
  : // any JSON contains itself: expanding it would not end
    AnyJson extends T
    ? "unknown"
    : [T] extends [string]
      ? ShowStrings<T>
      : [T] extends [object]
        ? ShowObjects<T, TDepth, KindKey<T, keyof T>>
        : NullLast<ShowMember<T, TDepth>>;

/* For many kinds of objects, only those that are shown: a text for each of a thousand would cost the compiler seconds. */
type ShowObjects<T, TDepth extends 0[], TKey extends keyof T> =
  IsOne<TKey> extends true
    ? InOrder<T[TKey], MoreThanFits> extends infer TKinds extends readonly unknown[]
      ? TKinds["length"] extends Few
        ? NullLast<ShowMember<T, TDepth>>
        : ShowKinds<T, TDepth, TKey, TKinds>
      : never
    : NullLast<ShowMember<T, TDepth>>;

// The key that all members have, if its types are literal texts.
type KindKey<T, TKey extends keyof T> = TKey extends unknown
  ? [T[TKey]] extends [string]
    ? string extends T[TKey]
      ? never
      : TKey
    : never
  : never;

type ShowKinds<T, TDepth extends 0[], TKey, TKinds> = TKinds extends readonly [
  infer T0,
  infer T1,
  infer T2,
  infer T3,
  infer T4,
  infer T5,
  infer T6,
  infer T7,
  infer T8,
  ...unknown[],
]
  ? JoinList<
      ShowEachKind<
        OfKinds<T, TKey, T0 | T1 | T2 | T3 | T4 | T5 | T6 | T7 | T8>,
        TDepth,
        TKey,
        [T0, T1, T2, T3, T4, T5, T6, T7, T8]
      >,
      " | "
    >
  : never;

type ShowEachKind<T, TDepth extends 0[], TKey, TKinds extends readonly unknown[]> = {
  [TIndex in keyof TKinds]: Join<ShowMember<OfKinds<T, TKey, TKinds[TIndex]>, TDepth>, " | ">;
};

type OfKinds<T, TKey, TKinds> = T extends unknown ? ([T[TKey & keyof T] & TKinds] extends [never] ? never : T) : never;

// All at once, because an enum may have a thousand: a condition would be instantiated for each.
type ShowStrings<T extends string> = string extends T ? "string" : Join<`"${T}"`, " | ", MoreThanFits>;

/** A type that accepts all of these accepts any JSON, as do `Json` and zod's own type for it. */
export type AnyJson = null | boolean | string | null[];

// Distributes over the members of a union; `boolean` is one member here, not two.
type ShowMember<T, TDepth extends 0[]> = T extends boolean
  ? "boolean"
  : T extends string
    ? string extends T
      ? "string"
      : `"${T}"`
    : T extends number
      ? number extends T
        ? "number"
        : `${T}`
      : T extends null
        ? "null"
        : T extends undefined
          ? "undefined"
          : T extends readonly (infer TElement)[]
            ? readonly TElement[] extends Readonly<T>
              ? ListOf<ShowWhole<TElement, TDepth>>
              : ShowTuple<T, TDepth>
            : ShowObject<T, TDepth>;

type ShowTuple<T, TDepth extends 0[], TShown extends readonly unknown[] = []> = T extends readonly []
  ? `[${JoinList<TShown, ", ">}]`
  : T extends readonly [infer TFirst, ...infer TRest]
    ? ShowTuple<TRest, TDepth, [...TShown, ShowWhole<TFirst, TDepth>]>
    : T extends readonly (infer TElement)[]
      ? readonly TElement[] extends Readonly<T>
        ? ShowTuple<[], TDepth, [...TShown, `...${ListOf<ShowWhole<TElement, TDepth>> & string}`]>
        : T extends readonly [(infer TFirst)?, ...infer TRest]
          ? ShowTuple<TRest, TDepth, [...TShown, `${ShowWhole<Exclude<TFirst, undefined>, TDepth> & string}?`]>
          : never
      : never;

type ListOf<TText> = TText extends `${string} | ${string}` ? `(${TText})[]` : `${TText & string}[]`;

// Two levels deep: deeper levels would make the message unreadable.
type ShowObject<T, TDepth extends 0[]> = TDepth["length"] extends 2
  ? "{ ... }"
  : [keyof T] extends [never]
    ? "{}"
    : `{ ${Join<ShowKeys<T, keyof T & string, [...TDepth, 0]>, ", ", MoreThanFits> & string} }`;

type ShowKeys<T, TKeys extends string, TDepth extends 0[]> = {
  [TKey in TKeys & keyof T]-?: string extends TKey
    ? `[key: string]: ${ShowWhole<T[TKey], TDepth> & string}`
    : {} extends Pick<T, TKey>
      ? `${TKey}?: ${ShowWhole<Exclude<T[TKey], undefined>, TDepth> & string}`
      : `${TKey}: ${ShowWhole<T[TKey], TDepth> & string}`;
}[TKeys & keyof T];

// `undefined` and `null` read better at the end.
type NullLast<TText> = "undefined" extends TText
  ? AtEnd<Exclude<TText, "undefined">, "undefined">
  : "null" extends TText
    ? AtEnd<Exclude<TText, "null">, "null">
    : Join<TText, " | ", MoreThanFits>;

type AtEnd<TRest, TLast extends string> = [TRest] extends [never] ? TLast : `${NullLast<TRest> & string} | ${TLast}`;

type U = unknown;
// With separators, this many parts are longer than what is shown.
type MoreThanFits = readonly [U, U, U, U, U, U, U, U, U, U, U, U, U, U, U, U, U, U, U, U, U, U, U, U, ...U[]];
