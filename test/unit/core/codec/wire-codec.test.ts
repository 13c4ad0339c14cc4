import { describe, expect, test } from "vitest";
import * as z from "zod";
import { NotJsonError, SchemaMismatch, WireCodec } from "../../../../src/core/codec/index.ts";
import type { Json } from "../../../../src/errors/index.ts";

const date = z.codec(z.iso.datetime(), z.date(), {
  decode: (text) => new Date(text),
  encode: (at) => at.toISOString(),
});
const slow = z.string().refine(async (text) => text !== "bad", "is bad");

describe("a wire codec", () => {
  test("decodes for handlers and encodes for the store, at once where the schema is synchronous", () => {
    const codec = new WireCodec(z.object({ at: date }));
    expect(codec.decode({ at: "2026-11-24T12:00:00.000Z" })).toEqual({ at: new Date("2026-11-24T12:00:00Z") });
    expect(codec.encode({ at: new Date("2026-11-24T12:00:00Z") })).toEqual({ at: "2026-11-24T12:00:00.000Z" });
  });

  test("of a schema with an asynchronous check gives promises", async () => {
    const codec = new WireCodec(z.object({ a: slow }));
    for (const _ of [1, 2]) {
      expect(await codec.encode({ a: "good" })).toEqual({ a: "good" });
      await expect(codec.decode({ a: "bad" })).rejects.toThrow(SchemaMismatch);
      await expect(codec.decode({ a: "bad" })).rejects.toThrow(".a: is bad");
    }
  });

  test("says in words where a value doesn't fit, three places at most", () => {
    const codec = new WireCodec(z.object({ rows: z.array(z.object({ price: z.number() })), name: z.string() }));
    const rows = ["1", "2", "3"].map((price) => ({ price }));
    expect(() => codec.decode({ rows, name: 1 } as unknown as Json)).toThrow(SchemaMismatch);
    expect(() => codec.decode({ rows, name: 1 } as unknown as Json)).toThrow(
      ".rows[0].price: expected number, received string; .rows[1].price: expected number, received string; " +
        ".rows[2].price: expected number, received string; and 1 more",
    );
    expect(() => codec.decode(3)).toThrow("the value: expected object, received number");
  });

  test("refuses to encode what JSON can't hold, whatever the schema says", () => {
    for (const [schema, value] of [
      [z.unknown(), new Date()],
      [z.object({ a: z.any() }), { a: 1n }],
      [z.array(z.string().optional()), [undefined]],
    ] as const) {
      expect(() => new WireCodec(schema).encode(value)).toThrow(NotJsonError);
    }
  });

  test("refuses a cycle, and what nests too deeply, where the schema is recursive", async () => {
    const tree: z.ZodType = z.object({
      get children() {
        return z.array(tree);
      },
    });
    const cycle: { children: unknown[] } = { children: [] };
    cycle.children.push(cycle);
    let deep: Json = [];
    for (let depth = 0; depth < 20_000; depth++) deep = [deep];
    const slowly = z.json().refine(async () => true);
    for (const codec of [new WireCodec(tree), new WireCodec(z.json())])
      expect(() => codec.encode(cycle)).toThrow(NotJsonError);
    expect(() => new WireCodec(z.json()).encode(deep)).toThrow(NotJsonError);
    expect(() => new WireCodec(z.json()).decode(deep)).toThrow(NotJsonError);
    for (const value of [cycle, deep])
      await expect(Promise.resolve().then(() => new WireCodec(slowly).encode(value))).rejects.toThrow(NotJsonError);
  });

  test("hands out and takes in copies, also of what the schema doesn't look into", () => {
    for (const schema of [
      z.unknown(),
      z.object({ a: z.array(z.number()) }),
      z.looseObject({}),
      z.custom<object>(),
      z.json(),
    ]) {
      const codec = new WireCodec(schema);
      const stored = { a: [1] };
      const decoded = codec.decode(stored) as typeof stored;
      decoded.a.push(2);
      expect(stored).toEqual({ a: [1] });
      const given = { a: [1] };
      const encoded = codec.encode(given);
      given.a.push(2);
      expect(encoded).toEqual({ a: [1] });
    }
  });

  test("encodes into objects that are not frozen yet: a store takes what is frozen for kept", () => {
    const encoded = new WireCodec(z.object({ a: z.array(z.number()).readonly() }).readonly()).encode({ a: [1] });
    expect([encoded, (encoded as { a: Json }).a].some((part) => Object.isFrozen(part))).toBe(false);
  });

  test("keys of undefined are gone from the wire, as from any store", () => {
    const codec = new WireCodec(z.object({ a: z.string().optional(), b: z.string().optional() }));
    expect(Object.keys(codec.encode({ a: undefined, b: "x" }) as object)).toEqual(["b"]);
  });

  test("an error of the schema's own code stays what it is", () => {
    const codec = new WireCodec(
      z.codec(z.string(), z.string(), {
        decode: () => {
          throw new RangeError("mine");
        },
        encode: (text) => text,
      }),
    );
    expect(() => codec.decode("x")).toThrow(RangeError);
  });
});
