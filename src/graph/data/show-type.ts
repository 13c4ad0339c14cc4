import { type DataType, elementOf, type ObjectType } from "./data-type.ts";

const deepest = 2;

/**
 * A type in a few words, as the compiler's messages have it.
 *
 * @example
 * showType(readSchema({ type: "array", items: { type: ["string", "null"] } })) // "(string | null)[]"
 */
export function showType(type: DataType): string {
  return show(type, { depth: 0, within: [] });
}

interface Place {
  readonly depth: number;
  /** The lists and unions around it: one that contains itself is not written out in itself. */
  readonly within: readonly DataType[];
}

function show(type: DataType, { depth, within }: Place): string {
  if (within.includes(type)) return "...";
  const place = { depth, within: type.kind === "object" ? within : [...within, type] };
  switch (type.kind) {
    case "any":
      return "unknown";
    case "values":
    case "union":
      return nullLast(membersOf(type, place)).join(" | ");
    case "list":
      return listText(show(elementOf(type), place));
    case "object":
      return showObject(type, place);
    default:
      return type.kind;
  }
}

function membersOf(type: DataType, place: Place): readonly string[] {
  if (type.kind === "union") return [...new Set(type.members.flatMap((member) => membersOf(member, place)))];
  if (type.kind !== "values") return [show(type, place)];
  const isBoolean = type.values.includes(true) && type.values.includes(false);
  return [
    ...new Set(type.values.map((one) => (isBoolean && typeof one === "boolean" ? "boolean" : JSON.stringify(one)))),
  ];
}

/** It reads better at the end. */
function nullLast(members: readonly string[]): readonly string[] {
  return members.includes("null") ? [...members.filter((member) => member !== "null"), "null"] : members;
}

const listText = (element: string): string =>
  element.includes(" | ") || element === "..." ? `(${element})[]` : `${element}[]`;

/** Two levels deep: what lies deeper would make the sentence unreadable. */
function showObject({ fields, others }: ObjectType, { depth, within }: Place): string {
  const inner = { depth: depth + 1, within };
  if (depth === deepest) return "{ ... }";
  const parts = [...fields].map(([key, { type, optional }]) => `${key}${optional ? "?" : ""}: ${show(type(), inner)}`);
  if (others !== undefined) parts.push(`[key: string]: ${show(others(), inner)}`);
  return parts.length === 0 ? "{}" : `{ ${parts.join(", ")} }`;
}
