import type { DataType, Field, Lazily, ListType, ObjectType, UnionType, ValuesType } from "./data-type.ts";
import type { AnyJson } from "./show-type.ts";

/*
 * Whether one type is assignable to another, as TypeScript decides it, with two exceptions: unknown types fit, and
 * objects do not fit if they have keys that are certainly rejected.
 */

const deepest = 200;
/** Limits the comparisons for one graph; beyond it, types are assumed to fit. */
const mostSteps = 1_000_000;
/** Limits the combinations of discriminants (25 in TypeScript); beyond it, the type is assumed to fit. */
const mostSplits = 100;

/** Compares types, each pair once. */
export class Assignability {
  /** By given and wanted type. A pair still being compared is assumed to fit; the comparison in progress decides. */
  readonly #known = new Map<DataType, Map<DataType, boolean>>();
  readonly #split = new Map<ObjectType, Map<UnionType, readonly DataType[] | undefined>>();
  /** Pairs found to fit, in order: if a pair turns out not to fit, the results that assumed it are discarded. */
  readonly #trail: (readonly [DataType, DataType])[] = [];
  #steps = 0;
  #depth = 0;

  /**
   * @example
   * new Assignability().fits(readSchema({ type: "string" }), readSchema({ type: ["string", "null"] })) // true
   */
  fits(given: DataType, wanted: DataType): boolean {
    if (given === wanted || given.kind === "any" || wanted.kind === "any") return true;
    if (given.kind !== "object" && given.kind !== "list" && given.kind !== "union" && wanted.kind !== "union") {
      return scalarFits(given, wanted);
    }
    const known = this.#known.get(given)?.get(wanted);
    if (known !== undefined) return known;
    if (this.#depth > deepest || ++this.#steps > mostSteps) return true;
    const mark = this.#trail.length;
    this.#remember(given, wanted, true);
    this.#depth++;
    const verdict = this.#judge(given, wanted);
    this.#depth--;
    if (!verdict) {
      for (const [from, to] of this.#trail.splice(mark)) this.#known.get(from)?.delete(to);
      this.#remember(given, wanted, false);
    }
    return verdict;
  }

  #remember(given: DataType, wanted: DataType, verdict: boolean): void {
    const verdicts = this.#known.get(given);
    if (verdicts === undefined) this.#known.set(given, new Map([[wanted, verdict]]));
    else verdicts.set(wanted, verdict);
    if (verdict) this.#trail.push([given, wanted]);
  }

  #judge(given: DataType, wanted: DataType): boolean {
    if (given.kind === "union") return given.members.every((member) => this.fits(member, wanted));
    if (wanted.kind === "union") return this.#fitsUnion(given, wanted);
    if (given.kind === "object" && wanted.kind === "object") return this.#objectFits(given, wanted);
    return given.kind === "list" && wanted.kind === "list" && this.#listFits(given, wanted);
  }

  /** Fits one of the members; or, split by discriminants, each alternative fits some member. */
  #fitsUnion(given: DataType, wanted: UnionType): boolean {
    if (this.#fitsAMember(given, wanted)) return true;
    if (given.kind === "values" && given.values.length > 1) {
      return given.values.every((value) => this.#fitsAMember({ kind: "values", values: [value] }, wanted));
    }
    if (given.kind !== "object") return false;
    const ways = this.#waysToBe(given, wanted);
    return ways === undefined || (ways.length > 1 && ways.every((way) => this.#fitsAMember(way, wanted)));
  }

  #fitsAMember(given: DataType, { members }: UnionType): boolean {
    return members.some((member) => this.fits(given, member));
  }

  /** Splits `{ k: "a" | "b" }` into `{ k: "a" }` and `{ k: "b" }`, by the keys that discriminate the members. */
  #waysToBe(given: ObjectType, wanted: UnionType): readonly DataType[] | undefined {
    const known = this.#split.get(given);
    if (known?.has(wanted)) return known.get(wanted);
    const ways = split(given, wanted);
    if (known === undefined) this.#split.set(given, new Map([[wanted, ways]]));
    else known.set(wanted, ways);
    return ways;
  }

  #objectFits(given: ObjectType, wanted: ObjectType): boolean {
    for (const [key, needed] of wanted.fields) {
      if (fieldFault(given, key, needed) !== undefined) return false;
      const type = given.fields.get(key)?.type ?? given.others;
      if (type !== undefined && !this.#lazilyFits(type, needed.type)) return false;
    }
    if (refusedKeys(given, wanted).length > 0) return false;
    const { others } = wanted;
    if (others === undefined) return true;
    for (const [key, { type }] of given.fields) {
      if (!wanted.fields.has(key) && !this.#lazilyFits(type, others)) return false;
    }
    return given.others === undefined || this.#lazilyFits(given.others, others);
  }

  #listFits(given: ListType, wanted: ListType): boolean {
    if (wanted.first.length === 0 && wanted.rest !== undefined) {
      const element = wanted.rest();
      return [...given.first, given.rest].every((read) => read === undefined || this.fits(read(), element));
    }
    if (!lengthFits(given, wanted)) return false;
    const named = Math.max(given.first.length, wanted.first.length);
    for (let index = 0; index < Math.min(named, given.most); index++) {
      const [from, to] = [given.first[index] ?? given.rest, wanted.first[index] ?? wanted.rest];
      if (from !== undefined && to !== undefined && !this.#lazilyFits(from, to)) return false;
    }
    return given.rest === undefined || wanted.rest === undefined || this.#lazilyFits(given.rest, wanted.rest);
  }

  #lazilyFits(given: Lazily, wanted: Lazily): boolean {
    return given === wanted || this.fits(given(), wanted());
  }
}

function scalarFits(given: DataType, wanted: DataType): boolean {
  if (given.kind !== "values") return given.kind === wanted.kind;
  if (wanted.kind === "values") return given.values.every((value) => wanted.values.includes(value));
  // excludes null, whose typeof is "object"
  return given.values.every((value) => value !== null && typeof value === wanted.kind);
}

/** Whether a needed key is missing or may be missing, regardless of its type. */
export function fieldFault(given: ObjectType, key: string, needed: Field): "missing" | "maybe" | undefined {
  if (needed.optional) return undefined;
  const field = given.fields.get(key);
  if (field !== undefined) return field.optional ? "maybe" : undefined;
  if (given.others === undefined) return "missing";
  return given.others().kind === "any" ? undefined : "maybe";
}

/** The keys that are always present and always rejected. */
export function refusedKeys(given: ObjectType, wanted: ObjectType): readonly string[] {
  if (!wanted.closed) return [];
  return [...given.fields].flatMap(([key, { optional }]) => (optional || wanted.fields.has(key) ? [] : [key]));
}

/** Relevant only for lists with separate types for their first elements. */
function lengthFits(given: ListType, wanted: ListType): boolean {
  return given.least >= wanted.least && given.most <= wanted.most;
}

function split(given: ObjectType, wanted: UnionType): readonly DataType[] | undefined {
  const telling = keysThatTellApart(wanted);
  let ways: readonly (readonly (readonly [string, Field])[])[] = [[]];
  for (const [key, field] of given.fields) {
    const choices = telling.has(key) ? waysOf(field) : [field];
    ways = ways.flatMap((way) =>
      choices.map((choice) => (choice === undefined ? way : [...way, [key, choice] as const])),
    );
    if (ways.length > mostSplits) return undefined;
  }
  return ways.map((fields) => ({ ...given, fields: new Map(fields) }));
}

/** A single object in the union needs no discriminant. */
function keysThatTellApart({ members }: UnionType): ReadonlySet<string> {
  const objects = members.filter((member) => member.kind === "object");
  return new Set(objects.length < 2 ? [] : objects.flatMap(({ fields }) => [...fields.keys()]));
}

/** `undefined` means that the key is absent. */
function waysOf({ type, optional }: Field): readonly (Field | undefined)[] {
  const is = type();
  const members = is.kind === "union" ? is.members : [is];
  const single = members.flatMap((member): readonly DataType[] =>
    member.kind === "values"
      ? member.values.map((value): ValuesType => ({ kind: "values", values: [value] }))
      : [member],
  );
  const fields = single.map((one): Field => ({ type: () => one, optional: false }));
  return optional ? [undefined, ...fields] : fields;
}

/* The same at the type level. */

/**
 * `[TA] extends [TB]`, and where that is false, whether the values fit once they are JSON. An alias that receives
 * resolved types: written inline where the accumulated nodes are in scope, the tuple is deferred, takes all nodes into
 * its mapper, and the whole chain costs more than twice as much.
 */
export type IsAssignable<TA, TB> = [TA] extends [TB] ? true : [TA] extends [Accepted<TB>] ? true : false;

// What JSON a type accepts: a list whether or not it is read-only, an absent key where any key may be, and any JSON
// where it accepts any. TypeScript refuses the second under `exactOptionalPropertyTypes`.
type Accepted<T> = AnyJson extends T ? unknown : AcceptedInside<T>;
type AcceptedInside<T> = {
  readonly [TKey in keyof T]: Accepted<T[TKey]> | (string extends TKey ? undefined : never);
};
