import { describe, expect, test } from "vitest";
import * as z from "zod";
import { NotJsonError } from "../../../../src/core/codec/index.ts";
import { closednessOf, WireCodec } from "../../../../src/core/codec/wire-codec.ts";
import type { Json } from "../../../../src/errors/index.ts";

const date = z.codec(z.iso.datetime(), z.date(), {
  decode: (text) => new Date(text),
  encode: (at) => at.toISOString(),
});
interface Tree {
  readonly children: readonly Tree[];
}
const tree: z.ZodType<Tree> = z.object({
  get children() {
    return z.array(tree);
  },
});

const closed: Readonly<Record<string, [z.ZodType, unknown]>> = {
  object: [z.object({ a: z.string(), b: z.object({ c: z.number() }) }), { a: "x", b: { c: 1 } }],
  "strict object": [z.strictObject({ a: z.string() }), { a: "x" }],
  "object with a catchall": [z.object({ a: z.string() }).catchall(z.array(z.number())), { a: "x", more: [1] }],
  array: [z.array(z.array(z.int())), [[1], [2]]],
  tuple: [z.tuple([z.string(), z.object({ a: z.number() })], z.array(z.number())), ["x", { a: 1 }, [1]]],
  record: [z.record(z.string(), z.array(z.string())), { a: ["x"] }],
  union: [z.union([z.object({ a: z.string() }), z.array(z.number())]), { a: "x" }],
  "discriminated union": [
    z.discriminatedUnion("k", [z.object({ k: z.literal("a"), v: z.array(z.null()) })]),
    { k: "a", v: [null] },
  ],
  nullable: [z.nullable(z.object({ a: z.boolean() })), { a: true }],
  default: [z.object({ a: z.array(z.number()).default([1]) }), { a: [2] }],
  readonly: [z.object({ a: z.array(z.number()).readonly() }), { a: [1] }],
  lazy: [z.lazy(() => z.object({ a: z.array(z.string()) })), { a: ["x"] }],
  refined: [z.object({ a: z.array(z.number()) }).refine(({ a }) => a.length > 0), { a: [1] }],
  "one schema at two places": [
    z.object({ a: date, b: date }),
    { a: "2026-11-24T12:00:00.000Z", b: "2026-11-24T12:00:00.000Z" },
  ],
  "optional key": [z.object({ a: z.array(z.number()).optional(), b: z.string().optional() }), { a: [1] }],
  "readonly with an optional key": [z.object({ a: z.array(z.number()).optional() }).readonly(), { a: [1] }],
  enum: [z.object({ a: z.enum(["x", "y"]), b: z.literal([1, "z", null]) }), { a: "x", b: null }],
  "codec inside": [z.object({ at: date, more: z.array(date) }), { at: "2026-11-24T12:00:00.000Z", more: [] }],
};

/** Every object and array in a value. */
function parts(value: unknown): object[] {
  return typeof value === "object" && value !== null && !(value instanceof Date)
    ? [value, ...Object.values(value).flatMap(parts)]
    : [];
}

describe("a closed schema", () => {
  for (const [name, [schema, wire]] of Object.entries(closed)) {
    test(`${name}: zod creates new objects and arrays, in decode and in encode`, () => {
      expect(closednessOf(schema).closed).toBe(true);
      const before = structuredClone(wire);
      const decoded = z.decode(schema, wire);
      const encoded = z.encode(schema, decoded);
      expect(encoded).toEqual(before);
      for (const [from, to] of [
        [wire, decoded],
        [decoded, encoded],
      ]) {
        const old = new Set(parts(from));
        expect(parts(to).filter((part) => old.has(part))).toEqual([]);
      }
    });
  }

  test("its values are JSON: nothing is lost in a round trip through text", () => {
    for (const [schema, wire] of Object.values(closed)) {
      const encoded = z.encode(schema, z.decode(schema, wire));
      expect(JSON.parse(JSON.stringify(encoded))).toStrictEqual(encoded);
    }
  });
});

test("a key that a handler sets to undefined is not in the JSON", () => {
  const Item = z.object({ a: z.string().optional(), more: z.array(z.object({ b: z.int().optional() })).readonly() });
  const codec = new WireCodec(Item);
  const wire = (value: z.input<typeof Item>) => JSON.stringify(codec.encode(value));
  for (const [value, text] of [
    [{ a: undefined, more: [] }, '{"more":[]}'],
    [{ more: [{ b: 1 }, { b: undefined }] }, '{"more":[{"b":1},{}]}'],
    [{ a: "x", more: [{}] }, '{"a":"x","more":[{}]}'],
  ] as const) {
    expect(wire(value)).toBe(text);
    expect(codec.encode(value)).toStrictEqual(JSON.parse(text));
  }
});

const Part = z.object({ b: z.int().optional() });

test.for<[string, z.ZodType, (part: unknown) => unknown]>([
  ["an object", z.object({ a: z.string().min(1), part: Part }), (part) => ({ a: "x", part })],
  ["an optional key", z.object({ part: Part.optional() }), (part) => ({ part })],
  ["other keys", z.object({ a: z.string() }).catchall(Part), (part) => ({ a: "x", part })],
  ["a list", z.array(Part).min(1), (part) => [{}, part]],
  ["a list of lists", z.array(z.array(Part)), (part) => [[], [part]]],
  ["a tuple", z.tuple([z.string(), Part]), (part) => ["x", part]],
  ["the rest of a tuple", z.tuple([z.string()], Part), (part) => ["x", part]],
  ["a record", z.record(z.string(), Part), (part) => ({ x: part })],
  ["a union", z.union([z.string(), Part]), (part) => part],
  [
    "a tagged union",
    z.object({ a: z.discriminatedUnion("k", [Part.extend({ k: z.literal(1) })]) }),
    (part) => ({ a: { k: 1, ...(part as object) } }),
  ],
  ["a nullable value", z.nullable(Part), (part) => part],
  ["a default", z.object({ part: Part.default({}) }), (part) => ({ part })],
  ["a lazy schema", z.lazy(() => Part), (part) => part],
  ["what is piped", z.array(Part).pipe(z.array(Part)), (part) => [part]],
])("an undefined key is not in the JSON inside %s", ([, schema, around]) => {
  const codec = new WireCodec(schema);
  expect(JSON.stringify(codec.encode(around({ b: 1 })))).toContain('"b":1');
  expect(codec.encode(around({ b: undefined }))).toStrictEqual(JSON.parse(JSON.stringify(around({}))));
});

describe("a schema is not closed if it accepts", () => {
  test.for<[string, z.ZodType]>([
    ["is anything", z.unknown()],
    ["has unknown keys", z.looseObject({ a: z.string() })],
    ["has unchecked keys in a record", z.looseRecord(z.string().startsWith("x"), z.string())],
    ["has anything inside", z.object({ a: z.array(z.any()) })],
    ["is a Date", z.object({ at: z.date() })],
    ["is a bigint", z.array(z.bigint())],
    ["is a Map", z.map(z.string(), z.number())],
    ["is a Set", z.set(z.string())],
    ["is undefined in a list", z.array(z.string().optional())],
    ["is undefined under any key", z.object({}).catchall(z.string().optional())],
    ["is undefined in a record", z.record(z.string(), z.string().optional())],
    ["is undefined by a union under a key", z.object({ a: z.union([z.string(), z.undefined()]) })],
    ["is undefined itself", z.undefined()],
    ["is a literal that is not JSON", z.literal([undefined, "a"])],
    ["is a custom type", z.custom<string>()],
    ["is of two schemas at once", z.intersection(z.object({ a: z.unknown() }), z.object({ b: z.string() }))],
    ["is replaced by a check", z.array(z.number()).overwrite((list) => list)],
    ["is anything before it is decoded", z.codec(z.unknown(), z.string(), { decode: String, encode: (text) => text })],
    ["is recursive", tree],
    ["is any JSON, of any depth", z.json()],
    ["falls back to a value", z.object({ a: z.number() }).catch({ a: 1 })],
    [
      "is a recursion with anything in it",
      z.object({
        get next() {
          return z.union([z.null(), z.object({ x: z.unknown() })]);
        },
      }),
    ],
  ])("%s", ([, schema]) => {
    expect(closednessOf(schema).closed).toBe(false);
  });
});

test("a value that a loose record does not check is JSON, and a copy", () => {
  const codec = new WireCodec(z.looseRecord(z.string().startsWith("x"), z.number()));
  const list = [1];
  const encoded = codec.encode({ x: 1, list });
  list.push(2);
  expect(encoded).toEqual({ x: 1, list: [1] });
  for (const value of [1n, new Date(0)]) expect(() => codec.encode({ value })).toThrow(NotJsonError);
});

describe("a symmetric schema", () => {
  const Row = z.object({
    a: z.string().min(1).regex(/^x/),
    b: z.array(z.int().positive()).max(2),
    c: z.email().optional(),
  });
  const Item = z.discriminatedUnion("kind", [
    Row.extend({ kind: z.literal("row") }),
    z.object({ kind: z.enum(["p", "q"]) }),
  ]);
  const values: readonly unknown[] = [
    { kind: "row", a: "x", b: [1, 2], c: "ada@example.org" },
    { kind: "row", a: "x", b: [], more: 1 },
    { kind: "row", a: "x", b: [], c: undefined },
    { kind: "p" },
    { kind: "row", a: "y", b: [1, 2, 3] },
    { kind: "row", a: "", b: [-1], c: "" },
    { kind: "r" },
    { a: "x", b: [] },
    null,
  ];

  test("is encoded as zod does, without a second pass", () => {
    for (const schema of [Item, z.array(Item), z.union([Row, Item]), z.nullable(Item), z.tuple([Item])]) {
      expect(closednessOf(schema)).toEqual({ closed: true, symmetric: true });
      const wrapped = (value: unknown) =>
        schema instanceof z.ZodArray || schema instanceof z.ZodTuple ? [value] : value;
      for (const value of values.map(wrapped)) {
        const expected = z.safeEncode(schema, value as never);
        const encode = () => new WireCodec(schema).encode(value);
        if (expected.success) expect(encode()).toEqual(expected.data);
        else expect(encode).toThrow();
      }
    }
    let reads = 0;
    const counted = {
      get a() {
        reads++;
        return "x";
      },
    };
    expect(new WireCodec(z.array(Row.pick({ a: true })).max(1)).encode([counted])).toEqual([{ a: "x" }]);
    expect(reads).toBe(1);
  });

  test.for<[string, z.ZodType]>([
    ["has a default", z.object({ a: z.string().default("") })],
    ["has a codec inside", z.object({ at: date })],
    ["becomes read-only", z.array(z.string()).readonly()],
    ["has a check of its own", z.object({ a: z.string() }).refine(({ a }) => a !== "")],
    ["has a check that changes it", z.string().trim()],
    ["is not closed", z.object({ a: z.unknown() })],
  ])("not one that %s", ([, schema]) => {
    expect(closednessOf(schema).symmetric).toBe(false);
  });
});

describe("what a schema has encoded is what it decodes", () => {
  const Line = z.object({ sku: z.string().regex(/^[A-Z]/), count: z.int().min(1) });
  const State = z.union([
    z.object({ kind: z.literal("new") }),
    z.strictObject({ kind: z.literal("paid"), at: z.iso.date() }),
  ]);
  const Order = z.object({
    id: z.email().optional(),
    lines: z.array(Line).max(3),
    state: State,
    note: z.string().nullable(),
  });
  const order = { lines: [{ sku: "A1", count: 1, more: 1 }], state: { kind: "new", at: 1 }, note: null, more: {} };

  test.for<[string, z.ZodType, unknown]>([
    ["an object", Order, order],
    ["a list", z.array(Order).min(1), [order]],
    ["an object with other keys", Line.catchall(z.number()), { sku: "A", count: 1, other: 2 }],
    ["a union of kinds of values", z.union([z.string(), z.array(Line), Line, z.null()]), order.lines[0]],
    [
      "a tagged union",
      z.discriminatedUnion("kind", [z.object({ kind: z.enum(["p", "q"]) }), z.object({ kind: z.literal("r") })]),
      { kind: "q", r: 1 },
    ],
    ["a primitive", z.templateLiteral(["a", z.number()]), "a1"],
  ])("%s", ([, schema, value]) => {
    const codec = new WireCodec(schema);
    expect(codec.decodesAllOf(new WireCodec(schema))).toBe(true);
    const encoded = codec.encode(value) as Json;
    expect(codec.decode(encoded)).toStrictEqual(encoded);
    expect(JSON.stringify(codec.decode(encoded))).toBe(JSON.stringify(encoded));
  });

  test("but not what another has encoded, unless both are lists of the same", () => {
    const codecs = [z.array(Line), z.array(Line), z.array(Line).max(1), z.array(Order)].map(
      (schema) => new WireCodec(schema),
    );
    expect(codecs.map((codec) => codecs.map((other) => codec.decodesAllOf(other)))).toEqual([
      [true, true, false, false],
      [true, true, false, false],
      [false, false, true, false],
      [false, false, false, true],
    ]);
  });

  test.for<[string, z.ZodType, unknown]>([
    ["a format trims after the length was checked", z.string().min(11).url(), "  http://a.b"],
    [
      "an option matches once another has removed a key",
      z.union([z.strictObject({ a: z.coerce.string() }), z.object({ a: z.number() })]),
      { a: 1, b: 2 },
    ],
    [
      "an option has fewer keys than the one that matched first",
      z.union([z.object({ a: z.string(), c: z.number().optional() }), z.object({ a: z.string(), b: z.string() })]),
      { a: "x", b: "y", c: "z" },
    ],
  ])("unless %s", ([, schema, value]) => {
    const codec = new WireCodec(schema);
    const encoded = codec.encode(value) as Json;
    expect(z.safeDecode(schema, encoded as never).data).not.toEqual(encoded);
    expect(codec.decodesAllOf(codec)).toBe(false);
  });

  test.for<[string, z.ZodType]>([
    ["lists in a union", z.array(z.union([z.array(Line), z.array(z.strictObject({ sku: z.string() }))]))],
    ["a union in a union", z.union([z.nullable(Line), Line])],
    ["objects with the same tag", z.union([Line.extend({ k: z.literal("a") }), z.object({ k: z.enum(["a", "b"]) })])],
    [
      "a tag that may be missing",
      z.union([z.object({ k: z.literal("a").optional() }), z.object({ k: z.literal("b") })]),
    ],
    ["a default", z.object({ a: z.string().default("x") })],
    ["a check of the user's", z.string().refine((text) => text !== "")],
    ["a format of the user's", z.stringFormat("mine", (text) => text !== "")],
    ["a codec", z.object({ at: date })],
    ["anything", z.unknown()],
    ["a record", z.record(z.string(), Line)],
  ])("not known of %s", ([, schema]) => {
    const codec = new WireCodec(schema);
    expect(codec.decodesAllOf(codec)).toBe(false);
  });
});
