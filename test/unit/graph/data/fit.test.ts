import { describe, expect, it } from "vitest";
import * as z from "zod";
import type { DataType } from "../../../../src/graph/data/data-type.ts";
import { Assignability } from "../../../../src/graph/data/fit.ts";
import { mismatchText } from "../../../../src/graph/data/mismatch.ts";
import { storedType, wireType } from "../../../../src/graph/data/zod-data.ts";

const textOf = (given: DataType, wanted: DataType) => mismatchText(given, wanted, new Assignability());
const mismatchOf = (output: z.ZodType, input: z.ZodType) => textOf(storedType(output), wireType(input));

const a = z.object({ a: z.string() });
const b = z.object({ b: z.number() });
const node = z.object({
  value: z.string(),
  get next() {
    return node.nullable();
  },
});
const numbered = z.object({
  value: z.number(),
  get next() {
    return numbered.nullable();
  },
});
const shape = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("circle"), radius: z.number() }),
  z.object({ kind: z.literal("square"), side: z.number() }),
]);
const minutes = z.codec(z.string(), z.number(), { decode: Number, encode: String });

describe("fits", () => {
  it.each<[string, z.ZodType, z.ZodType]>([
    ["the same", a, a],
    ["a number for an integer: which numbers is not compared", z.number(), z.int()],
    ["a number for one in a range", z.number(), z.number().min(5)],
    ["text for text in a format", z.string(), z.email()],
    ["more keys than needed", a.extend({ b: z.string() }), a],
    ["an optional key that is absent", z.object({}), a.partial()],
    [
      "an optional key that is refused when it is there",
      a.extend({ b: z.string().optional() }),
      z.strictObject(a.shape),
    ],
    ["a key that a default fills", z.object({ a: z.string().default("") }), a],
    ["a key that a default fills, deep inside", z.array(z.object({ a: z.string().prefault("") })), z.array(a)],
    ["a missing key where a default stands", z.object({}), z.object({ a: z.string().default("") })],
    ["one of the values", z.literal("a"), z.enum(["a", "b"])],
    ["a value of the type", z.enum(["a", "b"]), z.string()],
    ["values of several types", z.literal(["a", 1, null]), z.union([z.string(), z.number(), z.null()])],
    ["a boolean for both of its values", z.boolean(), z.literal([true, false])],
    ["a boolean for a union of its values", z.boolean(), z.union([z.literal(true), z.literal(false)])],
    ["a part of a union", z.string(), z.union([z.string(), z.number()])],
    ["all parts of a union", z.nullable(z.string()), z.union([z.null(), z.number(), z.string()])],
    ["what may be null", z.nullable(z.string()), z.nullable(z.string())],
    ["anything taken", z.string(), z.unknown()],
    ["a list in a list", z.array(z.array(z.int())), z.array(z.array(z.number()))],
    ["a tuple for a list", z.tuple([z.string(), z.number()]), z.array(z.union([z.string(), z.number()]))],
    ["a tuple for itself", z.tuple([z.string(), z.number()]), z.tuple([z.string(), z.number()])],
    ["a tuple with a rest of nothing", z.tuple([z.string()], z.never()), z.tuple([z.string()])],
    ["a tuple with a rest", z.tuple([z.string()], z.number()), z.tuple([z.string()], z.number())],
    ["a longer tuple for a rest", z.tuple([z.string(), z.number()]), z.tuple([z.string()], z.number())],
    ["a record for a record", z.record(z.string(), z.int()), z.record(z.string(), z.number())],
    ["an object for a record", z.object({ a: z.int(), b: z.int().optional() }), z.record(z.string(), z.number())],
    ["a record for optional keys", z.record(z.string(), z.string()), a.partial()],
    ["a record of named keys for an object", z.record(z.enum(["a"]), z.string()), a],
    ["an object for a record of named keys", a, z.record(z.enum(["a"]), z.string())],
    ["an object for a record of some named keys", a, z.partialRecord(z.enum(["a", "c"]), z.string())],
    ["a catchall for a record", a.catchall(z.string()), z.record(z.string(), z.string())],
    ["two objects at once", z.intersection(a, b), z.object({ a: z.string(), b: z.number() })],
    ["an object for two at once", z.object({ a: z.string(), b: z.number() }), z.intersection(a, b)],
    ["an intersection with a union", z.intersection(a, z.union([b, z.object({ c: z.null() })])), a],
    ["a branded type", z.string().brand("Id"), z.string()],
    ["text for a branded type", z.string(), z.string().brand("Id")],
    ["the wire of a codec", z.object({ at: minutes }), z.object({ at: minutes })],
    ["the wire of a codec as text", z.object({ at: minutes }), z.object({ at: z.string() })],
    ["whatever is converted", z.string(), z.coerce.number()],
    ["whatever is converted, in a key", z.object({ n: z.string() }), z.object({ n: z.coerce.number() })],
    ["whatever is caught", z.string(), z.number().catch(0)],
    ["whatever a function makes something of", z.string(), z.preprocess(Number, z.number())],
    ["a missing key that is caught", z.object({}), z.object({ n: z.number().catch(0) })],
    ["what no schema describes", z.string(), z.custom<number>()],
    ["read-only", z.array(z.string()).readonly(), z.array(z.string())],
    ["itself within itself", node, node],
    ["all JSON", z.json(), z.json()],
    ["any value in JSON", z.object({ x: z.array(a) }), z.object({ x: z.json() })],
    ["each way of a union", shape, shape],
    ["one way of a union", z.object({ kind: z.literal("circle"), radius: z.number() }), shape],
    ["a key of two values for a way each", z.object({ k: z.enum(["a", "b"]) }), union("a", "b")],
    ["a boolean key for a way each", z.object({ k: z.boolean() }), union(true, false)],
    ["a key that may be null for a way each", z.object({ k: z.literal("a").nullable() }), union("a", null)],
  ])("%s", (_, output, input) => {
    expect(mismatchOf(output, input)).toBeUndefined();
  });
});

function union(...values: (string | boolean | null)[]) {
  return z.union(values.map((value) => z.object({ k: z.literal(value) })));
}

describe("does not fit", () => {
  it.each<[z.ZodType, z.ZodType, string]>([
    [z.string(), z.number(), "the whole payload is string, needs number"],
    [
      z.object({ a: z.object({ b: z.string() }) }),
      z.object({ a: z.object({ b: z.null() }) }),
      ".a.b is string, needs null",
    ],
    [z.null(), z.object({}), "the whole payload is null, needs {}"],
    [z.string(), z.date(), "the whole payload is string, needs never"],
    [z.object({ a: z.string() }), z.object({ a: z.bigint().nullable() }), ".a is string, needs null"],
    [
      z.record(z.enum(["a", "b"]), z.string()),
      z.partialRecord(z.enum(["a", "c"]), z.string()),
      "unexpected key .b (its schema accepts no other keys)",
    ],
    [z.object({}), a, ".a is missing (needs string)"],
    [a.partial(), a, ".a may be missing (needs string)"],
    [z.object({}), z.object({ a: z.unknown() }), ".a is missing (needs unknown)"],
    [a.extend({ b: z.string() }), z.strictObject(a.shape), "unexpected key .b (its schema accepts no other keys)"],
    [
      z.object({ a: z.int(), b: z.int() }),
      a.extend(b.shape).extend({ c: z.null() }),
      ".a is number, needs string, .c is missing (needs null)",
    ],
    [z.object({ a: z.int().optional() }), a.partial(), ".a is number, needs string"],
    [z.object({ a: z.int().default(1) }), a, ".a is number, needs string"],
    [z.enum(["a", "c"]), z.enum(["a", "b"]), 'the whole payload is "a" | "c", needs "a" | "b"'],
    [z.string(), z.enum(["a", "b"]), 'the whole payload is string, needs "a" | "b"'],
    [z.literal(1), z.literal(2), "the whole payload is 1, needs 2"],
    [z.boolean(), z.literal(true), "the whole payload is boolean, needs true"],
    [z.object({ a: z.union([z.string(), z.number()]) }), a, ".a is string | number, needs string"],
    [z.object({ a: z.nullable(z.string()) }), a, ".a is string | null, needs string"],
    [z.object({ a: z.null().or(z.string()) }), a, ".a is string | null, needs string"],
    [z.boolean(), z.union([z.string(), z.number()]), "the whole payload is boolean, needs string | number"],
    [z.array(z.string()), z.array(z.number()), "[] is string, needs number"],
    [z.array(z.nullable(z.string())), z.string(), "the whole payload is (string | null)[], needs string"],
    [z.tuple([z.string(), z.number()]), z.array(z.string()), "the whole payload is [string, number], needs string[]"],
    [
      z.tuple([z.string(), z.number()]),
      z.tuple([z.number(), z.string()]),
      "[0] is string, needs number, [1] is number, needs string",
    ],
    [z.array(z.string()), z.tuple([z.string()]), "the whole payload is string[], needs [string]"],
    [
      z.tuple([z.string()], z.number()),
      z.tuple([z.string()]),
      "the whole payload is [string, ...number[]], needs [string]",
    ],
    [
      z.object({}),
      z.object(Object.fromEntries(Array.from({ length: 29 }, (_, index) => [`k${index}`, z.string()]))),
      ".k0 is missing (needs string), .k1 is missing (needs string), .k10 is missing (needs string), and 26 more",
    ],
    [
      z.object({ one: z.object({}), two: z.object({}) }),
      z.object({ one: z.object({ a: a, b: a, c: a, d: a }), two: z.object({ a: a, b: a }) }),
      ".one.a is missing (needs { a: string }), .one.b is missing (needs { a: string }), .one.c is missing (needs { a: string }), and 2 more",
    ],
    [
      z.record(z.string(), z.string()),
      z.record(z.string(), z.number()),
      "the whole payload is { [key: string]: string }, needs { [key: string]: number }",
    ],
    [z.record(z.string(), z.string()), a, ".a may be missing (needs string)"],
    [a, z.record(z.string(), z.number()), "the whole payload is { a: string }, needs { [key: string]: number }"],
    [z.object({}), z.record(z.enum(["a"]), z.string()), ".a is missing (needs string)"],
    [z.intersection(a, b), z.object({ a: z.string(), b: z.string() }), ".b is number, needs string"],
    [a, z.intersection(a, b), ".b is missing (needs number)"],
    [z.string().brand("Id"), z.number(), "the whole payload is string, needs number"],
    [z.object({ at: minutes }), z.object({ at: z.number() }), ".at is string, needs number"],
    [z.object({ n: z.coerce.number() }), z.object({ n: z.string() }), ".n is number, needs string"],
    [
      node,
      numbered,
      ".value is string, needs number, .next is { value: string, next: ... } | null, needs { value: number, next: ... } | null",
    ],
    [
      z.object({ kind: z.literal("circle"), radius: z.string() }),
      shape,
      'the whole payload is { kind: "circle", radius: string }, needs { kind: "circle", radius: number } | { kind: "square", side: number }',
    ],
    [shape, z.object({ kind: z.string(), radius: z.number() }), ".radius is missing (needs number)"],
    [z.object({ k: z.enum(["a", "b", "c"]) }), union("a", "b"), '.k is "a" | "b" | "c", needs "a" | "b"'],
    [
      z.json(),
      z.string(),
      "the whole payload is string | number | boolean | (...)[] | { [key: string]: ... } | null, needs string",
    ],
    [
      z.object({ a: z.object({ b: z.object({ c: z.null() }) }) }),
      z.object({ a: z.string() }),
      ".a is { b: { c: null } }, needs string",
    ],
    [
      z.object({ a: z.object({ b: z.object({ c: z.object({ d: z.null() }) }) }) }),
      z.object({ a: z.string() }),
      ".a is { b: { c: { ... } } }, needs string",
    ],
  ])("%#", (output, input, text) => {
    expect(mismatchOf(output, input)).toBe(text);
  });
});
