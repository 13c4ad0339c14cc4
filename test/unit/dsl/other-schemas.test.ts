import { toStandardJsonSchema as described } from "@valibot/to-json-schema";
import { type } from "arktype";
import * as v from "valibot";
import { describe, expect, it } from "vitest";
import * as z from "zod";
import { storedJsonSchema, wireJsonSchema } from "../../../src/graph/format/wire-schema.ts";
import { defineCoordinatorFn, defineHandler, defineInputAdapter, flow } from "../../../src/index.ts";

const processBatch = () => null as never;
/** A schema, hidden from the compiler. */
const handler = (schemas: object) => () => defineHandler("x", { output: z.null(), processBatch, ...schemas } as never);
const needed = "a schema of zod 4 (import zod, or zod/v4), or one with ~standard.jsonSchema";

describe("a schema of another library is refused", () => {
  it.each<[string, () => unknown, string]>([
    ["without a JSON Schema", handler({ input: v.string() }), `'input' must be ${needed}`],
    [
      "if it cannot be described",
      handler({
        output: { "~standard": { ...type("string")["~standard"], jsonSchema: { input: () => fail("no words") } } },
      }),
      "'output' must be a schema that can be described as JSON Schema: no words",
    ],
    [
      "with a part that may be anything",
      handler({ output: type({ at: "Date[]", n: "number" }) }),
      "output.at[] is unknown (declare its type, such as z.ZodType<T, T>, or use z.json())",
    ],
    [
      "as an output that is changed on its way to the next handler",
      handler({ output: type("string.numeric.parse") }),
      "output must be a schema without a one-way transform (only z.codec has a way back)",
    ],
    [
      "as parameters likewise",
      () => flow("f", { params: type({ n: "string.numeric.parse" }) as never }),
      "'params' must be a schema without a one-way transform (only z.codec has a way back)",
    ],
    [
      "as parameters without a JSON Schema",
      () => flow("f", { params: v.object({}) as never }),
      `'params' must be ${needed}`,
    ],
    [
      "as inputs of a subflow",
      () => flow("f", { inputs: { a: v.string() as never } }),
      "'inputs' must be an object of schemas",
    ],
    [
      "in an adapter",
      () => defineInputAdapter("a", { args: v.object({}) as never, expand: () => [] }),
      `'args' must be ${needed}`,
    ],
    [
      "in a coordinator function",
      () => defineCoordinatorFn("c", { args: z.object({}), output: v.string() as never, run: () => "" as never }),
      `'output' must be ${needed}`,
    ],
  ])("%s", (_, make, words) => {
    expect(make).toThrow(words);
  });
});

function fail(words: string): never {
  throw new Error(words);
}

describe("a schema of another library", () => {
  const output = described(
    v.object({ a: v.string(), n: v.optional(v.number(), 1), trimmed: v.pipe(v.string(), v.trim()) }),
  );
  const made = defineHandler("x", { output, processBatch });

  it("is a zod schema in the handler, with its own JSON Schema", () => {
    const properties = { a: { type: "string" }, n: { type: "number", default: 1 }, trimmed: { type: "string" } };
    expect(wireJsonSchema(made.output)).toEqual({ type: "object", properties, required: ["a", "trimmed"] });
    expect(storedJsonSchema(made.output)).toEqual({ type: "object", properties, required: ["a", "trimmed", "n"] });
  });

  it("is the same one wherever it is given", () => {
    expect(defineHandler("y", { input: output, output: z.null(), processBatch }).input).toBe(made.output);
  });

  it("has its edges checked by compile()", () => {
    const taking = (input: unknown) => defineHandler("y", { input: input as never, output: z.null(), processBatch });
    const edge = (input: unknown) => () =>
      flow("f")
        .node("a", made)
        .then("b", taking(input) as never)
        .compile();
    expect(edge(type({ n: "number" }))).not.toThrow();
    expect(edge(type({ a: "number", "b?": "string" }))).toThrow(".a is string, needs number");
  });

  it("judges the arguments of a node", () => {
    const closed = defineHandler("closed", {
      args: described(v.strictObject({ a: v.string() })),
      output: z.null(),
      processBatch,
    });
    const given = flow("f").node("a", closed as never, { args: { a: "", b: 1 } } as never);
    expect(() => given.compile()).toThrow("node 'a': args.b: Invalid key");
  });
});
