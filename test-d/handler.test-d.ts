import { expectTypeOf } from "expect-type";
import {
  type Absent,
  type AnyFlow,
  type AttemptContext,
  type BatchContext,
  defineCoordinatorFn,
  defineHandler,
  defineInputAdapter,
  type FinalizeContext,
  flow,
  type HandlerDefinition,
  type IdsOf,
  type InputOf,
  type Json,
  type OutputOf,
  type ParamsOf,
  type ResultOf,
} from "flowkit";
import { handlerContext } from "flowkit/testing";
import { describe, test } from "vitest";
import * as z from "zod";
import { clean, type extract, type notify, type rowsOnly } from "./handlers.ts";

const at = z.codec(z.iso.datetime(), z.date(), {
  decode: (text) => new Date(text),
  encode: (date) => date.toISOString(),
});

describe("types flow from the schemas", () => {
  test("into every method, whatever the order of members, sync or async", () => {
    defineHandler("any_order", {
      async processBatch(payload, ctx) {
        expectTypeOf(payload).toEqualTypeOf<{ id: string; at: Date }[]>();
        expectTypeOf(ctx).toEqualTypeOf<BatchContext<{ zone: string }, unknown, void>>();
        ctx.metrics.add("rows", payload.length);
        return { first: payload[0]?.at ?? new Date(0) };
      },
      finalize(ctx) {
        expectTypeOf(ctx).toEqualTypeOf<FinalizeContext<{ zone: string }, unknown, { first: Date }, void>>();
        return { kept: 1 };
      },
      classifyError: (error) => (error instanceof RangeError ? { code: "bad_row", permanent: true } : undefined),
      setup: async () => {},
      errors: ["bad_row"],
      result: z.object({ kept: z.int() }),
      args: z.object({ zone: z.string().default("UTC") }),
      input: z.array(z.object({ id: z.string(), at })),
      output: z.object({ first: at }),
      resumable: false,
    });
  });

  test("a source's payload is its output, with `input` its input", () => {
    defineHandler("source", {
      args: z.object({ n: z.int() }),
      output: z.object({ at }),
      *iterBatches(args, ctx) {
        expectTypeOf(args).toEqualTypeOf<{ n: number }>();
        expectTypeOf(ctx).toEqualTypeOf<AttemptContext<{ n: number }, unknown, undefined>>();
        yield { payload: { at: new Date(0) } };
      },
      processBatch(payload) {
        expectTypeOf(payload).toEqualTypeOf<{ at: Date }>();
        return payload;
      },
    });
    defineHandler("paged", {
      input: z.object({ page: z.int() }),
      output: z.object({ rows: z.int() }),
      async *iterBatches() {
        yield { uid: "0", payload: { page: 1 } };
      },
      processBatch: ({ page }) => ({ rows: page }),
    });
  });

  test("a handler with neither input nor batches gets its arguments, as one batch", () => {
    defineHandler("hello", {
      args: z.object({ name: z.string() }),
      output: z.object({ text: z.string() }),
      processBatch(payload, ctx) {
        expectTypeOf(payload).toEqualTypeOf<{ name: string }>();
        expectTypeOf(ctx.args).toEqualTypeOf<{ name: string }>();
        return { text: payload.name };
      },
    });
    defineHandler("bare", { output: z.object({}), processBatch: () => ({}) });
  });

  test("what loadInput returns is ctx.loaded in the methods after it", () => {
    defineHandler("loads", {
      args: z.object({ file: z.string() }),
      input: z.int(),
      output: z.int(),
      async loadInput(args, ctx) {
        expectTypeOf(args).toEqualTypeOf<{ file: string }>();
        expectTypeOf(ctx.args).toEqualTypeOf<{ file: string }>();
        return new Map([[1, "one"]]);
      },
      processBatch(n, ctx) {
        expectTypeOf(ctx.loaded).toEqualTypeOf<Map<number, string>>();
        return n;
      },
      finalize(ctx) {
        expectTypeOf(ctx.loaded).toEqualTypeOf<Map<number, string>>();
      },
    });
    defineHandler("loads_late", {
      args: z.object({ from: z.int() }),
      input: z.int(),
      output: z.int(),
      processBatch(n, ctx) {
        expectTypeOf(ctx.loaded).toBeUnknown();
        return n;
      },
      loadInput: (args) => args.from,
    });
  });
});

describe("what setup returns is ctx.services", () => {
  test("in every method, whatever their order", () => {
    const connect = async (url: string) => ({ url, close: () => {} });
    defineHandler("uses", {
      teardown(pool) {
        expectTypeOf(pool).toEqualTypeOf<{ url: string; close: () => void }>();
        pool.close();
      },
      loadInput(_args, ctx) {
        expectTypeOf(ctx.services.url).toEqualTypeOf<string>();
        return 1;
      },
      async *iterBatches(_args, ctx) {
        expectTypeOf(ctx.services.url).toEqualTypeOf<string>();
        yield { payload: 1 };
      },
      processBatch(n, ctx) {
        expectTypeOf(ctx.services).toEqualTypeOf<{ url: string; close: () => void }>();
        expectTypeOf(ctx.loaded).toEqualTypeOf<number>();
        return n;
      },
      finalize(ctx) {
        expectTypeOf(ctx.services.url).toEqualTypeOf<string>();
      },
      setup: () => connect("db"),
      output: z.int(),
    });
  });

  test("with setup as a method before those that use it, and from functions that handlers share", () => {
    const shared = { setup: () => new Map([["a", 1]]), teardown: (map: Map<string, number>) => map.clear() };
    defineHandler("method", {
      output: z.int(),
      async setup() {
        return { model: 1 as const };
      },
      processBatch: (_args, { services }) => expectTypeOf(services.model).toEqualTypeOf<1>() && 1,
      teardown: ({ model }) => expectTypeOf(model).toEqualTypeOf<1>(),
    });
    defineHandler("sharing", { ...shared, output: z.int(), processBatch: (_, { services }) => services.get("a") ?? 0 });
  });

  test("of a context for a test, by its handler", () => {
    const price = defineHandler("price", {
      output: z.int(),
      setup: () => ({ rateOf: (currency: string) => currency.length }),
      processBatch: (_args, { services }) => services.rateOf("EUR"),
    });
    const ctx = handlerContext<typeof price>({ services: { rateOf: () => 2 } });
    expectTypeOf(ctx.services.rateOf).toEqualTypeOf<(currency: string) => number>();
    price.processBatch?.({}, ctx);
    // @ts-expect-error: a rate is a number
    handlerContext<typeof price>({ services: { rateOf: () => "2" } });
    expectTypeOf(handlerContext({ services: 1 }).services).toEqualTypeOf<unknown>();
  });

  test("without setup there are none", () => {
    defineHandler("none", {
      output: z.int(),
      processBatch(_args, ctx) {
        expectTypeOf(ctx.services).toEqualTypeOf<undefined>();
        // @ts-expect-error
        ctx.services.pool;
        return 1;
      },
    });
  });

  test("a teardown of something else is a mistake", () => {
    defineHandler("other", {
      output: z.int(),
      setup: () => 1,
      // @ts-expect-error
      teardown: (text: string) => void text.length,
      processBatch: (_args, ctx) => ctx.services,
    });
  });
});

describe("what the compiler knows of a handler", () => {
  test("wire types", () => {
    expectTypeOf<typeof extract.$infer.args>().toEqualTypeOf<{ batchSize: number }>();
    expectTypeOf<typeof extract.$infer.source>().toEqualTypeOf<true>();
    expectTypeOf<typeof clean.$infer.source>().toEqualTypeOf<false>();
    expectTypeOf<typeof clean.$infer.errors>().toEqualTypeOf<"bad_row">();
    expectTypeOf<typeof clean.$infer.result>().toEqualTypeOf<{ kept: number }>();
    expectTypeOf(clean.name).toEqualTypeOf<"cleaner">();
    const dated = defineHandler("dated", {
      input: at,
      output: z.object({ at }),
      processBatch: (date) => ({ at: date }),
    });
    expectTypeOf<typeof dated.$infer.input>().toEqualTypeOf<string>();
    expectTypeOf<typeof dated.$infer.output>().toEqualTypeOf<{ at: string }>();
  });

  test("the adapter that it suggests, as it was written", () => {
    const chunks = defineHandler("chunks", {
      inputAdapter: { adapter: "pull.from_artifacts.rechunk:size", size: 10, metaListKey: "rows" },
      input: z.array(z.object({ at })),
      output: z.int(),
      processBatch(rows) {
        expectTypeOf(rows).toEqualTypeOf<{ at: Date }[]>();
        return rows.length;
      },
    });
    expectTypeOf<typeof chunks.$infer.suggested>().toEqualTypeOf<{
      readonly adapter: "pull.from_artifacts.rechunk:size";
      readonly size: 10;
      readonly metaListKey: "rows";
    }>();
    expectTypeOf<typeof clean.$infer.suggested>().toEqualTypeOf<Absent>();
  });

  test("handlers, functions and adapters are what the engine takes", () => {
    expectTypeOf(clean).toExtend<HandlerDefinition>();
    expectTypeOf<typeof notify.$infer.output>().toEqualTypeOf<{ sent: boolean }>();
    expectTypeOf<typeof rowsOnly.$infer.payload>().toEqualTypeOf<{ id: string; price: number }[]>();
  });

  test("keys that a default fills are in what is stored", () => {
    const output = z.object({
      n: z.int().default(1),
      tags: z.array(z.string()).prefault([]),
      note: z.string().optional(),
      inner: z.object({ unit: z.string().default("ms") }),
      list: z.array(z.object({ unit: z.string().default("ms") })),
      maybe: z.object({ unit: z.string().default("ms") }).nullable(),
      at: at.default(new Date(0)),
    });
    const filled = defineHandler("filled", { input: output, output, processBatch: (payload) => payload });
    interface Stored {
      n: number;
      tags: string[];
      note?: string | undefined;
      inner: { unit: string };
      list: { unit: string }[];
      maybe: { unit: string } | null;
      at: string;
    }
    expectTypeOf<typeof filled.$infer.output>().toEqualTypeOf<{ [TKey in keyof Stored]: Stored[TKey] }>();
    expectTypeOf<(typeof filled.$infer.input)["n"]>().toEqualTypeOf<number | undefined>();
  });

  test("a codec whose wire side may be absent fills nothing", () => {
    const some = z.codec(z.string().optional(), z.string(), { decode: (text) => text ?? "", encode: (text) => text });
    const output = z.object({ some, n: z.int().default(1) });
    const handler = defineHandler("some", { input: z.int(), output, processBatch: () => ({ some: "", n: 1 }) });
    expectTypeOf<typeof handler.$infer.output>().toEqualTypeOf<{ some?: string | undefined; n: number }>();
  });
});

describe("schemas that contain themselves", () => {
  const Tree = z.object({
    n: z.int().default(1),
    get kids() {
      return z.array(Tree).optional();
    },
  });
  const Dates = z.object({
    at: z.date(),
    get kids() {
      return z.array(Dates).optional();
    },
  });

  test("are judged and stored like others", () => {
    const tree = defineHandler("tree", {
      args: z.object({ any: z.json(), more: z.int().optional() }),
      input: Tree,
      output: Tree,
      processBatch: (payload) => payload,
    });
    expectTypeOf<NonNullable<(typeof tree.$infer.output)["kids"]>[number]["n"]>().toEqualTypeOf<number>();
    // @ts-expect-error: output.at is a Date
    defineHandler("dates", { output: Dates, processBatch: () => ({ at: new Date(0) }) });
  });
});

describe("refused", () => {
  test("what cannot be stored as JSON", () => {
    const processBatch = () => ({}) as never;
    // @ts-expect-error: output.at is a Date
    defineHandler("x", { output: z.object({ at: z.date() }), processBatch });
    // @ts-expect-error: output.list[] is a bigint
    defineHandler("x", { output: z.object({ list: z.array(z.bigint()) }), processBatch });
    // @ts-expect-error: output is unknown
    defineHandler("x", { output: z.unknown(), processBatch });
    // @ts-expect-error: args.at is a Date
    defineHandler("x", { args: z.object({ at: z.date() }), output: z.int(), processBatch });
    // @ts-expect-error: result is a Map
    defineHandler("x", { result: z.map(z.string(), z.int()), output: z.int(), processBatch, finalize: processBatch });
    const json = defineHandler("x", { output: z.json(), processBatch: () => [1, { a: null }] });
    expectTypeOf<typeof json.$infer.output>().toExtend<Json>();
    defineHandler("x", { output: z.object({ note: z.string().optional(), any: z.any() }), processBatch });
  });

  test("what methods return", () => {
    // @ts-expect-error: n is a number
    defineHandler("x", { output: z.object({ n: z.int() }), processBatch: () => ({ n: "1" }) });
    // @ts-expect-error: no result is declared
    defineHandler("x", { output: z.int(), processBatch: () => 1, finalize: () => ({ kept: 1 }) });
    defineHandler("x", {
      output: z.int(),
      result: z.object({ kept: z.int() }),
      processBatch: () => 1,
      // @ts-expect-error: kept is missing
      finalize: () => ({}),
    });
    defineHandler("x", {
      output: z.int(),
      errors: ["a"],
      processBatch: () => 1,
      // @ts-expect-error: none of its codes
      classifyError: () => ({ code: "b", permanent: true }),
    });
    // @ts-expect-error: no such member
    defineHandler("x", { output: z.int(), procesBatch: () => 1 });
  });
});

describe("a generator keeps its literals", () => {
  test("of enums and discriminated unions", () => {
    const Status = z.object({ status: z.enum(["on", "off"]) });
    const Event = z.discriminatedUnion("kind", [
      z.object({ kind: z.literal("a"), n: z.int() }),
      z.object({ kind: z.literal("b"), s: z.string() }),
    ]);
    defineHandler("s", {
      output: Status,
      *iterBatches() {
        yield { payload: { status: "on" } };
      },
    });
    defineHandler("s", {
      output: Event,
      async *iterBatches() {
        yield { payload: { kind: "a", n: 1 } };
        yield { payload: { kind: "b", s: "" } };
      },
    });
    defineHandler("s", {
      output: Status,
      // @ts-expect-error: none of the enum
      *iterBatches() {
        yield { payload: { status: "onn" } };
      },
    });
    defineCoordinatorFn("f", { args: z.object({}), output: Status, run: () => ({ status: "on" }) });
    defineInputAdapter("a", { args: z.object({}), payload: Status, expand: () => [{ status: "on" }] });
  });
});

describe("parameters of methods take all that they are given", () => {
  const input = z.object({ a: z.string().optional() });
  test("in handlers, functions and adapters", () => {
    // @ts-expect-error: a may be missing
    defineHandler("n", { input, output: z.int(), processBatch: (p: { a: string }) => p.a.length });
    // @ts-expect-error: any error may be thrown
    defineHandler("n", { output: z.int(), processBatch: () => 1, classifyError: (_: Error) => undefined });
    // @ts-expect-error: a may be missing
    defineInputAdapter("x", { args: input, expand: ({ args }: { args: { a: string } }) => [args.a.length] });
    // @ts-expect-error: a may be missing
    defineCoordinatorFn("x", { args: input, output: z.int(), run: (c: { args: { a: string } }) => c.args.a.length });
  });
});

describe("inputs that are declared as z.ZodType<T>", () => {
  interface Row {
    readonly a: string;
  }
  const declared: z.ZodType<Row> = z.object({ a: z.string() });
  const numbers = defineHandler("d", { output: z.object({ a: z.int() }), processBatch: () => ({ a: 1 }) });
  const texts = defineHandler("t", { output: z.object({ a: z.string() }), processBatch: () => ({ a: "" }) });

  test("count as T on an edge", () => {
    const one = defineHandler("one", { input: declared, output: z.null(), processBatch: () => null });
    const helper = <T>(schema: z.ZodType<T>) =>
      defineHandler("two", { input: schema, output: z.null(), processBatch: () => null });
    flow()
      .node("t", texts)
      .then("one", one)
      .node("two", helper(declared), { after: ["t"] });
    // @ts-expect-error: .a is number, needs string
    flow().node("d", numbers).then("one", one);
    // @ts-expect-error: .a is number, needs string
    flow().node("d", numbers).then("two", helper(declared));
  });

  test("unlike those that take anything", () => {
    const any = defineHandler("any", { input: z.unknown(), output: z.null(), processBatch: () => null });
    const coerced = defineHandler("coerced", { input: z.coerce.string(), output: z.null(), processBatch: () => null });
    flow()
      .node("d", numbers)
      .then("any", any)
      .node("coerced", coerced, { after: ["d"] });
  });
});

describe("helpers that are generic", () => {
  test("over schemas", () => {
    const validate = <S extends z.ZodType>(schema: S) =>
      defineHandler("v", { input: schema, output: z.boolean(), processBatch: () => true });
    const keep = <S extends z.ZodType>(schema: S, keeps: (value: z.output<S>) => boolean) =>
      defineHandler("k", {
        input: schema,
        output: z.array(schema),
        processBatch: (value) => (keeps(value) ? [value] : []),
      });
    const v = validate(z.object({ a: z.string() }));
    expectTypeOf<InputOf<typeof v>>().toEqualTypeOf<{ a: string }>();
    const k = keep(z.int(), (n) => n > 0);
    expectTypeOf<OutputOf<typeof k>>().toEqualTypeOf<number[]>();
    expectTypeOf<ResultOf<typeof clean>>().toEqualTypeOf<{ kept: number }>();
    const numbers = defineHandler("d", { output: z.object({ a: z.int() }), processBatch: () => ({ a: 1 }) });
    // @ts-expect-error: .a is number, needs string
    flow().node("d", numbers).then("v", v);
  });

  test("over a flow", () => {
    const one = defineHandler("one", { output: z.int(), processBatch: () => 1 });
    const more = defineHandler("more", { input: z.int(), output: z.int(), processBatch: (n) => n });
    const audited = <F extends AnyFlow>(given: F) => given.node("audit", one);
    const etl = audited(flow("f", { params: z.object({ day: z.string() }) }).node("a", one));
    etl.then("next", more).node("b", more, { after: ["a"] });
    expectTypeOf<(typeof etl)["$infer"]["outputs"]>().toEqualTypeOf<{ readonly a: number; readonly audit: number }>();
    expectTypeOf<ParamsOf<typeof etl>>().toEqualTypeOf<{ day: string }>();
    expectTypeOf<IdsOf<typeof etl>>().toEqualTypeOf<"a" | "audit">();
    // @ts-expect-error: the id is used
    etl.node("audit", one);
  });
});
