import { type DataType, elementOf, type ObjectType } from "./data-type.ts";

const deepest = 2;
/** Characters of one type: a sentence that shows two of them is still read to its end. */
const longest = 90;
/** Parts of a type that are shown: one of thousands of keys need not be written by a friend. */
const mostParts = 100;

/**
 * A type in a few words, as the compiler's messages have it.
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
  /** The lists and unions around it: one that contains itself is not written out in itself. */
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
      return nullLast(membersOf(type, inner)).join(" | ") || "never";
    case "list":
      return listText(show(elementOf(type), inner));
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
  const shown = type.values
    .slice(0, mostParts)
    .map((one) => (isBoolean && typeof one === "boolean" ? "boolean" : JSON.stringify(one)));
  return [...new Set(type.values.length > mostParts ? [...shown, more] : shown)];
}

/** It reads better at the end. */
function nullLast(members: readonly string[]): readonly string[] {
  return members.includes("null") ? [...members.filter((member) => member !== "null"), "null"] : members;
}

const listText = (element: string): string =>
  element.includes(" | ") || element === more ? `(${element})[]` : `${element}[]`;

/** Two levels deep: what lies deeper would make the sentence unreadable. */
function showObject({ fields, others }: ObjectType, place: Place): string {
  if (place.depth === deepest) return `{ ${more} }`;
  const inner = { ...place, depth: place.depth + 1 };
  const parts: string[] = [];
  for (const [key, { type, optional }] of fields) {
    if (inner.parts.left <= 0) break;
    parts.push(`${key}${optional ? "?" : ""}: ${show(type(), inner)}`);
  }
  if (parts.length < fields.size) parts.push(more);
  else if (others !== undefined) parts.push(`[key: string]: ${show(others(), inner)}`);
  return parts.length === 0 ? "{}" : `{ ${parts.join(", ")} }`;
}
