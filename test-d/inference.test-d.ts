import { expectTypeOf } from "expect-type";
import { defineHandler, flow } from "flowkit";
import { describe, test } from "vitest";
import * as z from "zod";

/* Handler code sees decoded values, edges see wire values: both types come from the schemas alone. */

const day = z.codec(z.iso.date(), z.date(), {
  decode: (text) => new Date(text),
  encode: (date) => date.toISOString().slice(0, 10),
});

describe("each kind of schema, in handler code and on edges", () => {
  test("codecs, also inside others", () => {
    const handler = defineHandler("x", {
      input: z.object({ at: day, maybe: day.optional(), all: z.array(day), by: z.record(z.string(), day) }),
      output: z.object({ first: day.nullable() }),
      processBatch: (payload) => {
        expectTypeOf(payload).toEqualTypeOf<{
          at: Date;
          maybe?: Date | undefined;
          all: Date[];
          by: Record<string, Date>;
        }>();
        return { first: payload.all[0] ?? null };
      },
    });
    expectTypeOf<typeof handler.$infer.input>().toEqualTypeOf<{
      at: string;
      maybe?: string | undefined;
      all: string[];
      by: Record<string, string>;
    }>();
    expectTypeOf<typeof handler.$infer.output>().toEqualTypeOf<{ first: string | null }>();
  });

  test("defaults, optional and nullable keys", () => {
    const shape = { n: z.int().default(1), note: z.string().optional(), tag: z.string().nullable() };
    const handler = defineHandler("x", {
      input: z.object(shape),
      output: z.object(shape),
      processBatch(payload) {
        expectTypeOf(payload).toEqualTypeOf<{ n: number; note?: string | undefined; tag: string | null }>();
        return payload;
      },
    });
    type Infer = typeof handler.$infer;
    expectTypeOf<Infer["input"]>().toEqualTypeOf<{
      n?: number | undefined;
      note?: string | undefined;
      tag: string | null;
    }>();
    expectTypeOf<Infer["output"]>().toEqualTypeOf<{ note?: string | undefined; tag: string | null; n: number }>();
  });

  test("unions, discriminated unions, enums, literals, tuples", () => {
    const Event = z.discriminatedUnion("kind", [
      z.object({ kind: z.literal("made"), at: day }),
      z.object({ kind: z.literal("gone"), why: z.enum(["lost", "sold"]) }),
    ]);
    const handler = defineHandler("x", {
      input: Event,
      output: z.object({ any: z.union([z.string(), z.int()]), pair: z.tuple([z.string(), day]) }),
      processBatch(event) {
        if (event.kind === "made") {
          expectTypeOf(event.at).toEqualTypeOf<Date>();
          return { any: 1, pair: ["", event.at] };
        }
        expectTypeOf(event.why).toEqualTypeOf<"lost" | "sold">();
        return { any: "", pair: [event.why, new Date(0)] };
      },
    });
    type Infer = typeof handler.$infer;
    expectTypeOf<Infer["input"]>().toEqualTypeOf<
      { kind: "made"; at: string } | { kind: "gone"; why: "lost" | "sold" }
    >();
    expectTypeOf<Infer["output"]>().toEqualTypeOf<{ any: string | number; pair: [string, string] }>();
  });

  test("brands are the handler's own: a wire type has none", () => {
    const Id = z.string().brand<"Id">();
    const handler = defineHandler("x", {
      input: z.object({ id: Id }),
      output: z.object({ id: Id }),
      processBatch(payload) {
        expectTypeOf(payload.id).toEqualTypeOf<string & z.core.$brand<"Id">>();
        return payload;
      },
    });
    expectTypeOf<typeof handler.$infer.output>().toEqualTypeOf<{ id: string }>();
    // @ts-expect-error: a string that is not branded
    defineHandler("x", { input: z.int(), output: z.object({ id: Id }), processBatch: () => ({ id: "" }) });
  });

  test("readonly values and JSON", () => {
    defineHandler("x", {
      input: z.array(z.string()).readonly(),
      output: z.json(),
      processBatch(texts) {
        expectTypeOf(texts).toEqualTypeOf<readonly string[]>();
        return { texts: [...texts], nested: { n: 1, nothing: null } };
      },
    });
  });

  test("schemas that contain themselves", () => {
    const Tree = z.object({
      at: day,
      get kids() {
        return z.array(Tree);
      },
    });
    const handler = defineHandler("x", {
      input: Tree,
      output: Tree,
      processBatch(tree) {
        expectTypeOf(tree.kids[0]?.kids[0]?.at).toEqualTypeOf<Date | undefined>();
        return tree;
      },
    });
    expectTypeOf<(typeof handler.$infer.output)["kids"][number]["at"]>().toEqualTypeOf<string>();
  });
});

describe("what a method returns keeps enums and tuples as they are written", () => {
  const output = z.object({ kind: z.enum(["a", "b"]), pair: z.tuple([z.string(), z.int()]), is: z.literal(true) });

  test("synchronous or not, of one return or several, beside what is computed", () => {
    defineHandler("x", { input: z.int(), output, processBatch: (n) => ({ kind: "a", pair: ["", n], is: true }) });
    defineHandler("x", {
      result: z.tuple([z.enum(["done"]), z.number()]),
      async processBatch(rows) {
        if (rows.length === 0) return { kind: "a", pair: ["", 0], is: true };
        return { kind: "b", pair: ["", rows.reduce((sum, { n }) => sum + n, 0)], is: true };
      },
      finalize: () => ["done", [1, 2].reduce((sum, n) => sum + n, 0)],
      input: z.array(z.object({ n: z.int() })),
      output,
    });
  });
});

describe("the wire type decides an edge", () => {
  const from = <TOutput extends z.ZodType>(output: TOutput) => output;
  const dated = defineHandler("dated", { output: from(z.object({ at: day })), *iterBatches() {} });
  const source = flow().node("dated", dated);

  test("a codec is its wire form", () => {
    const takesText = defineHandler("text", {
      input: z.object({ at: z.string() }),
      output: z.int(),
      processBatch: () => 1,
    });
    const takesCodec = defineHandler("codec", { input: z.object({ at: day }), output: z.int(), processBatch: () => 1 });
    const takesNumber = defineHandler("number", {
      input: z.object({ at: z.number() }),
      output: z.int(),
      processBatch: () => 1,
    });
    source.then("a", takesText).node("b", takesCodec, { after: ["dated"] });
    // @ts-expect-error: a text travels
    source.then("a", takesNumber);
  });

  test("a default fills the key of an output, and may be missing in an input", () => {
    const filled = defineHandler("filled", { output: z.object({ n: z.int().default(1) }), *iterBatches() {} });
    const optional = defineHandler("optional", { output: z.object({ n: z.int().optional() }), *iterBatches() {} });
    const needs = defineHandler("needs", { input: z.object({ n: z.int() }), output: z.int(), processBatch: () => 1 });
    const fills = defineHandler("fills", {
      input: z.object({ n: z.int().default(2) }),
      output: z.int(),
      processBatch: ({ n }) => n,
    });
    flow()
      .node("a", filled)
      .then("b", needs)
      .node("c", fills, { after: ["a"] });
    flow().node("a", optional).then("b", fills);
    // @ts-expect-error: .n may be missing
    flow().node("a", optional).then("b", needs);
  });

  test("a brand is not required on the wire", () => {
    const Id = z.string().brand<"Id">();
    const plain = defineHandler("plain", { output: z.object({ id: z.string() }), *iterBatches() {} });
    const branded = defineHandler("branded", {
      input: z.object({ id: Id }),
      output: z.int(),
      processBatch: () => 1,
    });
    flow().node("a", plain).then("b", branded);
  });
});

describe("what a method returns is judged where it is written", () => {
  const schemas = { input: z.int(), output: z.object({ n: z.int() }), result: z.object({ kept: z.int() }) };

  test("in arrows and methods, synchronous or not", () => {
    defineHandler("x", {
      ...schemas,
      // @ts-expect-error: n is a number
      processBatch: (n) => ({ n: `${n}` }),
    });
    defineHandler("x", {
      ...schemas,
      // @ts-expect-error: n is a number
      processBatch: async (n) => ({ n: `${n}` }),
    });
    defineHandler("x", {
      ...schemas,
      // @ts-expect-error: n is a number
      processBatch(n) {
        return { n: `${n}` };
      },
    });
    defineHandler("x", {
      ...schemas,
      // @ts-expect-error: kept is missing
      async finalize() {
        return {};
      },
      processBatch: (n) => ({ n }),
    });
    defineHandler("x", {
      output: schemas.output,
      // @ts-expect-error: n is a number
      *iterBatches() {
        yield { payload: { n: "1" } };
      },
    });
    defineHandler("x", {
      // @ts-expect-error: n is a number
      async *iterBatches() {
        yield { payload: { n: "1" } };
      },
      output: schemas.output,
    });
  });
});

describe("ctx.loaded", () => {
  test("is known everywhere when loadInput takes nothing from its context", () => {
    defineHandler("x", {
      input: z.int(),
      output: z.int(),
      processBatch(n, ctx) {
        expectTypeOf(ctx.loaded).toEqualTypeOf<{ rates: number[] }>();
        return n;
      },
      loadInput: async () => ({ rates: [1] }),
    });
  });

  test("with a parameter that is written out, too", () => {
    defineHandler("x", {
      args: z.object({ from: z.int() }),
      input: z.int(),
      output: z.int(),
      processBatch(n, ctx) {
        expectTypeOf(ctx.loaded).toEqualTypeOf<number>();
        return n;
      },
      loadInput: (args: { from: number }) => args.from,
    });
  });
});
