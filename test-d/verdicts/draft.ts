import { isDeepStrictEqual } from "node:util";
import type { $ZodType } from "zod/v4/core";
import { safeDecode } from "zod/v4/core";
import { samplesOf, schemaOf } from "./samples.ts";

/*
 * Schemas as trees, drawn from a seed: a tree is printed as the source of a zod schema, and varied slightly, because
 * two independently drawn schemas hardly ever fit.
 */

/** A schema before it is printed. */
export type Draft =
  | { readonly kind: "leaf"; readonly text: string }
  | { readonly kind: "method"; readonly of: Draft; readonly call: string }
  | { readonly kind: "list"; readonly of: Draft }
  | { readonly kind: "tuple"; readonly items: readonly Draft[]; readonly rest: Draft | undefined }
  | { readonly kind: "record"; readonly make: string; readonly of: Draft }
  | { readonly kind: "object"; readonly make: string; readonly fields: readonly FieldDraft[] }
  | { readonly kind: "union"; readonly members: readonly Draft[] }
  | { readonly kind: "tagged"; readonly members: readonly (readonly FieldDraft[])[] }
  | { readonly kind: "both"; readonly left: Draft; readonly right: Draft };

export interface FieldDraft {
  readonly key: string;
  readonly is: Draft;
  /** A method that determines whether the key is required: `.optional()`. */
  readonly presence: string;
}

/** Schemas of which only kinds, keys and values matter, so that a run agrees with the types. */
const plainLeaves = [
  ...["z.string()", "z.number()", "z.boolean()", "z.null()", "z.literal('a')", "z.enum(['a', 'b'])", "z.literal(1)"],
  ...["z.literal([1, 'a', null])", "z.literal(true)", "z.json()", "node", "numbered", "z.enum(['b', 'c', 'd'])"],
  ...["z.string().brand('Id')", "z.unknown()"],
] as const;

/** Schemas that reject values of their type, accept values of others, or convert them. */
const otherLeaves = [
  ...["z.int()", "z.int32()", "z.number().min(1)", "z.string().min(1)", "z.email()", "z.iso.datetime()", "z.any()"],
  ...[
    "z.templateLiteral(['v', z.int()])",
    "z.string().trim()",
    "z.coerce.number()",
    "z.coerce.string()",
    "z.stringbool()",
  ],
  ...["z.string().transform(Number)", "z.string().catch('')", "z.preprocess(String, z.string())", "z.custom<string>()"],
  ...["z.codec(z.string(), z.date(), { decode: (at) => new Date(at), encode: (at) => at.toISOString() })", "z.never()"],
  ...["z.codec(z.string(), z.number(), { decode: Number, encode: String })", "z.date()", "z.bigint()", "z.undefined()"],
  ...[
    "z.map(z.string(), z.number())",
    "z.set(z.string())",
    "z.nan()",
    "z.symbol()",
    "z.void()",
    "z.string().refine(Boolean)",
  ],
  ...["z.pipe(z.string(), z.string())", "z.literal(undefined)", "z.file()"],
] as const;

const presences = ["", "", "", ".optional()", ".nullish()", ".exactOptional()", "default", "prefault"] as const;
const keys = ["a", "b", "c", "d", "id", "content-type"] as const;
/** Keys that every object inherits. */
const inherited = ["toString", "constructor"] as const;

/** The choices from which a family of schemas is drawn. */
export interface Palette {
  /** Kinds, keys and values only. */
  readonly plain: boolean;
}

export class Drafts {
  readonly #random: () => number;
  readonly #plain: boolean;

  constructor(random: () => number, { plain }: Palette) {
    this.#random = random;
    this.#plain = plain;
  }

  draw(depth = 0): Draft {
    const kind = this.#below(depth >= 2 ? 3 : 14);
    const inner = () => this.draw(depth + 1);
    if (kind < 3) return this.#leaf();
    if (kind < 8) return { kind: "object", make: this.#objectMaker(), fields: this.#fields(depth) };
    if (kind === 8) return { kind: "list", of: inner() };
    if (kind === 9) return { kind: "union", members: [inner(), inner(), ...(this.#one(3) ? [inner()] : [])] };
    if (kind === 10) return this.#tagged(depth);
    if (kind === 11) return { kind: "tuple", items: [inner(), inner()], rest: this.#one(3) ? inner() : undefined };
    if (kind === 12) return { kind: "record", make: this.#recordMaker(), of: inner() };
    return this.#one(3) ? this.#both(depth) : { kind: "method", of: inner(), call: this.#method() };
  }

  /** A schema that differs from another in one position. */
  vary(draft: Draft, depth = 0): Draft {
    if (this.#one(6)) return { kind: "method", of: draft, call: this.#method() };
    if (this.#one(8))
      return this.#one(2) ? this.draw(depth) : { kind: "union", members: [draft, this.draw(depth + 1)] };
    switch (draft.kind) {
      case "leaf":
        return this.#leaf();
      case "method":
        return this.#one(2) ? draft.of : { ...draft, of: this.vary(draft.of, depth) };
      case "list":
        return { kind: "list", of: this.vary(draft.of, depth + 1) };
      case "record":
        return this.#one(4)
          ? { ...draft, make: this.#recordMaker() }
          : { ...draft, of: this.vary(draft.of, depth + 1) };
      case "tuple":
        if (this.#one(4)) return { ...draft, rest: draft.rest === undefined ? this.draw(depth + 1) : undefined };
        return { ...draft, items: this.#varyOne(draft.items, depth) };
      case "union":
        if (this.#one(3)) return { ...draft, members: draft.members.toReversed() };
        return { ...draft, members: this.#varyOne(draft.members, depth) };
      case "both":
        return { ...draft, left: this.vary(draft.left, depth + 1) };
      case "tagged": {
        const at = this.#below(draft.members.length);
        return { ...draft, members: draft.members.with(at, this.#varyFields(draft.members[at] ?? [], depth)) };
      }
      default:
        if (this.#one(6)) return { ...draft, make: this.#objectMaker() };
        return { ...draft, fields: this.#varyFields(draft.fields, depth) };
    }
  }

  #leaf(): Draft {
    const count = this.#size();
    if (count > 4) return { kind: "leaf", text: `z.enum([${this.#names(count).map((name) => `'${name}'`)}])` };
    return { kind: "leaf", text: this.#pick(this.#plain || this.#one(3) ? plainLeaves : otherLeaves) };
  }

  #fields(depth: number): readonly FieldDraft[] {
    const count = this.#size();
    const names = count > 4 ? this.#names(count) : this.#few();
    return names.map((key) => this.#field(key, count > 4 ? 3 : depth + 1));
  }

  #few(): readonly string[] {
    const some = keys.filter(() => this.#one(2));
    return this.#one(30) ? [...some, this.#pick(inherited)] : some;
  }

  #field(key: string, depth: number): FieldDraft {
    return { key, is: this.draw(depth), presence: this.#pick(presences) };
  }

  #varyFields(fields: readonly FieldDraft[], depth: number): readonly FieldDraft[] {
    const at = this.#below(fields.length);
    const field = fields[at];
    if (field === undefined || this.#one(5)) return [...fields, this.#field(`n${fields.length}`, depth + 2)];
    if (this.#one(5)) return fields.toSpliced(at, 1);
    if (this.#one(3)) return fields.with(at, { ...field, presence: this.#pick(presences) });
    return fields.with(at, { ...field, is: this.vary(field.is, depth + 1) });
  }

  #tagged(depth: number): Draft {
    return { kind: "tagged", members: [this.#fields(depth + 1), this.#fields(depth + 1)] };
  }

  #both(depth: number): Draft {
    const half = (prefix: string): Draft => ({
      kind: "object",
      make: "z.object",
      fields: [this.#field(`${prefix}a`, depth + 1), this.#field(`${prefix}b`, depth + 1)],
    });
    return { kind: "both", left: half("l"), right: half("r") };
  }

  #varyOne(items: readonly Draft[], depth: number): readonly Draft[] {
    const at = this.#below(items.length);
    const item = items[at];
    return item === undefined ? items : items.with(at, this.vary(item, depth + 1));
  }

  /** Keys of an object or members of an enum: mostly few, sometimes as many as a table has columns. */
  #size(): number {
    if (!this.#one(20)) return 0;
    return this.#one(3) ? 30 + this.#below(171) : 5 + this.#below(25);
  }

  #names(count: number): readonly string[] {
    return Array.from({ length: count }, (_, index) => `k${index}`);
  }

  readonly #objectMaker = () => this.#pick(["z.object", "z.object", "z.object", "z.strictObject", "z.looseObject"]);
  readonly #recordMaker = () =>
    this.#pick(["z.record(z.string(), ", "z.record(z.enum(['a', 'b']), ", "z.partialRecord(z.enum(['a', 'c']), "]);
  readonly #method = () => this.#pick([".nullable()", ".nullable()", ".readonly()"]);

  #below(count: number): number {
    return Math.floor(this.#random() * count);
  }
  #one(of: number): boolean {
    return this.#below(of) === 0;
  }
  #pick<T>(items: readonly T[]): T {
    return items[this.#below(items.length)] as T;
  }
}

/** The source of the schema. */
export function sourceOf(draft: Draft): string {
  switch (draft.kind) {
    case "leaf":
      return draft.text;
    case "method":
      return `${sourceOf(draft.of)}${draft.call}`;
    case "list":
      return `z.array(${sourceOf(draft.of)})`;
    case "tuple":
      return `z.tuple([${draft.items.map(sourceOf)}]${draft.rest === undefined ? "" : `, ${sourceOf(draft.rest)}`})`;
    case "record":
      return `${draft.make}${sourceOf(draft.of)})`;
    case "union":
      return `z.union([${draft.members.map(sourceOf)}])`;
    case "both":
      return `z.intersection(${sourceOf(draft.left)}, ${sourceOf(draft.right)})`;
    case "tagged":
      return `z.discriminatedUnion('kind', [${draft.members.map(
        (fields, index) => `z.object({ kind: z.literal('${"lr"[index]}'), ${fields.map(fieldSource).join(", ")} })`,
      )}])`;
    default:
      return `${draft.make}({ ${draft.fields.map(fieldSource).join(", ")} })`;
  }
}

function fieldSource({ key, is, presence }: FieldDraft): string {
  const schema = sourceOf(is);
  const name = /^\w+$/.test(key) ? key : `'${key}'`;
  if (presence !== "default" && presence !== "prefault") return `${name}: ${schema}${presence}`;
  const [value] = samplesOf(schemaOf(schema)).filter((sample) => isOwn(schemaOf(schema), sample));
  return value === undefined
    ? `${name}: ${schema}.optional()`
    : `${name}: ${schema}.${presence}(${JSON.stringify(value)} as never)`;
}

/** Whether a value is the same on the wire and decoded, so that it can be a default of either. */
function isOwn(schema: $ZodType, value: unknown): boolean {
  const decoded = safeDecode(schema, value);
  return decoded.success && isDeepStrictEqual(decoded.data, value);
}
