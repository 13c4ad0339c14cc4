import { cut, formatMessage, type InOrder, inOrder, type JoinList, type MessageText } from "../format/messages.ts";
import { type DataType, elementOf, type ListType, type ObjectType, unionOf } from "./data-type.ts";
import { type Assignability, fieldFault, type IsAssignable, refusedKeys } from "./fit.ts";
import { type Show, showType } from "./show-type.ts";

/** At this depth, types are shown as a whole: a type that contains itself has no last level. */
const deepest = 6;
/** More differences are only counted. */
const mostShown = 3;

/**
 * Describes where one type does not fit another; `undefined` if it fits.
 *
 * @example
 * mismatchText(readSchema(given), readSchema(wanted), new Assignability()) // ".rows[].id is string, needs number"
 */
export function mismatchText(given: DataType, wanted: DataType, fit: Assignability): string | undefined {
  if (fit.fits(given, wanted)) return undefined;
  const found: Found = { texts: [], more: 0 };
  find({ given, wanted, path: "", depth: 0 }, { found, fit });
  return [...found.texts, ...(found.more > 0 ? [`and ${found.more} more`] : [])].join(", ");
}

interface Place {
  readonly given: DataType;
  readonly wanted: DataType;
  readonly path: string;
  readonly depth: number;
}

interface Found {
  readonly texts: string[];
  /** Further places. They are not examined: schemas are untrusted and may have thousands of keys at each level. */
  more: number;
}

function find(place: Place, { found, fit }: { readonly found: Found; readonly fit: Assignability }): void {
  const faults = place.depth < deepest ? faultsInside(place, fit) : [];
  if (faults.length === 0) found.texts.push(clash(place));
  for (const fault of inOrder(faults, ({ key }) => key)) {
    if (found.texts.length >= mostShown) found.more++;
    else if (typeof fault.is === "string") found.texts.push(fault.is);
    else find(fault.is, { found, fit });
  }
}

interface Fault {
  readonly key: string;
  /** A description, or a place whose types do not fit. */
  readonly is: string | Place;
}

function faultsInside({ given, wanted, path, depth }: Place, fit: Assignability): Fault[] {
  if (given.kind === "list" && wanted.kind === "list") {
    return elementsOf(given, wanted).flatMap((elements): Fault[] =>
      fit.fits(elements.given, elements.wanted)
        ? []
        : [{ key: elements.key, is: { ...elements, path: `${path}[${elements.key}]`, depth: depth + 1 } }],
    );
  }
  const [from, to] = [asObject(given), asObject(wanted)];
  return from === undefined || to === undefined ? [] : faultsInKeys({ from, to, path, depth }, fit);
}

/** The pairs of elements of two lists, or of two tuples. Empty for a list and a tuple: no single element is to blame. */
function elementsOf(given: ListType, wanted: ListType): { key: string; given: DataType; wanted: DataType }[] {
  if (given.rest !== undefined && wanted.rest !== undefined) {
    return [{ key: "", given: elementOf(given), wanted: elementOf(wanted) }];
  }
  const isSameLength = given.rest === wanted.rest && given.least === wanted.least && given.most === wanted.most;
  if (!isSameLength) return [];
  return wanted.first.flatMap((element, index) => {
    const from = given.first[index];
    return from === undefined ? [] : [{ key: String(index), given: from(), wanted: element() }];
  });
}

interface Objects {
  readonly from: ObjectType;
  readonly to: ObjectType;
  readonly path: string;
  readonly depth: number;
}

function faultsInKeys({ from, to, path, depth }: Objects, fit: Assignability): Fault[] {
  const faults: Fault[] = [];
  for (const [key, needed] of to.fields) {
    const at = `${path}.${cut(key)}`;
    const fault = fieldFault(from, key, needed);
    const type = (from.fields.get(key)?.type ?? from.others)?.();
    if (fault !== undefined) {
      const values = { path: at, needed: showType(needed.type()) };
      faults.push({ key, is: formatMessage(fault === "missing" ? "keyMissing" : "keyMayBeMissing", values) });
    } else if (type !== undefined && !fit.fits(type, needed.type())) {
      faults.push({ key, is: { given: type, wanted: needed.type(), path: at, depth: depth + 1 } });
    }
  }
  for (const key of refusedKeys(from, to)) {
    faults.push({ key, is: formatMessage("keyNotTaken", { path: `${path}.${cut(key)}` }) });
  }
  return faults;
}

/** A union of objects as one object with their common keys, each with the union of its types. */
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

/* The same at the type level. The compiler evaluates these types only if an edge does not fit. */

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
export type FitsByAlias<TGiven, TNeeded, TAliases> = IsAssignable<TGiven, KeysOf<TNeeded, TAliases>>;

/** Where `TGiven` does not fit `TNeeded`, as one text: the compiler would print a union as its alias. */
export type MismatchText<TGiven, TNeeded> = FoundText<Faults<TGiven, TNeeded, "", [], []>>;

// Three texts, and one element for each further place, which is not examined. A tuple, since a union has neither an
// order nor a length.
type Texts = readonly unknown[];

type FoundText<TFound> = TFound extends readonly [infer T0, infer T1, infer T2, infer T3, ...infer TMore]
  ? `${T0 & string}, ${T1 & string}, ${T2 & string}, and ${[T3, ...TMore]["length"]} more`
  : TFound extends Texts
    ? JoinList<TFound, ", ">
    : never;

// Shows types as a whole at the sixth level, because a type that contains itself has no last level, and where no part
// of them is to blame, as with lists of different lengths.
type Faults<TGiven, TNeeded, TPath, TDepth extends 0[], TFound extends Texts> = TDepth["length"] extends 6
  ? Clash<TGiven, TNeeded, TPath, TFound>
  : [TGiven, TNeeded] extends [readonly (infer TGivenElement)[], readonly (infer TNeededElement)[]]
    ? [number, number] extends [Length<TGiven>, Length<TNeeded>]
      ? IsAssignable<TGivenElement, TNeededElement> extends true
        ? Clash<TGiven, TNeeded, TPath, TFound>
        : Faults<TGivenElement, TNeededElement, `${TPath & string}[]`, [...TDepth, 0], TFound>
      : [Length<TGiven>, Length<TNeeded>] extends [Length<TNeeded>, Length<TGiven>]
        ? FaultsInside<TGiven, TNeeded, TPath, TDepth, TFound, BadPaths<TGiven, TNeeded, TPath, `${number}`>>
        : Clash<TGiven, TNeeded, TPath, TFound>
    : [TGiven, TNeeded, Extract<TGiven | TNeeded, readonly unknown[]>] extends [object, object, never]
      ? string extends keyof TNeeded
        ? Clash<TGiven, TNeeded, TPath, TFound>
        : FaultsInside<TGiven, TNeeded, TPath, TDepth, TFound, BadPaths<TGiven, TNeeded, TPath, string>>
      : Clash<TGiven, TNeeded, TPath, TFound>;

// `number`, except for a tuple.
type Length<TList> = TList extends { readonly length: infer TLength } ? TLength : never;

type Clash<TGiven, TNeeded, TPath, TFound extends Texts> = [...TFound, TypeMismatch<TGiven, TNeeded, TPath>];

// The paths of the keys to blame, before any other text, so that a wide row is not shown as a whole.
type BadPaths<TGiven, TNeeded, TPath, TKeys> = BadOf<
  KeyByPath<TNeeded, keyof TNeeded, TPath, TKeys>,
  TGiven,
  TNeeded,
  keyof TGiven,
  keyof TNeeded
>;

// For all keys in the order of their declaration: the compiler creates these texts in that order, and lists them in it
// later. The keys are a parameter, because the compiler would map each member of a union.
type KeyByPath<T, TAll, TPath, TKeys> = {
  [TKey in TAll as TKey extends TKeys ? KeyPath<T, TPath, TKey> : never]: TKey;
};

// All keys are parameters, because the cost of each `keyof` grows with the number of keys.
type BadOf<TKeyByPath, TGiven, TNeeded, TGivenKeys extends keyof TGiven, TNeededKeys extends keyof TNeeded> = {
  [TAt in keyof TKeyByPath]: TKeyByPath[TAt] extends infer TKey extends TNeededKeys
    ? TKey extends TGivenKeys
      ? undefined extends TGiven[TKey] | TNeeded[TKey]
        ? KeyFits<TGiven, TNeeded, TGivenKeys, TKey> extends true
          ? never
          : TAt
        : string extends TGivenKeys
          ? TAt
          : IsAssignable<TGiven[TKey], TNeeded[TKey]> extends true
            ? never
            : TAt
      : {} extends Pick<TNeeded, TKey>
        ? never
        : TAt
    : never;
}[keyof TKeyByPath];

// For keys that may be missing.
type KeyFits<TGiven, TNeeded, TGivenKeys, TKey extends keyof TGiven & keyof TNeeded> = IsAssignable<
  string extends TGivenKeys ? { [TOne in TKey]?: TGiven[TOne] } : Pick<TGiven, TKey>,
  Pick<TNeeded, TKey>
>;

type KeyPath<TNeeded, TPath, TKey> = [TNeeded] extends [readonly unknown[]]
  ? `${TPath & string}[${TKey & string}]`
  : `${TPath & string}.${TKey & string}`;

type KeyAt<TNeeded, TPath, TAt> = [TNeeded] extends [readonly unknown[]]
  ? TAt extends `${TPath & string}[${infer TKey}]`
    ? TKey
    : never
  : TAt extends `${TPath & string}.${infer TKey}`
    ? TKey
    : never;

type FaultsInside<TGiven, TNeeded, TPath, TDepth extends 0[], TFound extends Texts, TBad> = [TBad] extends [never]
  ? Clash<TGiven, TNeeded, TPath, TFound>
  : FaultsInKeys<TGiven, TNeeded, TPath, TDepth, TFound, InOrder<TBad>>;

type FaultsInKeys<TGiven, TNeeded, TPath, TDepth extends 0[], TFound extends Texts, TBad> = TFound extends readonly [
  unknown,
  unknown,
  unknown,
  ...unknown[],
]
  ? TBad extends Texts
    ? [...TFound, ...TBad]
    : never
  : TBad extends [infer TAt, ...infer TMore]
    ? FaultsAtKey<TGiven, TNeeded, KeyAt<TNeeded, TPath, TAt>, TAt, TDepth, TFound> extends infer TNow extends Texts
      ? FaultsInKeys<TGiven, TNeeded, TPath, TDepth, TNow, TMore>
      : never
    : TFound;

type FaultsAtKey<TGiven, TNeeded, TKey, TPath, TDepth extends 0[], TFound extends Texts> = TKey extends keyof TGiven &
  keyof TNeeded
  ? {} extends Pick<TGiven, string extends keyof TGiven ? string : TKey>
    ? {} extends Pick<TNeeded, TKey>
      ? Faults<Exclude<TGiven[TKey], undefined>, Exclude<TNeeded[TKey], undefined>, TPath, [...TDepth, 0], TFound>
      : [...TFound, MessageText<"keyMayBeMissing", { path: TPath; needed: Show<TNeeded[TKey]> }>]
    : Faults<
        TGiven[TKey],
        {} extends Pick<TNeeded, TKey> ? Exclude<TNeeded[TKey], undefined> : TNeeded[TKey],
        TPath,
        [...TDepth, 0],
        TFound
      >
  : [...TFound, MessageText<"keyMissing", { path: TPath; needed: Show<TNeeded[TKey & keyof TNeeded]> }>];

export type TypeMismatch<TGiven, TNeeded, TPath> = MessageText<
  "mismatch",
  { path: TPath extends "" ? "the whole payload" : TPath; given: Show<TGiven>; needed: Show<TNeeded> }
>;
