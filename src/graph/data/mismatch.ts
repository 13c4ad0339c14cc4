import { cut, formatMessage, type Join, type MessageText } from "../format/messages.ts";
import { type DataType, elementOf, type ObjectType, unionOf } from "./data-type.ts";
import { type Assignability, fieldFault, refusedKeys } from "./fit.ts";
import { type Show, showType } from "./show-type.ts";

/** At this depth, types are shown as a whole: a type that contains itself has no last level. */
const deepest = 6;
/** Limits the text, because schemas are untrusted and may have thousands of keys. */
const longest = 1000;

/**
 * All places where one type does not fit another, as one text; `undefined` if it fits.
 *
 * @example
 * mismatchText(readSchema(given), readSchema(wanted), new Assignability()) // ".rows[].id is string, needs number"
 */
export function mismatchText(given: DataType, wanted: DataType, fit: Assignability): string | undefined {
  if (fit.fits(given, wanted)) return undefined;
  let text = "";
  for (const fault of mismatches({ given, wanted, path: "", depth: 0 }, fit)) {
    text += text === "" ? fault : `, ${fault}`;
    if (text.length > longest) return `${text.slice(0, longest)}...`;
  }
  return text;
}

interface Place {
  readonly given: DataType;
  readonly wanted: DataType;
  readonly path: string;
  readonly depth: number;
}

/** Yields at least one. */
function* mismatches(place: Place, fit: Assignability): Generator<string> {
  let found = false;
  if (place.depth < deepest) {
    for (const fault of mismatchesInside(place, fit)) {
      found = true;
      yield fault;
    }
  }
  if (!found) yield clash(place);
}

function* mismatchesInside({ given, wanted, path, depth }: Place, fit: Assignability): Generator<string> {
  const [from, to] = [asObject(given), asObject(wanted)];
  if (given.kind === "list" && wanted.kind === "list") {
    const elements = { given: elementOf(given), wanted: elementOf(wanted), path: `${path}[]`, depth: depth + 1 };
    if (!fit.fits(elements.given, elements.wanted)) yield* mismatches(elements, fit);
  } else if (from !== undefined && to !== undefined) {
    yield* mismatchesInKeys({ from, to, path, depth }, fit);
  }
}

interface Objects {
  readonly from: ObjectType;
  readonly to: ObjectType;
  readonly path: string;
  readonly depth: number;
}

function* mismatchesInKeys({ from, to, path, depth }: Objects, fit: Assignability): Generator<string> {
  for (const [key, needed] of to.fields) {
    const at = `${path}.${cut(key)}`;
    const fault = fieldFault(from, key, needed);
    const type = (from.fields.get(key)?.type ?? from.others)?.();
    if (fault !== undefined) {
      const values = { path: at, needed: showType(needed.type()) };
      yield formatMessage(fault === "missing" ? "keyMissing" : "keyMayBeMissing", values);
    } else if (type !== undefined && !fit.fits(type, needed.type())) {
      yield* mismatches({ given: type, wanted: needed.type(), path: at, depth: depth + 1 }, fit);
    }
  }
  for (const key of refusedKeys(from, to)) yield formatMessage("keyNotTaken", { path: `${path}.${cut(key)}` });
}

/** A union of objects as one object: with their common keys, each of the union of its types. */
function asObject(type: DataType): ObjectType | undefined {
  if (type.kind === "object") return type;
  if (type.kind !== "union") return undefined;
  const objects = type.members.filter((member) => member.kind === "object");
  const [first, ...rest] = objects;
  if (first === undefined || objects.length < type.members.length) return undefined;
  const common = [...first.fields].flatMap(([key, field]) => {
    const fields = [field, ...rest.flatMap((object) => object.fields.get(key) ?? [])];
    if (fields.length < objects.length) return [];
    const whole = unionOf(fields.map((one) => one.type()));
    return [[key, { type: () => whole, optional: fields.some((one) => one.optional) }] as const];
  });
  return { kind: "object", fields: new Map(common), others: undefined, closed: false };
}

function clash({ given, wanted, path }: Place): string {
  const at = path === "" ? "the whole payload" : path;
  return formatMessage("mismatch", { path: at, given: showType(given), needed: showType(wanted) });
}

/*
 * The same in the compiler, which evaluates these types only if an edge does not fit.
 */

/** `edge 'extract' -> 'clean': .rows[].id is string, needs number` */
export type EdgeText<TFrom extends string, TTo extends string, TGiven, TNeeded> = MessageText<
  "edge",
  { from: TFrom; to: TTo; why: MismatchText<TGiven, TNeeded> }
>;

/** Some keys of a type; optional if the type has an index signature. */
export type KeysOf<T, TKeys> = string extends keyof T
  ? { [TKey in TKeys & keyof T]?: T[TKey] }
  : Pick<T, TKeys & keyof T>;

/** Whether the data of each alias fits the key of that name, regardless of the other keys that the handler needs. */
export type FitsByAlias<TGiven, TNeeded, TAliases> = [TGiven] extends [KeysOf<TNeeded, TAliases>] ? true : false;

/** All places where `TGiven` does not fit `TNeeded`, as one text: the compiler would print a union as its alias. */
export type MismatchText<TGiven, TNeeded> = Join<Mismatch<TGiven, TNeeded, "">, ", ">;

/**
 * Shows types as a whole at the sixth level, because a type that contains itself has no last level, and where no part
 * of them is to blame, as with lists of different lengths.
 */
type Mismatch<TGiven, TNeeded, TPath extends string, TDepth extends 0[] = []> = [TGiven] extends [TNeeded]
  ? never
  : TDepth["length"] extends 6
    ? TypeMismatch<TGiven, TNeeded, TPath>
    : [TGiven] extends [readonly (infer TGivenElement)[]]
      ? [TNeeded] extends [readonly (infer TNeededElement)[]]
        ? OrTypeMismatch<
            Mismatch<TGivenElement, TNeededElement, `${TPath}[]`, [...TDepth, 0]>,
            TypeMismatch<TGiven, TNeeded, TPath>
          >
        : TypeMismatch<TGiven, TNeeded, TPath>
      : [TNeeded] extends [readonly unknown[]]
        ? TypeMismatch<TGiven, TNeeded, TPath>
        : [TGiven, TNeeded] extends [object, object]
          ? string extends keyof TNeeded
            ? TypeMismatch<TGiven, TNeeded, TPath>
            : OrTypeMismatch<
                MismatchInKeys<TGiven, TNeeded, TPath, TDepth, keyof TNeeded & string>,
                TypeMismatch<TGiven, TNeeded, TPath>
              >
          : TypeMismatch<TGiven, TNeeded, TPath>;

type OrTypeMismatch<TInside, TClash> = [TInside] extends [never] ? TClash : TInside;

type MismatchInKeys<TGiven, TNeeded, TPath extends string, TDepth extends 0[], TKeys extends string> = {
  [TKey in TKeys & keyof TNeeded]: TKey extends keyof TGiven
    ? {} extends Pick<TGiven, string extends keyof TGiven ? string : TKey>
      ? {} extends Pick<TNeeded, TKey>
        ? Mismatch<
            Exclude<TGiven[TKey], undefined>,
            Exclude<TNeeded[TKey], undefined>,
            `${TPath}.${TKey}`,
            [...TDepth, 0]
          >
        : MessageText<"keyMayBeMissing", { path: `${TPath}.${TKey}`; needed: Show<TNeeded[TKey]> }>
      : Mismatch<
          TGiven[TKey],
          {} extends Pick<TNeeded, TKey> ? Exclude<TNeeded[TKey], undefined> : TNeeded[TKey],
          `${TPath}.${TKey}`,
          [...TDepth, 0]
        >
    : {} extends Pick<TNeeded, TKey>
      ? never
      : MessageText<"keyMissing", { path: `${TPath}.${TKey}`; needed: Show<TNeeded[TKey]> }>;
}[TKeys & keyof TNeeded];

export type TypeMismatch<TGiven, TNeeded, TPath extends string> = MessageText<
  "mismatch",
  { path: TPath extends "" ? "the whole payload" : TPath; given: Show<TGiven>; needed: Show<TNeeded> }
>;
