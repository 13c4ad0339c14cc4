import { defineHandler, defineInputAdapter } from "flowkit";
import { describe, expect, test } from "vitest";
import * as z from "zod";
import { failureOf } from "./failure-of.ts";

const processBatch = () => 1;
const ticks = defineInputAdapter("pull.ticks", { args: z.object({ everySec: z.int() }), expand: ({ meta }) => [meta] });
const define = defineHandler as unknown as (name: unknown, options: unknown) => unknown;

describe("defineHandler", () => {
  test("returns the handler definition, frozen", () => {
    const handler = defineHandler("step", { output: z.int(), processBatch });
    expect(handler).toMatchObject({ kind: "handler", name: "step", errors: [], resumable: true });
    expect(handler.processBatch).toBe(processBatch);
    expect(Object.isFrozen(handler)).toBe(true);
    expect(defineHandler("own", { output: z.int(), processBatch, errors: ["x"], resumable: false })).toMatchObject({
      errors: ["x"],
      resumable: false,
    });
  });

  test.each<[string, unknown, object | null, string]>([
    [
      "no count of batches at once",
      "step",
      { output: z.int(), processBatch, concurrency: 0 },
      "handler 'step': 'concurrency' must be an integer from 1 to 1000",
    ],
    ["an invalid name", "a:b", { output: z.int(), processBatch }, "invalid handler name 'a:b'"],
    [
      "the name of functions",
      "coordinator_fn",
      { output: z.int(), processBatch },
      "is reserved for nodes that coordinators run",
    ],
    ["a definition that is not an object", "x", null, "handler 'x': its definition must be an object"],
    ["output missing", "x", { processBatch }, "handler 'x' needs 'output'"],
    ["processBatch missing", "x", { output: z.int() }, "handler 'x' needs 'processBatch'"],
    [
      "a result that nothing makes",
      "x",
      { output: z.int(), result: z.int(), processBatch },
      "handler 'x' needs 'finalize'",
    ],
    [
      "a misspelt member",
      "x",
      { output: z.int(), processBatch, finalise: processBatch },
      "unknown property 'finalise' (did you mean 'finalize'?)",
    ],
    [
      "no schema",
      "x",
      { output: { type: "integer" }, processBatch },
      "handler 'x': 'output' must be a schema of zod 4 (import zod, or zod/v4)",
    ],
    [
      "a method that is not a function",
      "x",
      { output: z.int(), processBatch: 1 },
      "handler 'x': 'processBatch' must be a function",
    ],
    [
      "another word for what it does outside",
      "x",
      { output: z.int(), processBatch, external: "write" },
      "handler 'x': 'external' must be 'reads' or 'writes'",
    ],
    [
      "errors that are not a list",
      "x",
      { output: z.int(), processBatch, errors: "bad" },
      "handler 'x': 'errors' must be a list",
    ],
    [
      "an output that is not JSON",
      "x",
      { output: z.object({ meta: z.object({ at: z.date() }) }), processBatch },
      "handler 'x': its output cannot be stored as JSON: output.meta.at is a Date (use a codec: the wire type must be JSON)",
    ],
    [
      "an output that cannot be encoded",
      "x",
      {
        output: z.object({ n: z.array(z.string().transform(Number)), m: z.preprocess(String, z.string()) }),
        processBatch,
      },
      "handler 'x': its output cannot be stored as JSON: output.n[] is a one-way transform (use z.codec, which also encodes), output.m is a one-way transform",
    ],
    [
      "an output whose last part cannot be encoded",
      "x",
      { output: z.object({ n: z.string().pipe(z.string().transform(Number)) }), processBatch },
      "output.n is a one-way transform (use z.codec, which also encodes)",
    ],
    [
      "args that are no JSON",
      "x",
      { args: z.object({ big: z.array(z.bigint()) }), output: z.int(), processBatch },
      "its args cannot be stored as JSON: args.big[] is a bigint",
    ],
    [
      "an output of which anything is made",
      "x",
      { output: z.object({ n: z.coerce.number() }), processBatch },
      "its output cannot be stored as JSON: output.n is unknown (declare its type, such as z.ZodType<T, T>, or use z.json())",
    ],
    [
      "an output that may be nothing",
      "x",
      { output: z.object({ a: z.literal(["x", undefined]), b: z.literal(1n) }), processBatch },
      "output.a may be undefined, output.b is a bigint",
    ],
    [
      "an adapter that is none",
      "x",
      { input: z.int(), output: z.int(), processBatch, inputAdapter: "pull.gather" },
      "handler 'x': 'inputAdapter' must be an object with an 'adapter'",
    ],
    [
      "a misspelt adapter",
      "x",
      { input: z.int(), output: z.int(), processBatch, inputAdapter: { adapter: "pull.gathr" } },
      "the result of defineInputAdapter() (did you mean 'pull.gather'?)",
    ],
    [
      "a misspelt argument of an adapter",
      "x",
      { input: z.int(), output: z.int(), processBatch, inputAdapter: { adapter: ticks, everySecs: 1 } },
      "handler 'x': adapter 'pull.ticks' does not accept argument 'everySecs' (did you mean 'everySec'?)\nhandler 'x': adapter 'pull.ticks' needs 'everySec'",
    ],
    [
      "sources of an adapter",
      "x",
      { input: z.int(), output: z.int(), processBatch, inputAdapter: { adapter: "pull.gather", fromNodes: ["a"] } },
      "handler 'x': adapter 'pull.gather' does not accept argument 'fromNodes'",
    ],
  ])("refuses %s", (_, name, options, message) => {
    expect(failureOf(() => define(name, options))).toMatchObject({
      code: "HANDLER_INVALID",
      message: expect.stringContaining(message),
    });
  });

  test("converts the arguments of a built-in input adapter to the graph's names, and keeps those of a custom one", () => {
    const chunks = { adapter: "pull.from_artifacts.rechunk:size", size: 2, metaListKey: "rows", pollMs: undefined };
    expect(define("x", { input: z.int(), output: z.int(), processBatch, inputAdapter: chunks })).toMatchObject({
      inputAdapter: { adapter: "pull.from_artifacts.rechunk:size", args: { size: 2, meta_list_key: "rows" } },
    });
    const own = { adapter: ticks, everySec: 1 };
    expect(define("x", { input: z.int(), output: z.int(), processBatch, inputAdapter: own })).toMatchObject({
      inputAdapter: { adapter: "pull.ticks", args: { everySec: 1 } },
    });
  });

  test("reports every problem at once", () => {
    const failure = failureOf(() => define("x", { inputs: z.int(), errors: [1] }));
    expect(failure).toHaveProperty("details", {
      handler: "x",
      problems: [
        "handler 'x': unknown property 'inputs' (did you mean 'input'?)",
        "handler 'x': 'errors' must be a list of reason codes",
        "handler 'x' needs 'output'",
        "handler 'x' needs 'processBatch'",
      ],
    });
  });

  test("accepts codecs, recursive schemas and any JSON as output", () => {
    const at = z.codec(z.iso.datetime(), z.date(), { decode: (s) => new Date(s), encode: (d) => d.toISOString() });
    const Tree = z.object({
      at,
      get children() {
        return z.array(Tree);
      },
    });
    expect(() => define("x", { output: Tree, processBatch })).not.toThrow();
    expect(() => define("x", { output: z.json(), processBatch })).not.toThrow();
  });
});

describe("the stored form of an output", () => {
  test("has the keys that defaults fill, like its type", () => {
    const output = z.object({ n: z.int().default(1), tags: z.array(z.string()).prefault([]) });
    const decoded = output.parse({});
    expect(z.encode(output, decoded)).toEqual({ n: 1, tags: [] });
    // A handler cannot omit them either: what it returns is the decoded value.
    expect(() => z.encode(output, {} as never)).toThrow();
  });
});
