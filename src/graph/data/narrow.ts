import type { Json } from "../../errors/index.ts";
import { formatMessage, inOrder } from "../format/messages.ts";
import { matcher, type PatternForm, patternForm, type Scalar } from "../format/pattern.ts";
import { type DataType, type Field, type ObjectType, unionOf } from "./data-type.ts";
import { showType } from "./show-type.ts";

/*
 * The part of a type whose values match a pattern, as the compiler narrows it (see the rule `where`).
 */

/** The values that a key may have, and whether it may be missing. */
interface Part {
  /** `undefined` if it has no value. */
  readonly type: DataType | undefined;
  readonly missing: boolean;
}

/** The part of a type whose values match; `undefined` if none can. */
export function narrow(type: DataType, pattern: Json): DataType | undefined {
  return narrowPart({ type, missing: false }, pattern).type;
}

function narrowPart({ type, missing }: Part, pattern: Json): Part {
  const form = patternForm(pattern);
  switch (form.kind) {
    case "oneOf":
      return { type: each(type, (member) => oneOf(member, form.values)), missing: false };
    case "exists":
      return form.exists ? { type, missing: false } : { type: undefined, missing };
    case "keys":
      return { type: each(type, (member) => holding(member, form.keys)), missing: false };
    case "not":
      return {
        type: each(type, (member) =>
          certainlyMatches({ type: member, missing: false }, form.pattern) ? undefined : without(member, form.pattern),
        ),
        missing: missing && !matchesMissing(form.pattern),
      };
  }
}

/** The members of a type that `keep` leaves. */
function each(type: DataType | undefined, keep: (member: DataType) => DataType | undefined): DataType | undefined {
  if (type === undefined) return undefined;
  if (type.kind !== "union") return keep(type);
  const members = type.members.flatMap((member) => keep(member) ?? []);
  if (members.length === type.members.length && members.every((member, at) => member === type.members[at])) return type;
  return members.length === 0 ? undefined : unionOf(members);
}

function oneOf(type: DataType, values: readonly Scalar[]): DataType | undefined {
  switch (type.kind) {
    case "any":
      return type;
    case "values":
      return valuesOf(
        type.values.filter((value) => values.includes(value)),
        type,
      );
    case "string":
    case "number":
      return valuesOf(
        values.filter((value) => typeof value === type.kind),
        type,
      );
    default:
      return undefined;
  }
}

function valuesOf(values: readonly Scalar[], all: DataType): DataType | undefined {
  if (values.length === 0) return undefined;
  return all.kind === "values" && all.values.length === values.length ? all : { kind: "values", values };
}

function holding(type: DataType, keys: (PatternForm & { readonly kind: "keys" })["keys"]): DataType | undefined {
  if (type.kind !== "object") return type.kind === "any" ? type : undefined;
  const fields = new Map<string, Field>(type.fields);
  for (const [key, pattern] of keys) {
    const before = partAt(type, key);
    const left = narrowPart(before, pattern);
    if (left.type === undefined && !left.missing) return undefined;
    const { type: narrowed } = left;
    if (narrowed === undefined) fields.delete(key);
    else if (narrowed !== before.type || left.missing !== before.missing) {
      fields.set(key, { type: () => narrowed, optional: left.missing });
    }
  }
  return { ...type, fields };
}

/** As in the compiler, a key that is not described is missing, unless the object describes its other keys. */
function partAt({ fields, others }: ObjectType, key: string): Part {
  const field = fields.get(key);
  if (field !== undefined) return { type: field.type(), missing: field.optional };
  return { type: others?.(), missing: true };
}

/** What a negation leaves: single values are removed, objects and open types stay. */
function without(type: DataType, pattern: Json): DataType | undefined {
  const form = patternForm(pattern);
  if (form.kind === "not") return narrow(type, form.pattern);
  if (form.kind !== "oneOf" || type.kind !== "values") return type;
  return valuesOf(
    type.values.filter((value) => !form.values.includes(value)),
    type,
  );
}

function certainlyMatches({ type, missing }: Part, pattern: Json): boolean {
  if (missing && !matchesMissing(pattern)) return false;
  if (type === undefined) return true;
  if (type.kind === "union")
    return type.members.every((member) => certainlyMatches({ type: member, missing: false }, pattern));
  const form = patternForm(pattern);
  switch (form.kind) {
    case "oneOf":
      return type.kind === "values" && type.values.every((value) => form.values.includes(value));
    case "exists":
      return form.exists;
    case "not":
      return type.kind !== "any" && narrow(type, form.pattern) === undefined;
    case "keys":
      return type.kind === "object" && form.keys.every(([key, inner]) => certainlyMatches(partAt(type, key), inner));
  }
}

function matchesMissing(pattern: Json): boolean {
  const form = patternForm(pattern);
  return form.kind === "exists" ? !form.exists : form.kind === "not" && !matchesMissing(form.pattern);
}

function keyMistakes(
  objects: readonly ObjectType[],
  key: string,
  pattern: Json,
  place: Parameters<typeof patternMistakes>[2],
): readonly PatternMistake[] {
  const found = objects.flatMap((object) => partAt(object, key).type ?? []);
  if (found.length > 0) return patternMistakes(unionOf(found), pattern, place);
  const names = [...new Set(objects.flatMap(({ fields }) => [...fields.keys()]))];
  const keys = inOrder(names, (name) => name).join(", ");
  const message = names.length === 0 ? "patternNoKeys" : "patternKey";
  return [{ path: place.path, message: formatMessage(message, { path: place.text, keys }) }];
}

/** A key or a value of a pattern that no value of the type has. */
export interface PatternMistake {
  readonly path: readonly (string | number)[];
  readonly message: string;
}

/** Keys that do not exist and values that cannot occur, as the compiler reports them. `path` is that of the pattern. */
export function patternMistakes(
  type: DataType,
  pattern: Json,
  place: { readonly text: string; readonly path: PatternMistake["path"] },
): readonly PatternMistake[] {
  const { text, path } = place;
  if (type.kind === "any") return [];
  if (Array.isArray(pattern)) {
    return pattern.flatMap((item: Json, at) => patternMistakes(type, item, { text, path: [...path, at] }));
  }
  const form = patternForm(pattern);
  switch (form.kind) {
    case "exists":
      return [];
    case "not":
      return patternMistakes(type, form.pattern, { text, path: [...path, "$not"] });
    case "oneOf": {
      if (narrow(type, pattern) !== undefined) return [];
      const given = showType({ kind: "values", values: form.values });
      return [{ path, message: formatMessage("patternValue", { path: text, given, known: showType(type) }) }];
    }
    case "keys": {
      const objects = (type.kind === "union" ? type.members : [type]).filter((member) => member.kind === "object");
      if (objects.length === 0) {
        const values = { path: text, given: "an object", known: showType(type) };
        return [{ path, message: formatMessage("patternValue", values) }];
      }
      const written = Object.keys(pattern as object);
      return form.keys.flatMap(([key, inner], at) =>
        keyMistakes(objects, key, inner, { text: `${text}.${key}`, path: [...path, written[at] as string] }),
      );
    }
  }
}

/*
 * `exhaustive`: every value of a key goes to some node.
 */

/** One value, an open type, or that the key is missing. */
export type Case = DataType | "missing";

const membersOf = (type: DataType): readonly DataType[] => (type.kind === "union" ? type.members : [type]);

/** The cases of a key that no pattern matches; `undefined` if no object has the key. */
export function leftCases(
  type: DataType,
  path: readonly string[],
  patterns: readonly Json[],
): readonly Case[] | undefined {
  return casesAt(membersOf(type), path)?.flatMap((one) => leftOf(one, patterns));
}

/** The keys of all objects in a type. */
export function keysIn(type: DataType): readonly string[] {
  return [...new Set(membersOf(type).flatMap((one) => (one.kind === "object" ? [...one.fields.keys()] : [])))];
}

/** The message about cases that are left, in the words of the compiler. */
export function leftMessage(left: readonly Case[], { from, key }: { readonly from: string; readonly key: string }) {
  const types = left.filter((one) => one !== "missing");
  const shown = types.length === 0 ? [] : [showType(unionOf(types))];
  const value = [...shown, ...(types.length < left.length ? ["undefined"] : [])].join(" | ");
  const isOpen = types.some(({ kind }) => kind === "string" || kind === "number");
  return formatMessage(isOpen ? "caseOpen" : "caseNowhere", { from, key, type: value, value });
}

/** `undefined` if no object has the key. */
function casesAt(objects: readonly DataType[], [key = "", ...rest]: readonly string[]): readonly Case[] | undefined {
  const fields = objects.map((one) => (one.kind === "object" ? one.fields.get(key) : undefined));
  const known = fields.filter((field) => field !== undefined);
  if (known.length === 0) return undefined;
  const inside = known.flatMap((field) => membersOf(field.type()));
  if (rest.length > 0) return casesAt(inside, rest);
  const values = inside.flatMap((type): readonly DataType[] =>
    type.kind === "values" ? type.values.map((value) => ({ kind: "values", values: [value] })) : [type],
  );
  return known.length < fields.length || known.some(({ optional }) => optional) ? [...values, "missing"] : values;
}

/**
 * The cases that no pattern matches. For an open type, the values that a `not` excludes and no other pattern matches,
 * or the whole type without a `not`.
 */
function leftOf(one: Case, patterns: readonly Json[]): readonly Case[] {
  const takes = (value: Json | undefined) => patterns.some((pattern) => matcher(pattern)(value));
  if (one === "missing") return takes(undefined) ? [] : [one];
  if (one.kind === "values") return takes(one.values[0]) ? [] : [one];
  const forms = patterns.map(patternForm);
  if (forms.some((form) => form.kind === "exists" && form.exists)) return [];
  for (const form of forms) {
    const negated = form.kind === "not" ? patternForm(form.pattern) : form;
    if (form.kind !== "not" || negated.kind !== "oneOf") continue;
    const values = negated.values.filter((value) => typeof value === one.kind && !takes(value));
    return values.length === 0 ? [] : [{ kind: "values", values }];
  }
  return [one];
}
