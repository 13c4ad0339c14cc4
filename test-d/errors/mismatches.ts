import * as z from "zod";
import type { Stored, Wire } from "../../src/dsl/model/schema.ts";
import type { MismatchText } from "../../src/graph/data/mismatch.ts";

const row = z.object({ id: z.string(), price: z.number() });
const text = z.object({ id: z.string() });
const wide = z.object({
  customerId: z.string(),
  shippingAddress: z.object({ street: z.string(), city: z.string(), country: z.string() }),
  orderLines: z.array(row),
});
const node = z.object({
  value: z.string(),
  get next() {
    return node.optional();
  },
});

const kind = <const TKind extends string>(...kinds: readonly TKind[]) =>
  z.object({ id: z.string(), kind: z.enum(kinds) });
const tens = z.union([kind("k10"), kind("k11", "k30"), kind("k12"), kind("k13"), kind("k14"), kind("k15")]);
const more = z.union([kind("k16"), kind("k17"), kind("k18"), kind("k19"), kind("k20"), kind("k21"), kind("k22")]);
const kinds = z.union([tens, more, kind("k23"), kind("k24"), kind("k25"), kind("k26")]);

/** The output of one node, and the different input of another. */
export const pairs = [
  // More kinds of objects than are shown. First in the list, since the compiler sorts literals by their first occurrence.
  [kinds, z.string()],
  [z.string(), z.object({ a: kinds })],
  [z.array(z.nullable(kinds)), z.array(kinds)],
  [z.string(), z.number()],
  [z.boolean(), z.string()],
  [z.null(), z.string()],
  [z.int(), z.null()],
  [z.literal("a"), z.literal("b")],
  [z.literal("a"), z.enum(["b", "c"])],
  [z.literal(1), z.boolean()],
  [z.nullable(z.string()), z.string()],
  [z.string(), z.nullable(z.number())],
  [z.object({ n: z.null() }), text],
  [z.object({ n: z.null() }), row],
  [text.partial(), text],
  [text, z.object({ id: z.number() })],
  [text.partial(), z.object({ id: z.number().optional() })],
  [z.object({ id: z.string().default("") }), z.object({ id: z.number() })],
  [z.object({ id: z.number().default(1) }), text.partial()],
  [z.object({ id: z.int(), price: z.string() }), row],
  [z.object({ rows: z.array(row) }), z.object({ rows: z.array(row.extend({ tag: z.string() })) })],
  [z.object({ rows: z.array(row) }), z.object({ rows: row })],
  [z.object({ row }), z.object({ row: z.array(row) })],
  [z.array(z.nullable(z.string())), z.string()],
  [z.array(z.array(z.string())), z.array(z.array(z.number()))],
  [z.object({ a: z.nullable(row) }), z.object({ a: row })],
  [z.object({ a: z.string() }), z.object({ a: row.partial() })],
  [z.object({ a: z.object({ b: z.object({ c: row }) }) }), z.object({ a: z.string() })],
  [
    z.object({ a: z.object({ b: z.object({ c: z.string() }) }) }),
    z.object({ a: z.object({ b: z.object({ c: z.null() }) }) }),
  ],
  [z.intersection(text, z.object({ n: z.number() })), z.object({ id: z.string(), n: z.string() })],
  [text, z.intersection(text, z.object({ n: z.number() }))],
  [z.string().brand("Id"), z.number()],
  [
    z.object({ at: z.codec(z.string(), z.date(), { decode: (at) => new Date(at), encode: String }) }),
    z.object({ at: z.number() }),
  ],
  [z.object({ k: z.literal("a"), n: z.string() }), z.object({ k: z.literal("a"), n: z.number() })],
  [
    z.discriminatedUnion("k", [
      z.object({ k: z.literal("a"), n: z.string() }),
      z.object({ k: z.literal("b"), n: z.string() }),
    ]),
    z.object({ n: z.number() }),
  ],
  [z.union([text, row]), z.object({ price: z.number() })],
  [text, z.object({ n: node })],
  [z.record(z.enum(["a", "b"]), z.string()), z.object({ a: z.string(), c: z.string() })],
  [z.tuple([z.string(), z.number()]), z.array(z.string())],
  [z.array(z.string()), z.tuple([z.string()])],
  [z.object({ a: z.array(z.string()) }), z.object({ a: z.tuple([z.string()]) })],
  [z.tuple([z.string(), z.number()]), z.tuple([z.string(), z.string()])],
  [z.tuple([z.string()], z.number()), z.tuple([z.string()])],
  [z.object({ a: z.tuple([z.string(), row]) }), z.object({ a: z.string() })],
  [z.object({ a: z.array(z.string()).readonly() }), z.object({ a: z.array(z.number()) })],
  [
    z.object({ f: z.string(), g: z.string(), h: z.string(), i: z.string() }),
    z.record(z.enum(["f", "g", "h", "i", "j"]), z.int()),
  ],
  [
    z.object({ k: z.object({ n: z.null() }), l: text }),
    z.object({ k: row.extend({ tag: row, tags: z.null() }), l: row }),
  ],
  [z.record(z.string(), z.string()), text],
  [z.record(z.string(), z.string()), z.record(z.string(), z.number())],
  [text, z.record(z.string(), z.number())],
  [z.object({ a: z.record(z.string(), z.string()) }), z.object({ a: z.string() })],
  [z.string(), z.union([text, z.object({ a: z.array(z.string()) })])],
  [z.string(), z.union([z.number(), z.object({ a: z.string() })])],
  [z.object({ a: z.union([z.string(), z.number()]) }), z.object({ a: z.boolean() })],
  [wide, z.string()],
  [z.object({ a: z.array(wide) }), z.object({ a: z.number(), wide })],
  // 90 characters with their quotes, and one more
  [
    z.literal("1234567890123456789012345678901234567890123456789012345678901234567890123456789012345678"),
    z.literal("12345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"),
  ],
] as const satisfies readonly (readonly [z.ZodType, z.ZodType])[];

type TextsOf<TPairs extends readonly (readonly [z.ZodType, z.ZodType])[]> = {
  [TIndex in keyof TPairs]: MismatchText<Stored<TPairs[TIndex][0]>, Wire<TPairs[TIndex][1]>>;
};

/** The message of the compiler for each. */
export declare const texts: TextsOf<typeof pairs>;
