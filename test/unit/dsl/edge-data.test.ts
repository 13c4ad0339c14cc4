import { defineCoordinatorFn, defineHandler, defineInputAdapter, type FlowDefinition, flow } from "flowkit";
import { describe, expect, test } from "vitest";
import * as z from "zod";
import { failureOf } from "./failure-of.ts";

/*
 * Flows as written in JavaScript: the compiler cannot detect these mistakes.
 */

const Row = z.object({ id: z.string(), price: z.number() });

const source = (output: z.ZodType) =>
  defineHandler("source", { output, *iterBatches() {} } as never) as unknown as Loose;
const reader = (input: z.ZodType, more: object = {}) =>
  defineHandler("reader", {
    input,
    output: z.object({ n: z.number() }),
    processBatch: () => ({ n: 0 }),
    ...more,
  } as never) as unknown as Loose;

type Loose = Parameters<LooseFlow["node"]>[1];
interface LooseFlow extends Pick<FlowDefinition, "compile"> {
  node(id: string, handler: unknown, options?: object): LooseFlow;
  fn(id: string, fn: unknown, options?: object): LooseFlow;
}
const loose = (options?: object) => flow("etl", options as never) as unknown as LooseFlow;

const pair = (output: z.ZodType, input: z.ZodType, options: object = {}) =>
  loose()
    .node("a", source(output))
    .node("b", reader(input), { after: ["a"], ...options });

const messagesOf = (made: LooseFlow): readonly string[] => {
  const { details } = failureOf(() => made.compile()) as { details: { findings: { message: string }[] } };
  return details.findings.map(({ message }) => message);
};

describe("parents that a condition chooses", () => {
  const one = defineHandler("one", { output: z.int(), processBatch: () => 1 });
  const text = defineHandler("text", { output: z.string(), processBatch: () => "" });
  const next = defineHandler("next", { input: z.int(), output: z.int(), processBatch: (n) => n });
  const both = defineHandler("both", {
    input: z.object({ a: z.array(z.int()), b: z.array(z.int()) }),
    output: z.null(),
    processBatch: () => null,
  });
  const start = flow("etl").node("a", one).node("b", one).node("t", text);

  test.each([true, false])("of two lists that fit, either compiles (the first: %s)", (isFirst) => {
    const { edges } = start.node("c", next, { after: isFirst ? ["a"] : ["b"] }).compile();
    expect(edges).toEqual([[isFirst ? "a" : "b", "c"]]);
  });

  test.each([true, false])(
    "what the compiler refuses of either list, compile() refuses of it (the first: %s)",
    (isFirst) => {
      // @ts-expect-error edge 't' -> 'c': the whole payload is string, needs number
      const made = start.node("c", next, { after: isFirst ? ["a"] : ["t"] });
      if (isFirst) expect(made.compile().edges).toEqual([["a", "c"]]);
      else expect(() => made.compile()).toThrow("edge 't' -> 'c': the whole payload is string, needs number");
    },
  );

  test.each([true, false])("a gather of one list lacks the other, which both refuse (the first: %s)", (isFirst) => {
    // @ts-expect-error input of 'c': .b is missing (needs number[]), or .a
    const made = start.node("c", both, { after: isFirst ? ["a"] : ["b"], input: { adapter: "pull.gather" } });
    expect(() => made.compile()).toThrow(`input of 'c': .${isFirst ? "b" : "a"} is missing (needs number[])`);
  });
});

describe("compile() compares outputs with the inputs that read them", () => {
  test("reports one finding per source, at its place in the graph", () => {
    const made = loose()
      .node("a", source(z.object({ rows: z.array(Row) })))
      .node("b", reader(z.object({ rows: z.array(Row) })), { after: ["a"] })
      .node("c", reader2(z.object({ n: z.string() })), { after: ["a", "b"] });
    expect(failureOf(() => made.compile())).toMatchObject({
      code: "FLOW_INVALID",
      details: {
        findings: [
          {
            code: "GRAPH_EDGE_DATA",
            path: "/nodes/2/io/input_inline/input_args/from_nodes/0",
            message: "edge 'a' -> 'c': .n is missing (needs string)",
          },
          {
            code: "GRAPH_EDGE_DATA",
            path: "/nodes/2/io/input_inline/input_args/from_nodes/1",
            message: "edge 'b' -> 'c': .n is number, needs string",
          },
        ],
      },
    });
  });

  test("keys that a default fills are present", () => {
    const output = z.object({ rows: z.array(z.object({ id: z.string().default("") })) });
    pair(output, z.object({ rows: z.array(z.object({ id: z.string() })) })).compile();
  });

  test("chunks of the adapter that a handler suggests are compared", () => {
    const suggested = { adapter: "pull.from_artifacts.rechunk:size", size: 2, metaListKey: "rows" };
    const made = (input: z.ZodType) =>
      loose()
        .node("a", source(z.object({ rows: z.array(Row) })))
        .node("b", reader(input, { inputAdapter: suggested }), { after: ["a"] });
    made(z.array(Row)).compile();
    expect(messagesOf(made(z.object({ rows: z.array(Row) })))).toEqual([
      "edge 'a' -> 'b': the whole payload is { id: string, price: number }[], needs { rows: { id: string, price: number }[] }",
    ]);
  });

  test("elements that a handler suggests or a node reads are compared, and need the key of their list", () => {
    const suggested = { adapter: "pull.from_artifacts.each", metaListKey: "rows" };
    const first = loose().node("a", source(z.object({ rows: z.array(Row) })));
    first.node("b", reader(Row, { inputAdapter: suggested }), { after: ["a"] }).compile();
    expect(messagesOf(first.node("b", reader(z.array(Row), { inputAdapter: suggested }), { after: ["a"] }))).toEqual([
      "edge 'a' -> 'b': the whole payload is { id: string, price: number }, needs { id: string, price: number }[]",
    ]);
    const missing = "node 'b': adapter 'pull.from_artifacts.each' needs 'metaListKey'";
    const reads = (input: object) => first.node("b", reader(Row), { after: ["a"], input });
    expect(() => reads({ adapter: suggested.adapter }).compile()).toThrow(missing);
    expect(() => reader(Row, { inputAdapter: { adapter: suggested.adapter } })).toThrow(
      "adapter 'pull.from_artifacts.each' needs 'metaListKey'",
    );
  });

  test.each([
    ["all", {}, z.object({ a: z.array(Row) }), undefined],
    [
      "any",
      { fanIn: "any" },
      z.object({ a: z.array(Row) }),
      ".a may be missing (needs { id: string, price: number }[])",
    ],
    ["any, of an optional key", { fanIn: "any" }, z.object({ a: z.array(Row).optional() }), undefined],
    [
      "count:1",
      { fanIn: "count:1" },
      z.object({ a: z.array(Row) }),
      ".a may be missing (needs { id: string, price: number }[])",
    ],
    [
      "all, with a key that no source has",
      {},
      z.object({ a: z.array(Row), x: z.null() }),
      ".x is missing (needs null)",
    ],
  ])("gathers under fanIn %s", (_, options, input, why) => {
    const made = pair(Row, input, { ...options, input: { adapter: "pull.gather" } });
    if (why === undefined) made.compile();
    else expect(messagesOf(made)).toEqual([`input of 'b': ${why}`]);
  });

  test("the payload of a custom adapter is compared, or the artifact that it passes on", () => {
    const expand = () => [];
    const rows = defineInputAdapter("pull.rows", { args: z.object({}), payload: z.array(Row), expand });
    const same = defineInputAdapter("pull.same", { args: z.object({}), expand });
    const made = (adapter: string, input: z.ZodType) =>
      loose({ adapters: [rows, same] })
        .node("a", source(z.object({ n: z.number() })))
        .node("b", reader(input), { after: ["a"], input: { adapter } });
    made("pull.rows", z.array(Row)).compile();
    made("pull.same", z.object({ n: z.number() })).compile();
    expect(messagesOf(made("pull.rows", z.array(z.string())))).toEqual([
      "input of 'b': [] is { id: string, price: number }, needs string",
    ]);
    expect(messagesOf(made("pull.same", z.object({ n: z.string() })))).toEqual([
      "input of 'b': .n is number, needs string",
    ]);
  });

  test("the output of a custom coordinator function is compared; that of a built-in one is not known", () => {
    const output = z.object({ sent: z.boolean() });
    const notify = defineCoordinatorFn("notify", { args: z.object({}), output, run: () => ({ sent: true }) });
    const made = (fn: unknown, input: z.ZodType) =>
      loose()
        .node("a", source(Row))
        .fn("f", fn, { after: ["a"] })
        .node("b", reader(input), { after: ["f"] });
    made(notify, output).compile();
    made("noop", z.object({ sent: z.boolean() })).compile();
    expect(messagesOf(made(notify, z.object({ sent: z.string() })))).toEqual([
      "edge 'f' -> 'b': .sent is boolean, needs string",
    ]);
  });

  test("schemas with the same id are compared, although one document cannot contain both", () => {
    const named = (schema: z.ZodType) => schema.meta({ id: "Named" });
    pair(z.object({ x: named(z.string()), y: named(z.number()) }), z.object({ x: z.string() })).compile();
  });

  test("the comparison does not write schemas into the graph", () => {
    expect(pair(Row, Row).compile()).not.toHaveProperty("schemas");
  });
});

function reader2(input: z.ZodType): Loose {
  return defineHandler("reader2", {
    input,
    output: Row,
    processBatch: () => ({ id: "", price: 0 }),
  } as never) as unknown as Loose;
}
