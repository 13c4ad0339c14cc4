import { toStandardJsonSchema as described } from "@valibot/to-json-schema";
import { type } from "arktype";
import { expectTypeOf } from "expect-type";
import { defineCoordinatorFn, defineHandler, defineInputAdapter, flow, param } from "flowkit";
import * as v from "valibot";
import * as z from "zod";
import * as mini from "zod/mini";

/* Schemas of other libraries, wherever a schema is accepted. */

const row = v.object({ id: v.string(), at: v.pipe(v.string(), v.isoTimestamp()), n: v.optional(v.number(), 1) });

const valibotSource = defineHandler("valibot.source", {
  args: described(v.object({ day: v.string() })),
  output: described(v.object({ rows: v.array(row) })),
  *iterBatches({ day }) {
    yield { payload: { rows: [{ id: day, at: day, n: 2 }] } };
  },
});
const arktypeClean = defineHandler("arktype.clean", {
  input: type({ rows: type({ id: "string", n: "number" }).array() }),
  output: type({ kept: "string[]", "note?": "string" }),
  result: type({ count: "number" }),
  processBatch: ({ rows }) => {
    expectTypeOf(rows).toEqualTypeOf<{ id: string; n: number }[]>();
    return { kept: rows.map(({ id }) => id) };
  },
  finalize: () => ({ count: 1 }),
});
const miniCount = defineHandler("mini.count", {
  input: mini.object({ kept: mini.array(mini.string()) }),
  output: mini.number(),
  processBatch: ({ kept }) => kept.length,
});
const numeric = defineHandler("numeric", {
  args: type({ limit: "string.numeric.parse" }),
  output: z.number(),
  processBatch: (_, { args }) => args.limit,
});
expectTypeOf(arktypeClean.$infer.output).toEqualTypeOf<{ kept: string[]; note?: string }>();
expectTypeOf(valibotSource.$infer.output.rows).toEqualTypeOf<{ id: string; at: string; n: number }[]>();
expectTypeOf(numeric.$infer.args).toEqualTypeOf<{ limit: string }>();

const column = defineInputAdapter("column", {
  args: described(v.object({ key: v.string() })),
  payload: type("number"),
  expand: ({ args }) => [args.key.length],
});
const half = defineCoordinatorFn("half", {
  args: type({ n: "number" }),
  output: described(v.object({ half: v.number() })),
  run: ({ args }) => ({ half: args.n / 2 }),
});
const square = defineHandler("square", { input: type("number"), output: type("number"), processBatch: (n) => n * n });

const right = flow("right", { params: described(v.object({ day: v.string() })), adapters: [column] })
  .node("source", valibotSource, { args: { day: param("day") } })
  .then("clean", arktypeClean)
  .then("count", miniCount)
  .node("square", square, { after: ["source"], input: { adapter: "column", key: "rows" } })
  .fn("half", half, { after: ["square"], args: { n: 1 } });
expectTypeOf(right.$infer.params).toEqualTypeOf<{ day: string }>();

const textual = defineHandler("textual", {
  output: type({ rows: type({ id: "string", n: "string" }).array() }),
  processBatch: () => ({ rows: [] }),
});
// @ts-expect-error edge 'a' -> 'b': .rows[].n is string, needs number
flow("wrong").node("a", textual).then("b", arktypeClean);

defineHandler("plain", {
  // @ts-expect-error handler 'plain': 'input' must be a schema of zod 4, or one with ~standard.jsonSchema
  input: v.string(),
  output: z.null(),
  processBatch: () => null,
});
defineHandler("plain", {
  // @ts-expect-error handler 'plain': 'output' must be a schema of zod 4, or one with ~standard.jsonSchema
  output: v.string(),
  processBatch: () => "",
});
defineHandler("dated", {
  // @ts-expect-error handler 'dated': its output cannot be stored as JSON: output.at is a Date
  output: type({ at: "Date" }),
  processBatch: () => ({ at: new Date() }),
});
defineHandler("oneWay", {
  // @ts-expect-error handler 'oneWay': its output must be a schema without a transform that has no way back
  output: type("string.numeric.parse"),
  processBatch: () => 1,
});
const dated = described(
  v.pipe(
    v.string(),
    v.transform((text) => new Date(text)),
  ),
);
defineHandler("oneWay", {
  // @ts-expect-error the same
  output: dated,
  processBatch: () => new Date(),
});
defineHandler("decoded", {
  input: dated,
  output: z.number(),
  processBatch: (at) => at.getTime(),
});
