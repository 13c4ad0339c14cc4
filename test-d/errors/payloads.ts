import { defineHandler, flow, param } from "flowkit";
import * as z from "zod";

/*
 * What fits along an edge and what does not, for `payloads.test.ts`: every line with a sentence must not compile and say
 * it, and all others compile.
 */

const nothing = { output: z.null(), processBatch: () => null };
const never = (): never => {
  throw new Error("it is not run");
};

/* Keys that a default fills, and keys that may be missing. */
const filled = defineHandler("filled", {
  output: z.object({ a: z.string().default("") }),
  processBatch: () => ({ a: "" }),
});
const maybe = defineHandler("maybe", { output: z.object({ a: z.string().optional() }), processBatch: () => ({}) });
const needs = defineHandler("needs", { ...nothing, input: z.object({ a: z.string() }) });
const takes = defineHandler("takes", { ...nothing, input: z.object({ a: z.string().optional() }) });
const json = defineHandler("json", { ...nothing, input: z.json() });
const record = defineHandler("record", { ...nothing, input: z.record(z.string(), z.json()) });
flow().node("d", filled).then("c", needs);
flow().node("d", filled).then("c", takes);
flow().node("d", filled).then("c", json);
flow().node("d", maybe).then("c", takes);
flow().node("d", maybe).then("c", json);
flow().node("d", maybe).then("c", record);
flow().node("d", maybe).then("c", needs); // says: edge 'd' -> 'c': .a may be missing (needs string)

const inner = defineHandler("inner", {
  output: z.object({ rows: z.array(z.object({ a: z.string().default(""), b: z.string().optional() })) }),
  processBatch: () => ({ rows: [] }),
});
flow()
  .node("d", inner)
  .then("c", defineHandler("rows", { ...nothing, input: z.object({ rows: z.array(z.object({ a: z.string() })) }) }));
flow()
  .node("d", inner)
  .then("c", defineHandler("rows", { ...nothing, input: z.object({ rows: z.json() }) }));

const day = defineHandler("day", { ...nothing, args: z.object({ day: z.string() }) });
flow("f", { params: z.object({ day: z.string().default("") }) }).node("d", day, { args: { day: param("day") } });
flow("f", { params: z.object({ day: z.string().optional() }) }).node("d", day, { args: { day: param("day") } }); // says: parameter 'day' is string | undefined, 'day' needs string

const list = defineHandler("list", {
  output: z.object({ rows: z.array(z.int()).default([]) }),
  processBatch: () => ({ rows: [] }),
});
const chunks = defineHandler("chunks", { ...nothing, input: z.array(z.int()) });
flow()
  .node("d", list)
  .then("c", chunks, { input: { adapter: "pull.from_artifacts.rechunk:size", size: 1, metaListKey: "rows" } });

defineHandler("undef", { output: z.array(z.string().optional()), processBatch: () => [] }); // says: output[] may be undefined

/* Lists that are read-only, and tuples. */
const frozen = defineHandler("frozen", {
  output: z.object({ tags: z.array(z.string()).readonly(), ids: z.tuple([z.int(), z.int()]).readonly() }),
  processBatch: never,
});
const thawed = defineHandler("thawed", {
  ...nothing,
  input: z.object({ tags: z.array(z.string()), ids: z.array(z.number()) }),
});
flow().node("d", frozen).then("c", thawed);
const numbers = defineHandler("numbers", { ...nothing, input: z.object({ tags: z.array(z.int()) }) });
flow().node("d", frozen).then("c", numbers); // says: edge 'd' -> 'c': .tags[] is string, needs number
const pair = defineHandler("pair", { output: z.tuple([z.string(), z.int()]), processBatch: () => ["", 1] });
const strings = defineHandler("strings", { ...nothing, input: z.array(z.string()) });
const other = defineHandler("other", { ...nothing, input: z.tuple([z.string(), z.string()]) });
flow().node("d", pair).then("c", strings); // says: edge 'd' -> 'c': the whole payload is [string, number], needs string[]
flow().node("d", pair).then("c", other); // says: edge 'd' -> 'c': [1] is number, needs string

/* A schema that is given as `z.ZodType<T>`. */
interface Row {
  readonly a: string;
}
const schema: z.ZodType<Row> = z.object({ a: z.string() });
const both: z.ZodType<Row, Row> = z.object({ a: z.string() });
const typed = defineHandler("typed", { ...nothing, input: both });
const count = defineHandler("count", { output: z.object({ a: z.int() }), processBatch: () => ({ a: 1 }) });
flow().node("d", filled).then("c", typed);
flow().node("d", count).then("c", typed); // says: edge 'd' -> 'c': .a is number, needs string
defineHandler("typed", { output: both, processBatch: () => ({ a: "" }) });
defineHandler("typed", { output: schema, processBatch: () => ({ a: "" }) }); // says: output is unknown (declare its type, such as z.ZodType<T, T>, or use z.json())
const loose = defineHandler("loose", { ...nothing, input: z.preprocess(String, z.string()) });
flow().node("d", count).then("c", loose);

/* A handler that is one of several. */
declare const isTest: boolean;
const absent = defineHandler("absent", { output: z.object({ a: z.null() }), processBatch: () => ({ a: null }) });
const either = isTest ? needs : takes;
const wrong = isTest ? needs : defineHandler("wrong", { ...nothing, input: z.object({ a: z.int() }) });
const source = isTest ? needs : defineHandler("source", nothing);
flow().node("d", filled).then("c", either);
flow()
  .node("d", filled)
  .node("c", either, { after: ["d"] });
flow().node("d", maybe).then("c", either); // says: edge 'd' -> 'c': .a may be missing (needs string)
flow().node("d", filled).then("c", wrong); // says: edge 'd' -> 'c': .a is string, needs number
flow()
  .node("d", filled)
  .node("c", wrong, { after: ["d"] }); // says: edge 'd' -> 'c': .a is string, needs number
flow().node("d", filled).then("c", source); // says: node 'c': handler 'source' declares no input
flow()
  .node("d", isTest ? filled : absent)
  .then("c", needs); // says: edge 'd' -> 'c': .a is string | null, needs string

/* Wide rows, and unions of many. */
type Digit = 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9;
type Columns<T> = { [TKey in `column_${0 | 1 | 2}${Digit}${Digit}`]: T };
declare const ofStrings: Columns<z.ZodString>;
declare const ofNumbers: Columns<z.ZodNumber>;
declare const codes: z.ZodType<`c${0 | 1}${Digit}${Digit}`, `c${0 | 1}${Digit}${Digit}`>;
declare const thousand: z.ZodType<`v${Digit}${Digit}${Digit}`, `v${Digit}${Digit}${Digit}`>;
const wide = defineHandler("wide", { output: z.object({ ...ofStrings, x: z.number() }), processBatch: never });
flow()
  .node("d", wide)
  .then("c", defineHandler("c", { ...nothing, input: z.object({ ...ofStrings, x: z.string() }) })); // says: edge 'd' -> 'c': .x is number, needs string
flow()
  .node("d", wide)
  .then("c", defineHandler("c", { ...nothing, input: z.object(ofNumbers) })); // says: edge 'd' -> 'c': .column_000 is string, needs number, .column_001 is string, needs number, .column_002 is string, needs number, and 297 more
flow()
  .node("d", wide)
  .then("c", defineHandler("c", { ...nothing, input: z.string() })); // says: edge 'd' -> 'c': the whole payload is { column_000: string, column_001: string,
flow()
  .node("d", defineHandler("d", { output: z.object({ a: codes }), processBatch: never }))
  .then("c", numbers); // says: edge 'd' -> 'c': .tags is missing (needs number[])
flow()
  .node("d", count)
  .then("c", defineHandler("c", { ...nothing, input: z.object({ a: codes }) })); // says: edge 'd' -> 'c': .a is number, needs "c000" | "c001" | "c002"
flow()
  .node("d", defineHandler("d", { output: z.object({ a: thousand }), processBatch: never }))
  .then("c", defineHandler("c", { ...nothing, input: z.object({ a: codes }) })); // says: edge 'd' -> 'c': .a is "v000" | "v001" | "v002"
